"""Goals and topics of strangers, against a graph with a simulated robot."""

import functools
import os
import random
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory
from domains import free_domain
from equigrasp_interfaces.action import CollectExperience, MoveHome, PickObject
from equigrasp_interfaces.msg import Experience, MotionResult
from geometry_msgs.msg import TransformStamped
from graph import Graph, wait_for
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectoryPoint
from unique_identifier_msgs.msg import UUID

from equigrasp.ros import names, qos
from field_cases.case import Case

_CODES = FollowJointTrajectory.Result
_HEADER = b"\x00\x01\x00\x00"  # of CDR, little-endian
_MANY = 1_000_000
_LARGEST_LOG_GROWTH = 20_000  # bytes that one hostile message may add to a log
_TOPICS: tuple[tuple[Any, str], ...] = (
    (Image, names.DEPTH_IMAGE), (CameraInfo, names.CAMERA_INFO), (TFMessage, names.TF),
    (JointState, names.JOINT_STATES), (UUID, names.HEARTBEAT), (Clock, names.CLOCK),
    (Experience, names.EXPERIENCE),
)  # fmt: skip


class Live:
    """A graph that runs until this process ends, and a client beside it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.graph = Graph(Path(self._folder.name), free_domain(), real_time_factor="4")
        self.joints: JointState | None = None
        self.graph.node.create_subscription(
            JointState, names.JOINT_STATES, self._on_joints, qos.sensor_data()
        )
        self.check_alive()

    def close(self) -> None:
        """End the graph."""
        with suppress(AssertionError):
            self.graph.close()
        self._folder.cleanup()

    def _on_joints(self, message: JointState) -> None:
        if len(message.name) == 6:
            self.joints = message

    def positions(self) -> np.ndarray:
        """Return where the arm is now, (6,) [rad]."""
        self.joints = None
        wait_for(lambda: self.joints is not None, 20.0, "joint states")
        assert self.joints is not None
        return np.array(self.joints.position)

    def result(self, kind: Any, name: str, goal: Any) -> Any:
        """Return the result of a goal."""
        return self.graph.result(self.graph.send(kind, name, goal), 120.0).result

    def check_alive(self) -> None:
        """Fail unless every process lives, and the arm goes home."""
        deadline = time.monotonic() + 60.0
        while (
            result := self.result(MoveHome, names.MOVE_HOME, MoveHome.Goal()).motion
        ).error_code:
            assert time.monotonic() < deadline, f"the arm does not go home: {result.error_msg}"
        assert not self.graph.restarts, self.graph.restarts

    def trajectory(self, way: float, *times: float, stamp: float = 0.0) -> Any:
        """Return a goal that turns the last joint by a way [rad], its points at times [s]."""
        self.positions()
        assert self.joints is not None
        goal = FollowJointTrajectory.Goal()
        goal.trajectory.joint_names = list(self.joints.name)
        goal.trajectory.header.stamp.sec = int(stamp)
        for number, moment in enumerate(times, 1):
            positions = list(self.joints.position)
            positions[-1] += way * number / len(times)
            point = JointTrajectoryPoint(positions=positions, velocities=[0.0] * 6)
            point.time_from_start.sec = int(moment)
            point.time_from_start.nanosec = int(1e9 * (moment % 1.0))
            goal.trajectory.points.append(point)
        return goal

    def check_refused(self, goal: Any, *codes: int) -> str:
        """Fail unless a trajectory is refused with one of some codes, and nothing moves."""
        before = self.positions()
        result = self.result(FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY, goal)
        assert result.error_code in codes, f"code {result.error_code}: {result.error_string}"
        assert np.abs(self.positions() - before).max() < 1e-3, "the arm moved"
        assert len(result.error_string) < 2500
        return f"refused, nothing moves: {result.error_string}"

    def log_size(self) -> int:
        """Return how much the processes have written [bytes]."""
        return sum(p.stat().st_size for p in self.graph.folder.glob("*.log"))


@functools.cache
def _live() -> Live:
    return Live()


def close() -> None:
    """End what the cases share."""
    if _live.cache_info().currsize:
        _live().close()


def _point_for_now(_: Path) -> str:
    live = _live()
    return live.check_refused(live.trajectory(0.5, 0.0), _CODES.INVALID_GOAL)


def _stamped(seconds: float, code: int) -> Any:
    def run(_: Path) -> str:
        live = _live()
        live.positions()
        assert live.joints is not None
        stamp = live.joints.header.stamp.sec + seconds
        return live.check_refused(live.trajectory(0.1, 0.0, 2.0, stamp=stamp), code)

    return run


def _many_points(_: Path) -> str:
    live = _live()
    goal = live.trajectory(0.1, 1.0)
    goal.trajectory.points = goal.trajectory.points * _MANY
    client = live.graph.client(FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY)
    began, before = time.monotonic(), live.positions()
    sent = client.send_goal_async(goal)  # once: it takes long to be read
    wait_for(sent.done, 180.0, "an answer")
    result = live.graph.result(sent.result(), 180.0).result
    passed = time.monotonic() - began
    assert result.error_code == _CODES.INVALID_GOAL, result.error_code
    assert np.abs(live.positions() - before).max() < 1e-3, "the arm moved"
    live.check_alive()
    return f"refused after {passed:.0f} s of reading: {result.error_string}"


def _beyond_limits(_: Path) -> str:
    live = _live()
    return live.check_refused(live.trajectory(20.0, 60.0), _CODES.INVALID_GOAL)


def _long_joint_name(_: Path) -> str:
    live = _live()
    goal, before = live.trajectory(0.1, 2.0), live.log_size()
    goal.trajectory.joint_names[0] = "k" * _MANY
    live.check_refused(goal, _CODES.INVALID_GOAL)
    grown = live.log_size() - before
    assert grown < _LARGEST_LOG_GROWTH, f"the logs grew by {grown} bytes"
    return f"refused; the logs grew by {grown} bytes"


def _wrong_pick(**change: Any) -> Any:
    def run(_: Path) -> str:
        live, before = _live(), _live().positions()
        goal = PickObject.Goal(**({"pick_workspace": "left", "place_workspace": "right"} | change))
        result = live.result(PickObject, names.PICK_OBJECT, goal).motion
        assert result.error_code == MotionResult.INVALID_GOAL, result.error_code
        assert np.abs(live.positions() - before).max() < 1e-3, "the arm moved"
        return f"refused: {result.error_msg}"

    return run


def _wrong_mode(_: Path) -> str:
    goal = CollectExperience.Goal(num_attempts=1, mode=9)
    result = _live().result(CollectExperience, names.COLLECT_EXPERIENCE, goal)
    assert result.error_code == CollectExperience.Result.INVALID_GOAL, result.error_code
    return f"refused: {result.error_msg}"


def _raw_bytes(_: Path) -> str:
    live, rng, count = _live(), random.Random(3), 0
    for kind, name in _TOPICS:
        latched = name == names.EXPERIENCE
        publisher = live.graph.node.create_publisher(kind, name, qos.latched() if latched else 10)
        time.sleep(0.5)
        for number in range(80):
            data = _HEADER + (b"\xff" * number if number < 20 else rng.randbytes(number))
            with suppress(RuntimeError):  # too many bytes for this type
                publisher.publish(data)
                count += 1
            time.sleep(0.005)
        live.graph.node.destroy_publisher(publisher)
    live.check_alive()
    return f"{count} messages on {len(_TOPICS)} topics dropped; every process lives"


def _clock(seconds: Any) -> Any:
    def run(_: Path) -> str:
        live = _live()
        live.positions()
        assert live.joints is not None
        message = Clock()
        message.clock.sec = seconds(live.joints.header.stamp.sec)
        publisher = live.graph.node.create_publisher(Clock, names.CLOCK, 10)
        for _ in range(200):
            publisher.publish(message)
            time.sleep(0.01)
        live.graph.node.destroy_publisher(publisher)
        live.check_alive()
        return "outlived: the arm goes home"

    return run


def _zero_rotations(_: Path) -> str:
    live = _live()
    publisher = live.graph.node.create_publisher(TFMessage, names.TF_STATIC, qos.latched())
    message = TransformStamped(child_frame_id="overhead_optical_frame")
    message.header.frame_id, message.transform.rotation.w = names.BASE_FRAME, 0.0
    for _ in range(50):
        publisher.publish(TFMessage(transforms=[message]))
        time.sleep(0.02)
    live.graph.node.destroy_publisher(publisher)
    live.check_alive()
    return "ignored: the arm goes home"


def _malformed_experience(_: Path) -> str:
    live = _live()
    learner = live.graph.processes[names.LEARNER].process.pid
    publisher = live.graph.node.create_publisher(Experience, names.EXPERIENCE, qos.experience())
    time.sleep(1.0)
    for attempt in range(40):
        message = Experience(attempt=attempt % 3, reward=float("nan"))
        message.header.frame_id = "f" * 100_000
        publisher.publish(message)
        time.sleep(0.02)
    live.graph.node.destroy_publisher(publisher)
    log = live.graph.folder / f"{names.LEARNER}.log"
    wait_for(lambda: "was dropped" in log.read_text(errors="replace"), 20.0, "a word about it")
    os.kill(learner, 0)
    live.check_alive()
    return "dropped, named, counted; the learner lives"


CASES = [
    Case("one point at time 0, 0.5 rad away", "went unchecked past box and limits", _point_for_now),
    Case("stamped 10 s ago", "its stamp did not count", _stamped(-10.0, _CODES.OLD_HEADER_TIMESTAMP)),
    Case("stamped in 1000 s", "its stamp did not count", _stamped(1000.0, _CODES.INVALID_GOAL)),
    Case("a million points", "all of them were worked out", _many_points),
    Case("a joint 20 rad past its limit", "left to the robot", _beyond_limits),
    Case("a joint's name of a million letters", "echoed whole, in log and result", _long_joint_name),
    Case("unknown mode of a pick", "an exception without a code", _wrong_pick(mode=9)),
    Case("unknown place of a pick", "found out after the first motion", _wrong_pick(place_workspace="moon")),
    Case("unknown mode of a collection", "found out attempt by attempt", _wrong_mode),
    Case("raw bytes that are no message", "rclpy raises, the process ends", _raw_bytes),
    Case("/clock negative", "rclpy raises, the process ends", _clock(lambda now: -5)),
    Case("/clock 0 (a reset)", "ages are negative, waits do not end", _clock(lambda now: 0)),
    Case("/clock 1000 s ahead", "every deadline is over", _clock(lambda now: now + 1000)),
    Case("tf of zero quaternions", "scipy raises, the process ends", _zero_rotations),
    Case("malformed Experience", "the callback raises, the learner ends", _malformed_experience),
]  # fmt: skip
