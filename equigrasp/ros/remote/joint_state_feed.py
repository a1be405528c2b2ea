"""Joint states heard in a thread of their own."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from rclpy.executors import ExternalShutdownException, ShutdownException
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.ros import names, qos
from equigrasp.ros.runtime.message_guard import GuardedExecutor


class JointStateFeed:
    """Hears joint states in a thread and a node of its own, as tf2's listeners do.

    They come a hundred times a second; rclpy's multi-threaded executor would go through every entity
    of the owner's node twice for each of them, which took a third of a core.
    """

    def __init__(self, node: Node) -> None:
        self._listeners: list[Callable[[JointStateMsg], None]] = []
        name = f"{node.get_name()}_joint_states"
        self._node = Node(
            name,
            context=node.context,
            cli_args=[
                "--ros-args",
                "-r",
                f"__node:={name}",
                "-r",
                f"__ns:={node.get_namespace()}",
            ],
            parameter_overrides=[Parameter("use_sim_time", value=False)],
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._subscription = self._node.create_subscription(
            JointStateMsg, names.JOINT_STATES, self._on_message, qos.sensor_data(10)
        )
        self._executor = GuardedExecutor(context=node.context)
        self._executor.add_node(self._node)
        threading.Thread(target=self._spin, name="joint states", daemon=True).start()

    def listen(self, kind: Any, name: str, listener: Callable[[Any], None]) -> None:
        """Have `listener(message)` called, in the feed's thread, for every message of a topic."""
        self._node.create_subscription(kind, name, listener, qos.sensor_data(1))

    def subscribe(self, listener: Callable[[JointStateMsg], None]) -> None:
        """Have `listener(message)` called, in the feed's thread, for every message."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Hear no more."""
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()

    def _on_message(self, message: JointStateMsg) -> None:
        for listener in self._listeners:
            listener(message)

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException, ShutdownException):
            self._executor.spin()
