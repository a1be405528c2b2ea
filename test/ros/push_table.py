"""The graph of the gantry with an untrained push-grasp policy, and what its tests ask it for."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from builtin_interfaces.msg import Time
from domains import free_domain
from equigrasp_interfaces.action import ExecutePush, MoveHome
from equigrasp_interfaces.msg import Target
from equigrasp_interfaces.srv import GetObjects, PlanPushGrasp, SegmentScene, SpawnObjects
from graph import Graph, wait_for
from own_masks import SERVICE, OwnMasks
from sensor_msgs.msg import JointState

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.ros.messages.times import from_time, to_time
from equigrasp.ros.messages.transforms import from_pose_msg

CELL = load_cell("gantry")
TABLE = CELL.workspace("table")
SIDE = 0.045  # [m] of a block


class SentState(NamedTuple):
    """A joint state: wall time at which the driver sent it [s], stamp [s], positions [m], [rad]."""

    sent: float
    stamp: float
    positions: np.ndarray


class Table(Graph):
    """The graph of the gantry with an untrained policy, whose labels come from `OwnMasks`."""

    def __init__(self, folder: Path) -> None:
        parameters = folder / "parameters.yaml"
        parameters.write_text(
            "/**/sim_bridge: {ros__parameters: {num_objects: 0, has_attendant: false}}\n"
            f"/**/policy: {{ros__parameters: {{segmenter: {SERVICE}}}}}\n"
        )
        super().__init__(
            folder, free_domain(), without=("collector", "learner"), params_file=str(parameters),
            cell="gantry", method="push_grasp:tiny", weights="none",
        )  # fmt: skip
        self.masks = OwnMasks(self.node, CELL, SIDE)
        self.states: list[SentState] = []
        self._states = self.node.create_subscription(
            JointState, "joint_states", self._on_state, 50
        )
        self._service_clients: dict[str, Any] = {}

    def _on_state(self, message: JointState, info: dict[str, Any]) -> None:
        if len(message.position) == len(CELL.load_arm().joint_names):
            stamp = from_time(message.header.stamp)
            sent = 1e-9 * info["source_timestamp"]
            self.states.append(SentState(sent, stamp, np.array(message.position)))

    def call(self, kind: Any, name: str, **request: Any) -> Any:
        """Return the answer of a service."""
        if name not in self._service_clients:
            self._service_clients[name] = self.node.create_client(kind, name)
        client = self._service_clients[name]
        wait_for(client.service_is_ready, 60.0, f"{name} {self.logs()}")
        future = client.call_async(kind.Request(**request))
        wait_for(future.done, 60.0, f"an answer of {name} {self.logs()}")
        return future.result()

    def plan(self, target: Target, **request: Any) -> PlanPushGrasp.Response:
        """Have an action for a target planned."""
        return self.call(
            PlanPushGrasp, "plan_push_grasp", workspace="table", target=target, **request
        )

    def now(self) -> Time:
        """Return a time of the robot's clock that comes after all that was done so far."""
        asked = time.time()
        wait_for(lambda: self.states[-1].sent > asked, 30.0, "joint states")
        return to_time(self.states[-1].stamp)

    def see(self) -> SegmentScene.Response:
        """Have the scene segmented as it is now."""
        seen = self.call(SegmentScene, "segment_scene", workspace="table", not_before=self.now())
        assert seen.error_code == 0, seen.error_msg
        return seen

    def places(self) -> np.ndarray:
        """Return where the objects are, shape (N, 3) [m]."""
        poses = self.call(GetObjects, "sim_bridge/get_objects").poses
        return np.array([from_pose_msg(pose).position for pose in poses]).reshape(-1, 3)

    def lay_out(self, layout: str, **request: Any) -> SpawnObjects.Response:
        """Have a scene laid out."""
        return self.call(
            SpawnObjects, "sim_bridge/spawn_objects", workspace="table", layout=layout, **request
        )

    def act(self, action: Any, name: str, goal: Any, phases: list[int] | None = None) -> Any:
        """Carry out a goal and return its result."""
        heard = [] if phases is None else phases
        handle = self.send(action, name, goal, lambda m: heard.append(m.feedback.phase.phase))
        return self.result(handle, 120.0).result

    def go_home(self) -> None:
        """Go home, again and again until it succeeds."""

        def is_home() -> bool:
            return bool(self.act(MoveHome, "move_home", MoveHome.Goal()).motion.error_code == 0)

        wait_for(is_home, 60.0, f"the arm to be at home {self.logs()}")

    def moved(self, since: float) -> float:
        """Return how far a joint went after a wall time [s], by what the driver sent after it."""

        def sent() -> list[np.ndarray]:
            return [state.positions for state in self.states if state.sent > since]

        wait_for(lambda: len(sent()) > 20, 30.0, "joint states")
        seen = np.array(sent())
        return float(np.abs(seen - seen[0]).max())


def by_id(label: int) -> Target:
    """Return a target by its number."""
    return Target(kind=Target.KIND_ID, id=label)


def at_point(x: float, y: float) -> Target:
    """Return a target by where it lies [m]."""
    target = Target(kind=Target.KIND_POINT)
    target.point.point.x, target.point.point.y = float(x), float(y)
    return target


def push_goal(x: float, y: float, direction: float, **changes: Any) -> ExecutePush.Goal:
    """Return a push at 2 cm over the table."""
    goal = ExecutePush.Goal()
    push = goal.push
    push.workspace, push.header.frame_id = changes.pop("workspace", "table"), "base_link"
    push.start.x, push.start.y, push.start.z = float(x), float(y), changes.pop("z", 0.02)
    push.direction, push.length = float(direction), changes.pop("length", 0.10)
    return goal
