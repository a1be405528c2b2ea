"""Cancel grasps at random moments from another process, and tell what becomes of them.

The tests do it half a dozen times, `campaigns/cancels.py` some hundred.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from equigrasp_interfaces.action import ExecuteGrasp, MoveHome
from equigrasp_interfaces.msg import MotionResult
from equigrasp_interfaces.srv import GetObjects
from graph import Graph, wait_for
from sensor_msgs.msg import JointState

from equigrasp.primitives.outcome import Phase

AT_REST = 0.02  # [rad/s]
_LIFTED = 0.02  # [m] an object that rose by more may hang in the fingers
_CARRIED = 0.1  # [m] an object that is higher by more when the arm is at home does hang in them
_LONGEST = 4.5  # [s] an attempt takes at most about this long
_ENOUGH = 20  # joint states that tell whether the arm rests
_OBSERVED = 0.4  # [s] after a cancel in which the joints are watched


class Joints:
    """Joint speeds, with the wall time at which the driver sent them.

    Not of their arrival: a client that is late itself would count as an arm that moves.
    """

    def __init__(self, graph: Graph) -> None:
        self.speeds: list[tuple[float, float]] = []
        self._subscription = graph.node.create_subscription(
            JointState, "joint_states", self._on_state, 50
        )

    def _on_state(self, message: JointState, info: dict[str, Any]) -> None:
        if len(message.velocity) == 6:
            sent = 1e-9 * info["source_timestamp"]
            self.speeds.append((sent, max(map(abs, message.velocity))))

    def stay_at_rest(self, since: float) -> bool:
        """Return whether no joint moves in what the driver sends after `since` [s].

        Not in the first message: it may have been measured before.
        """

        def sent() -> list[float]:
            return [speed for t, speed in self.speeds if t > since][1:]

        wait_for(lambda: len(sent()) > _ENOUGH, 10.0, "joint states")
        return max(sent()) < AT_REST

    def time_to_rest(self, since: float) -> float:
        """Return how long after `since` the arm last moved [s], and forget what was heard."""
        assert self.speeds and self.speeds[-1][0] > since, "no joint states since the cancel"
        moving = [t for t, speed in self.speeds if t >= since and speed >= AT_REST]
        self.speeds.clear()
        return max(moving, default=since) - since


@dataclass(frozen=True)
class Cancel:
    """What became of one cancelled grasp.

    Args:
        phase: Of the grasp when it was cancelled.
        time_to_rest: From the cancel to the last joint state with a speed above `AT_REST` [s].
        time_to_result: From the cancel to the goal's result [s].
        time_to_accept: From sending the next goal to its acceptance [s].
        is_canceled: Whether the goal ended CANCELED; else it had succeeded already.
        says_held: What the result says of the fingers.
        rested: Whether no joint moved any more once the result was there.
        is_lifted: Whether an object truly was higher then than before the grasp, and rose on with
            the hand when it went home.
    """

    phase: str
    time_to_rest: float
    time_to_result: float
    time_to_accept: float
    is_canceled: bool
    says_held: bool
    rested: bool
    is_lifted: bool


class Canceller:
    """Sends grasps of objects and cancels them."""

    def __init__(self, graph: Graph, joints: Joints, rng: np.random.Generator) -> None:
        self._graph = graph
        self._joints = joints
        self._rng = rng
        self._objects = graph.node.create_client(GetObjects, "sim_bridge/get_objects")
        assert self._objects.wait_for_service(20.0)
        self.go_home()

    def cancel_one(self, earliest: float = 0.0, latest: float = 1.0) -> Cancel:
        """Begin a grasp, cancel it, watch the arm, and send it home.

        Args:
            earliest: The grasp is cancelled at random after this share of the longest attempt ...
            latest: ... and before this one.
        """
        phases, before = [0], self._heights()
        handle = self._graph.send(
            ExecuteGrasp,
            "execute_grasp",
            self._goal(),
            lambda message: phases.append(int(message.feedback.phase.phase)),
        )
        time.sleep(_LONGEST * float(self._rng.uniform(earliest, latest)))
        phase = Phase(phases[-1])
        asked = time.time()
        handle.cancel_goal_async()
        answer = self._graph.result(handle, 5.0)
        answered = time.time()
        rested = self._joints.stay_at_rest(answered)
        time.sleep(max(0.0, asked + _OBSERVED - time.time()))
        time_to_rest = self._joints.time_to_rest(asked)
        after = self._heights()
        sent = time.monotonic()
        home = self._graph.send(MoveHome, "move_home", MoveHome.Goal())
        accepted = time.monotonic()
        ended = self._graph.result(home, 20.0).result
        assert ended.motion.error_code == 0, f"cancelled in {phase.name}: {ended.motion.error_msg}"
        at_home = self._heights()
        is_lifted = any(
            after[i] - before[i] > _LIFTED and at_home[i] - before[i] > _CARRIED for i in before
        )
        if answer.status == GoalStatus.STATUS_CANCELED:
            assert answer.result.motion.error_code == MotionResult.CANCELLED
        else:
            assert answer.status == GoalStatus.STATUS_SUCCEEDED, answer.result.motion.error_msg
        return Cancel(
            phase=phase.name.lower(),
            time_to_rest=time_to_rest,
            time_to_result=answered - asked,
            time_to_accept=accepted - sent,
            is_canceled=answer.status == GoalStatus.STATUS_CANCELED,
            says_held=bool(answer.result.motion.is_object_held),
            rested=rested,
            is_lifted=is_lifted,
        )

    def go_home(self) -> None:
        """Go home, again and again until it succeeds."""
        wait_for(self._is_home, 60.0, "the arm to be at home")

    def _is_home(self) -> bool:
        handle = self._graph.send(MoveHome, "move_home", MoveHome.Goal())
        return bool(self._graph.result(handle, 20.0).result.motion.error_code == 0)

    def _scene(self) -> GetObjects.Response:
        future = self._objects.call_async(GetObjects.Request())
        wait_for(future.done, 10.0, "the objects")
        return future.result()

    def _heights(self) -> dict[int, float]:
        scene = self._scene()
        return {h: p.position.z for h, p in zip(scene.handles, scene.poses, strict=True)}

    def _goal(self) -> ExecuteGrasp.Goal:
        """Return a grasp of some object that lies well inside a tray."""
        inner = [
            p.position
            for p in self._scene().poses
            if abs(p.position.x - 0.45) < 0.1 and 0.11 < abs(p.position.y) < 0.31
        ]
        target = inner[self._rng.integers(len(inner))]
        goal = ExecuteGrasp.Goal(seed=int(self._rng.integers(2**31)))
        goal.grasp.workspace, goal.place_workspace = (
            ("left", "right") if target.y > 0 else ("right", "left")
        )
        goal.grasp.header.frame_id = "base_link"
        position = goal.grasp.position
        position.x, position.y, position.z = target.x, target.y, 0.012
        goal.grasp.width, goal.grasp.theta = 0.085, float(self._rng.uniform(0.0, np.pi))
        return goal
