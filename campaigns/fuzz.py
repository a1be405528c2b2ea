"""Throw goals, messages and files at a graph with a simulated robot, and print what became of them.

.venv/bin/python campaigns/fuzz.py --minutes 10 --seed 0

Exit code 1 if the arm left its box or limits, a process died or turned deaf, memory grew, or a file ended in anything
but an error of ours. The simulation runs as fast as it can, and files are tried in a process of its own: two cores are busy.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "contract"))
sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "ros"))

from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory, GripperCommand
from domains import free_domain
from equigrasp_interfaces.action import CollectExperience, ExecuteGrasp, MoveHome, PickObject
from followers import ARM, CELL, random_trajectory
from fuzz_files import FileFuzz
from fuzz_topics import TopicFuzz
from graph import Graph, wait_for
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.devices.motion import JointState
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.ros import names, qos
from equigrasp.ros.messages.joints import from_joint_state_msg
from equigrasp.ros.messages.trajectories import to_trajectory_msg

_TRACKING = 5e-3  # [m], [rad] that a simulated joint swings past its set-point
_SPEED_ROOM = 1.1  # measured joint speeds swing, too
_GROWTH = 40.0  # [MB] that a process may take on after the first quarter
_LONGEST_NAME = 100_000
_ODD = (float("nan"), float("inf"), -1e308, 0.0, 1e-300)


class Watch:
    """Holds every state that the arm tells of against box and limits.

    Attributes:
        newest: The last one.
        breaches: What was outside, and by how much.
    """

    def __init__(self, graph: Graph) -> None:
        self.newest: JointState | None = None
        self.num_states, self.breaches = 0, Counter[str]()
        self._check = TrajectoryCheck(CELL)
        graph.node.create_subscription(
            JointStateMsg, names.JOINT_STATES, self._on_state, qos.reliable(100)
        )

    def measured(self) -> JointState:
        """Return where the arm is; with `set_point`, what `random_trajectory` asks for."""
        assert self.newest is not None
        return self.newest

    def set_point(self) -> JointState:
        """Return where the arm is."""
        return self.measured()

    def _on_state(self, message: JointStateMsg) -> None:
        state = from_joint_state_msg(message, ARM.joint_names)
        if state is None:
            return
        self.newest, limits, safety = state, ARM.limits, CELL.safety
        self.num_states += 1
        joints = state.positions
        tool, heights = self._check.places(joints[None])
        low, high = np.asarray(safety.box.lower), np.asarray(safety.box.upper)
        for what, is_well in (
            ("joint range", (joints >= np.asarray(limits.lower) - _TRACKING).all()
             and (joints <= np.asarray(limits.upper) + _TRACKING).all()),
            ("joint speed",
             (np.abs(state.velocities) <= _SPEED_ROOM * np.asarray(limits.velocities)).all()),
            ("box", (tool[:, :3] >= low - _TRACKING).all() and (tool[:, :3] <= high + _TRACKING).all()),
            ("link height", heights.min() >= safety.link_height - _TRACKING),
        ):  # fmt: skip
            if not is_well:
                self.breaches[what] += 1


class GoalFuzz:
    """Sends goals of every action, and keeps how they ended.

    Args:
        graph: The graph.
        watch: Where the arm is.
        rng: Of the goals.
    """

    def __init__(self, graph: Graph, watch: Watch, rng: np.random.Generator) -> None:
        self._graph, self._watch, self._rng = graph, watch, rng
        self._drift = rng.normal(size=6)
        self._results: list[tuple[str, Any]] = []
        self.count, self.num_unanswered = 0, 0
        self.ends: Counter[str] = Counter()

    def send(self) -> None:
        """Send one, most often a trajectory, and do not wait for its end."""
        kind, name, goal = self._draw()
        sent = self._graph.client(kind, name).send_goal_async(goal)
        self.count += 1
        with suppress(AssertionError):
            wait_for(sent.done, 60.0, "an answer")
        if not sent.done():
            self.num_unanswered += 1
        elif sent.result().accepted:
            self._results.append((name.rpartition("/")[2], sent.result().get_result_async()))
        self.take_in()

    def take_in(self) -> None:
        """Count the goals that have ended."""
        open_ = []
        for name, future in self._results:
            if not future.done():
                open_.append((name, future))
                continue
            answer = future.result()
            code = getattr(answer.result, "error_code", 0)
            is_well = answer.status == GoalStatus.STATUS_SUCCEEDED
            self.ends[f"{name}: {'succeeded' if is_well else f'ended, code {code}'}"] += 1
        self._results = open_

    def wait_for_the_rest(self) -> int:
        """Return how many goals have no result after a minute."""
        deadline = time.monotonic() + 60.0
        while self._results and time.monotonic() < deadline:
            self.take_in()
            time.sleep(0.1)
        return len(self._results) + self.num_unanswered

    def _draw(self) -> tuple[Any, str, Any]:
        rng = self._rng
        text = str(rng.choice(["", "left", "right", "moon", "x" * _LONGEST_NAME, "\x01/../é"]))
        number = float(rng.choice([*_ODD, 0.02, 0.05, 0.085, 40.0]))
        small = int(rng.integers(0, 12))
        chance = rng.random()
        if chance < 0.88:
            return FollowJointTrajectory, names.FOLLOW_JOINT_TRAJECTORY, self._trajectory()
        if chance < 0.92:
            goal = GripperCommand.Goal()
            goal.command.position, goal.command.max_effort = number, number
            return GripperCommand, names.GRIPPER_COMMAND, goal
        if chance < 0.95:
            return (
                PickObject,
                names.PICK_OBJECT,
                PickObject.Goal(pick_workspace=text, place_workspace=text, mode=small),
            )
        if chance < 0.97:
            return MoveHome, names.MOVE_HOME, MoveHome.Goal()
        if chance < 0.99:
            grasp = ExecuteGrasp.Goal(place_workspace=text)
            grasp.grasp.workspace, grasp.grasp.theta = text, number
            grasp.grasp.position.x, grasp.grasp.position.z = number, 0.02
            return ExecuteGrasp, names.EXECUTE_GRASP, grasp
        return (
            CollectExperience,
            names.COLLECT_EXPERIENCE,
            CollectExperience.Goal(num_attempts=1, mode=small),
        )

    def _trajectory(self) -> Any:
        rng = self._rng
        drawn = random_trajectory(rng, self._watch, self._drift)  # type: ignore[arg-type]
        message = to_trajectory_msg(drawn, ARM.joint_names)
        points = message.points
        if points and rng.random() < 0.4:
            point = points[int(rng.integers(len(points)))]
            kind = rng.choice(["value", "time", "short", "name", "stamp", "again", "velocity"])
            if kind == "value":
                point.positions[int(rng.integers(6))] = float(rng.choice(_ODD))
            elif kind == "velocity":
                point.velocities[int(rng.integers(6))] = float(rng.choice([*_ODD, 5.0]))
            elif kind == "time":
                point.time_from_start.sec = int(rng.integers(-(2**31), 2**31))
            elif kind == "short":
                point.positions.pop()
            elif kind == "name":
                odd = str(rng.choice(["", "knee", "k" * _LONGEST_NAME, message.joint_names[0]]))
                message.joint_names[int(rng.integers(6))] = odd
            elif kind == "again":
                message.points = points * int(rng.choice([2, 500]))
            else:
                message.header.stamp.sec = int(rng.integers(-(2**31), 2**31))
        return FollowJointTrajectory.Goal(trajectory=message)


def memory(graph: Graph) -> dict[str, float]:
    """Return the memory of each process [MB]."""
    found = {}
    for name, process in graph.processes.items():
        text = Path(f"/proc/{process.process.pid}/statm").read_text(encoding="ascii")
        found[name] = int(text.split()[1]) * 4096 / 1e6
    return found


def fuzz(folder: Path, minutes: float, seed: int) -> int:
    """Do it, print a table, and return an exit code."""
    rng = np.random.default_rng(seed)
    graph = Graph(folder, free_domain(), real_time_factor="0")
    files, topics = FileFuzz(folder / "files", seed), TopicFuzz(graph.node, seed)
    try:
        watch = Watch(graph)
        goals = GoalFuzz(graph, watch, rng)
        wait_for(lambda: watch.newest is not None, 60.0, "joint states")
        graph.result(graph.send(MoveHome, names.MOVE_HOME, MoveHome.Goal()))
        files.start()
        topics.start()
        began, before = time.monotonic(), {}
        while (passed := time.monotonic() - began) < 60.0 * minutes:
            goals.send()
            if not before and passed > 15.0 * minutes:
                before = memory(graph)
            time.sleep(float(rng.choice([0.0, 0.02, 0.1])))
        topics.stop()
        num_open = goals.wait_for_the_rest()
        grown = {n: size - before.get(n, size) for n, size in memory(graph).items()}
        home = graph.result(graph.send(MoveHome, names.MOVE_HOME, MoveHome.Goal())).result.motion
        rows = [
            ("goals sent; without an answer", f"{goals.count}; {num_open}", num_open == 0),
            ("states watched; outside", f"{watch.num_states}; {dict(watch.breaches) or 'none'}",
             not watch.breaches and watch.num_states > 0),
            ("messages sent on topics", str(topics.count), topics.count > 0),
            ("files tried; not met by an error of ours", files.stop(), files.is_well),
            ("processes that died", "; ".join(graph.restarts) or "none", not graph.restarts),
            ("the arm goes home afterwards", home.error_msg or "yes", home.error_code == 0),
            ("memory since the first quarter [MB]",
             ", ".join(f"{n} {g:+.1f}" for n, g in grown.items()), max(grown.values()) < _GROWTH),
            ("written to logs [MB]",
             f"{sum(p.stat().st_size for p in folder.glob('*.log')) / 1e6:.1f}", True),
        ]  # fmt: skip
        return _tell(rows, goals.ends)
    finally:
        files.close()
        topics.stop()
        with suppress(AssertionError):
            graph.close()


def _tell(rows: list[tuple[str, str, bool]], ends: Counter[str]) -> int:
    lines = ["| what | found | |", "|---|---|---|"]
    lines += [
        f"| {what} | {found} | {'ok' if is_well else '**NO**'} |" for what, found, is_well in rows
    ]
    lines += ["", "How goals ended: " + ", ".join(f"{k} {v}" for k, v in ends.most_common()) + "."]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(is_well for _, _, is_well in rows) else 1


def main() -> int:
    """Fuzz for a while; return 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long [10]")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn [0]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return fuzz(Path(folder), options.minutes, options.seed)


if __name__ == "__main__":
    sys.exit(main())
