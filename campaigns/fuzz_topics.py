"""Messages that are none, and messages of odd numbers, on every topic of a graph."""

import random
import threading
import time
from contextlib import suppress
from typing import Any

from equigrasp_interfaces.msg import Experience, LearnerStatus, PolicyUpdate
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image, JointState
from tf2_msgs.msg import TFMessage
from unique_identifier_msgs.msg import UUID

from equigrasp.ros import names, qos

_PERIOD = 0.01  # [s]
_HEADER = b"\x00\x01\x00\x00"  # of CDR, little-endian
_LONG = "f" * 100_000


class TopicFuzz:
    """Sends from a thread of its own until it is stopped.

    Never what a robot could have sent: who may speak for the robot may say where its arm is.

    Args:
        node: Sends.
        seed: Of what is sent.
    """

    def __init__(self, node: Node, seed: int) -> None:
        self._rng, self.count = random.Random(seed), 0
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        transform = TransformStamped(child_frame_id=_LONG)
        kinds: tuple[tuple[Any, str, Any], ...] = (
            (Image(encoding="32FC1", height=10**6, width=10**6), names.DEPTH_IMAGE, 10),
            (CameraInfo(width=2**31, height=1), names.CAMERA_INFO, 10),
            (TFMessage(transforms=[transform]), names.TF, 100),
            (TFMessage(transforms=[transform]), names.TF_STATIC, qos.latched()),
            (JointState(name=["knee", _LONG], position=[float("nan")]), names.JOINT_STATES, 10),
            (UUID(), names.HEARTBEAT, 10),
            (Experience(reward=float("nan")), names.EXPERIENCE, qos.experience()),
            (PolicyUpdate(version=2**60, file="/dev/zero", sha256=_LONG), names.POLICY_UPDATE,
             qos.latched()),
            (LearnerStatus(metric_names=["loss"], metric_values=[]), "odd_status", qos.latched()),
        )  # fmt: skip
        self._publishers = [
            (node.create_publisher(type(message), name, profile), serialize_message(message))
            for message, name, profile in kinds
        ]

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._send, name="topics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; may be called twice."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _send(self) -> None:
        rng = self._rng
        while not self._is_over.wait(_PERIOD):
            publisher, sound = rng.choice(self._publishers)
            data = bytearray(sound)
            kind = rng.random()
            if kind < 0.4:
                data = bytearray(_HEADER + rng.randbytes(rng.randrange(400)))
            elif kind < 0.6:
                data = data[: rng.randrange(len(data))]
            elif kind < 0.8:
                for _ in range(rng.randrange(1, 8)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            with suppress(RuntimeError):  # too many bytes for this type
                publisher.publish(bytes(data))
                self.count += 1
            time.sleep(0.0)
