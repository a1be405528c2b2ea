"""The whole graph in real processes over real DDS: attempts, bad goals, cancels, kills."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from action_msgs.msg import GoalStatus  # noqa: E402
from canceller import Canceller, Joints  # noqa: E402
from domains import free_domain  # noqa: E402
from equigrasp_interfaces.action import (  # noqa: E402
    CollectExperience,
    ExecuteAction,
    ExecuteGrasp,
    MoveHome,
    PickObject,
)
from equigrasp_interfaces.msg import Action, Experience, MotionResult  # noqa: E402
from equigrasp_interfaces.msg import Grasp as GraspMsg  # noqa: E402
from equigrasp_interfaces.srv import GetObjects  # noqa: E402
from graph import Graph, wait_for  # noqa: E402

from equigrasp.devices.calibrated_cell import load_cell  # noqa: E402
from equigrasp.experiments.runs.metrics_file import read_metrics  # noqa: E402
from equigrasp.primitives.outcome import Phase  # noqa: E402
from equigrasp.replay.experience_log import ExperienceLog  # noqa: E402
from equigrasp.ros import names, qos  # noqa: E402
from equigrasp.ros.messages.gripper_commands import FingerCommand, GripperAction  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(600)]
STOP_TIME = 0.2  # [s]
ACCEPT_TIME = 1.0  # [s]
NUM_ATTEMPTS = 6
NUM_CANCELS = 6


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    graph = Graph(tmp_path_factory.mktemp("graph"), domain_id=free_domain())
    yield graph
    graph.close()


@pytest.fixture(scope="module")
def joints(graph: Graph) -> Joints:
    return Joints(graph)


def grasp_goal(**changes: Any) -> ExecuteGrasp.Goal:
    goal = ExecuteGrasp.Goal(place_workspace="right", seed=1)
    goal.grasp.workspace = "left"
    goal.grasp.header.frame_id = "base_link"
    position = goal.grasp.position
    position.x, position.y, position.z = 0.45, 0.21, 0.03
    goal.grasp.width, goal.grasp.theta = 0.085, 0.4
    for key, value in changes.items():
        setattr(position if key in "xyz" else goal.grasp, key, value)
    return goal


def collection_goal(num_attempts: int) -> CollectExperience.Goal:
    return CollectExperience.Goal(
        num_attempts=num_attempts, mode=Experience.MODE_TRAIN, is_learning=True
    )


def test_attempts_are_collected_logged_and_measured(graph: Graph, wall_clock: Any) -> None:
    heard, wanted = [], []
    graph.node.create_subscription(GraspMsg, names.PLANNED_GRASP, wanted.append, qos.latched())
    handle = graph.send(
        CollectExperience,
        "collect_experience",
        collection_goal(NUM_ATTEMPTS),
        lambda m: heard.append(m.feedback),
    )
    result = graph.result(handle, 300.0).result
    assert result.error_code == 0, result.error_msg + graph.logs()
    assert result.num_attempts == NUM_ATTEMPTS and result.num_faults <= 1, graph.logs()
    assert heard[-1].num_attempts == NUM_ATTEMPTS and heard[-1].attempts_per_hour > 0
    wall_clock.hold(3600.0 / heard[-1].attempts_per_hour, 3600.0 / 400.0, "an attempt")
    metrics = graph.folder / "run" / "metrics.csv"
    wait_for(lambda: len(read_metrics(metrics)) == NUM_ATTEMPTS, 10.0, "a row an attempt")
    log = ExperienceLog(graph.folder / "run" / "experience.log", is_writing=False)
    assert [step.index for step, _ in log] == list(range(NUM_ATTEMPTS))
    assert wanted and wanted[-1].header.frame_id == names.BASE_FRAME


def test_the_lines_of_the_readme_pick_an_object(graph: Graph) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines = readme.split("```python\n")[1].split("```")[0]
    assert "PickObject" in lines
    graph.client(PickObject, "pick_object")
    done = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("True", "False"), done.stdout


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"x": 0.9}, MotionResult.INVALID_GOAL, "outside workspace 'left'"),
        ({"z": float("nan")}, MotionResult.INVALID_GOAL, "finite"),
        ({"z": -0.05}, MotionResult.INVALID_GOAL, "height"),
        ({"width": 0.2}, MotionResult.INVALID_GOAL, "stroke"),
        ({"workspace": "attic"}, MotionResult.INVALID_GOAL, "left, right"),
        ({"x": 0.599, "z": 0.004}, MotionResult.IN_COLLISION, "contact"),
    ],
)
def test_bad_goals_are_refused_and_nothing_moves(
    graph: Graph, joints: Joints, changes: dict, code: int, words: str
) -> None:
    wait_for(lambda: bool(joints.speeds), 20.0, "joint states")
    sent = time.time()
    handle = graph.send(ExecuteGrasp, "execute_grasp", grasp_goal(theta=0.0, **changes))
    answer = graph.result(handle)
    assert answer.result.motion.error_code == code, answer.result.motion.error_msg
    assert words in answer.result.motion.error_msg and answer.status == GoalStatus.STATUS_ABORTED
    assert joints.stay_at_rest(sent)


def test_cancels_stop_the_arm_and_the_next_goal_is_accepted(
    graph: Graph, joints: Joints, wall_clock: Any
) -> None:
    canceller = Canceller(graph, joints, np.random.default_rng(0))
    parts = np.linspace(0.0, 1.0, NUM_CANCELS + 1)  # of an attempt: every phase has its turn
    cancels = [canceller.cancel_one(*part) for part in zip(parts, parts[1:], strict=False)]
    assert sum(c.is_canceled for c in cancels) >= NUM_CANCELS / 2
    assert all(c.rested for c in cancels)
    for cancel in cancels:  # twice the bound: tests share their cores; docs/results has the p99
        wall_clock.hold(cancel.time_to_rest, 2 * STOP_TIME, str(cancel))
        wall_clock.hold(cancel.time_to_accept, ACCEPT_TIME, str(cancel))


def let_go(graph: Graph) -> None:
    """Open the fingers: a cancelled grasp leaves in them what they held, and a push needs them closed."""
    config = load_cell("ur5").load_gripper()
    action = GripperAction(config)
    goal = action.to_goal(FingerCommand(config.limits.stroke, 0.0, 0.0))
    answer = graph.result(graph.send(action.type, names.GRIPPER_COMMAND, goal), 20.0)
    opened = action.from_result(answer.result)
    assert opened.has_arrived, opened


def push_goal() -> ExecuteAction.Goal:
    goal = ExecuteAction.Goal(action=Action(kind=Action.KIND_PUSH))
    push = goal.action.push
    push.workspace, push.header.frame_id = "left", "base_link"
    push.start.x, push.start.y, push.start.z = 0.40, 0.21, 0.06
    push.direction, push.length = 0.0, 0.10
    return goal


def test_a_push_is_carried_out_and_stopped_in_its_stroke(
    graph: Graph, joints: Joints, wall_clock: Any
) -> None:
    let_go(graph)
    phases: list[int] = []
    done = graph.send(
        ExecuteAction,
        "execute_action",
        push_goal(),
        lambda message: phases.append(int(message.feedback.phase.phase)),
    )
    result = graph.result(done).result
    assert result.motion.error_code == 0, result.motion.error_msg
    assert (result.reward, result.discount) == (0.0, 1.0)
    assert Phase.PUSH in phases and phases[-1] == Phase.RETURN
    phases.clear()
    handle = graph.send(
        ExecuteAction,
        "execute_action",
        push_goal(),
        lambda message: phases.append(int(message.feedback.phase.phase)),
    )
    wait_for(lambda: Phase.PUSH in phases, 60.0, "the stroke")
    time.sleep(0.4)
    asked = time.time()
    handle.cancel_goal_async()
    answer = graph.result(handle, 10.0)
    answered = time.time()
    assert answer.result.motion.error_code == MotionResult.CANCELLED
    assert joints.stay_at_rest(answered)
    wall_clock.hold(joints.time_to_rest(asked), 2 * STOP_TIME, "a cancel in the stroke")
    home = graph.result(graph.send(MoveHome, "move_home", MoveHome.Goal()), 30.0).result
    assert home.motion.error_code == 0, home.motion.error_msg


def test_a_newer_goal_takes_the_place_of_the_running_one(graph: Graph) -> None:
    heard: list[Any] = []
    first = graph.send(ExecuteGrasp, "execute_grasp", grasp_goal(), heard.append)
    wait_for(lambda: bool(heard), 10.0, "the grasp to begin")
    second = graph.send(MoveHome, "move_home", MoveHome.Goal())
    answer = graph.result(first, 10.0)
    assert answer.result.motion.error_code == MotionResult.PREEMPTED
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert graph.result(second, 20.0).result.motion.error_code == 0


class Collection:
    """Attempts that are made while processes are killed, for several tests."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._handle: Any = None
        self._result: Any = None
        self.log = graph.folder / "run" / "experience.log"

    def begin(self) -> None:
        """Collect; a goal that runs no longer is forgotten."""
        goal = collection_goal(50)
        self._handle = self._graph.send(CollectExperience, "collect_experience", goal)
        self._result = self._handle.get_result_async()

    def go_on(self) -> None:
        """See to it that attempts are made."""
        if self._result is None or self._result.done():
            size = self.log.stat().st_size
            self.begin()
            self.wait_for_more_than(size)

    def wait_for_more_than(self, size: int) -> None:
        """Wait for another attempt than those that make a log of `size` bytes."""
        wait_for(lambda: self.log.stat().st_size > size, 150.0, f"an attempt {self._graph.logs()}")

    def end(self) -> None:
        """Cancel the goal."""
        if self._handle is not None:
            self._handle.cancel_goal_async()
            wait_for(self._result.done, 20.0, "the end of the collection")


@pytest.fixture(scope="module")
def collection(graph: Graph) -> Iterator[Collection]:
    collection = Collection(graph)
    yield collection
    collection.end()


@pytest.mark.parametrize("victim", ["learner", "policy", "executor", "collector", "sim_bridge"])
def test_a_killed_process_comes_back_and_the_run_goes_on(
    graph: Graph, collection: Collection, victim: str
) -> None:
    collection.go_on()
    process = graph.processes[victim]
    before, size = process.num_restarts, collection.log.stat().st_size
    os.kill(process.process.pid, signal.SIGKILL)
    wait_for(lambda: process.num_restarts == before + 1, 10.0, "the restart")
    if victim == "collector":
        collection.begin()
    collection.wait_for_more_than(size)
    attempts = [step.index for step, _ in ExperienceLog(collection.log, is_writing=False)]
    assert attempts == list(range(len(attempts)))  # nothing lost, nothing twice


def test_the_simulation_tells_where_the_objects_are(graph: Graph) -> None:
    client = graph.node.create_client(GetObjects, "sim_bridge/get_objects")
    assert client.wait_for_service(20.0)
    future = client.call_async(GetObjects.Request())
    wait_for(future.done, 10.0, "the objects")
    assert len(future.result().names) == 15 and future.result().poses[0].position.z > -0.1
