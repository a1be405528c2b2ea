"""Learn on virtual hardware over the vendors' protocols, with or without faults, and measure it.

.venv/bin/python test/ros/virtual_campaign.py --attempts 100 --out docs/results/virtual_ur5
.venv/bin/python test/ros/virtual_campaign.py --attempts 100 --fault-every 5 --out results/faults
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from equigrasp_interfaces.action import CollectExperience
from equigrasp_interfaces.msg import Experience, LearnerStatus
from graph import Graph, wait_for
from std_srvs.srv import Trigger
from tqdm import tqdm
from virtual_robot import VirtualRobot, children, own_host

from equigrasp.experiments.metrics_file import read_metrics
from equigrasp.nodes import names, qos
from equigrasp.replay.experience_log import ExperienceLog

_TICKS = float(os.sysconf("SC_CLK_TCK"))
_NEVER = 10**9
_PATIENCE = 25.0  # [s] without an attempt after which the operator steps in


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong for a while.

    Args:
        begin: Order to the virtual cell, or `kill NODE`.
        end: Order that ends it; empty: it ends by itself.
        duration: How long it lasts [s].
        needs_recovery: Whether a person has to recover the arm.
    """

    begin: str
    end: str = ""
    duration: float = 0.0
    needs_recovery: bool = False


FAULTS = (
    Fault("drop_link", "restore_link", 3.0),
    Fault("late_packets 0.05", "late_packets 0", 5.0),
    Fault("stop_program", needs_recovery=True),
    Fault("protective_stop", "unlock", 6.0, needs_recovery=True),
    Fault("speed_slider 0.3", "speed_slider 1", 5.0),
    Fault("gripper_unplug", "gripper_plug", 3.0),
    Fault("gripper_answers silence", "gripper_answers well", 1.5),
    Fault("gripper_answers noise", "gripper_answers well", 1.0),
    Fault("camera_unplug", "camera_plug", 4.0),
    Fault("camera_freeze on", "camera_freeze off", 4.0),
    Fault("camera_blind on", "camera_blind off", 4.0),
    Fault("camera_delay 1.5", "camera_delay 0", 4.0),
    Fault("kill arm"),
    Fault("kill gripper"),
    Fault("kill camera"),
    Fault("kill executor"),
    Fault("kill policy"),
    Fault("kill learner"),
)


class Campaign:
    """One run of the graph against one virtual cell."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._options = options
        self._rng = np.random.default_rng(options.seed)
        self.robot = VirtualRobot(own_host(1), folder / "virtual.log", "--seed", str(options.seed))
        arguments = self.robot.arguments | {"method": options.method, "seed": str(options.seed)}
        self.graph = Graph(folder, 20 + os.getpid() % 10, "ur5", **arguments)
        self._done = self._last_done = 0
        self._last_progress = time.monotonic()
        self._faults = [f for f in FAULTS if f.begin.startswith(options.only)]
        assert self._faults, f"no fault begins with '{options.only}'"
        self.faults: list[tuple[str, bool]] = []
        self.num_recoveries = 0  # by the operator, outside of faults that call for one
        self.graph.node.create_subscription(
            LearnerStatus, names.LEARNER_STATUS, self._on_status, qos.latched()
        )

    def run(self) -> dict[str, float]:
        """Make the attempts; return the share of a core that each process took."""
        self.graph.client(CollectExperience, names.COLLECT_EXPERIENCE)
        goal, next_fault = self._begin(), self._options.fault_every or _NEVER
        wait_for(lambda: self._done > 0, 120.0, "the first attempt")
        before, began = self._cpu_times(), time.monotonic()
        with tqdm(total=self._options.attempts, unit="attempt") as bar:
            while self._done < self._options.attempts:
                bar.update(self._done - bar.n)
                self._stand_by()
                if goal.done():  # the collector gave up, or died
                    time.sleep(1.0)
                    goal = self._begin()
                if self._done >= next_fault:
                    self._cause(self._faults[len(self.faults) % len(self._faults)])
                    next_fault = self._done + self._options.fault_every
                time.sleep(0.1)
            bar.update(self._done - bar.n)
        passed = time.monotonic() - began
        return {
            name: (used - before.get(name, 0.0)) / passed
            for name, used in self._cpu_times().items()
        }

    def close(self) -> None:
        """End everything and check that nothing is left."""
        try:
            self.graph.close()
        finally:
            assert self.robot.close() == 0

    def _begin(self) -> Any:
        goal = CollectExperience.Goal(
            num_attempts=self._options.attempts - self._done,
            mode=Experience.MODE_TRAIN,
            is_learning=True,
        )
        return self.graph.send(
            CollectExperience, names.COLLECT_EXPERIENCE, goal
        ).get_result_async()

    def _cause(self, fault: Fault) -> None:
        """Cause a fault, end it, and wait until attempts go on."""
        tqdm.write(f"after {self._done} attempts: {fault.begin}", file=sys.stderr)
        time.sleep(float(self._rng.uniform(0.0, 4.0)))  # some phase of a grasp
        what, _, node = fault.begin.partition(" ")
        if what == "kill":
            os.kill(self.graph.processes[node].process.pid, signal.SIGKILL)
        else:
            self.robot.order(fault.begin)
        time.sleep(fault.duration)
        if fault.end:
            self.robot.order(fault.end)
        if fault.needs_recovery:
            self._recover()
        done = self._done
        deadline = time.monotonic() + 90.0
        while self._done == done and time.monotonic() < deadline:
            self._stand_by()
            time.sleep(0.1)
        self.faults.append((fault.begin, self._done > done))

    def _stand_by(self) -> None:
        """Do what an operator does when nothing goes on: look, and recover the arm."""
        if self._done != self._last_done:
            self._last_done, self._last_progress = self._done, time.monotonic()
        elif time.monotonic() - self._last_progress > _PATIENCE:
            self._last_progress = time.monotonic()
            self.num_recoveries += 1
            self._recover()

    def _recover(self) -> None:
        client = self.graph.node.create_client(Trigger, "arm/recover")
        if not client.wait_for_service(5.0):
            tqdm.write("no service arm/recover", file=sys.stderr)
            return
        future = client.call_async(Trigger.Request())
        wait_for(future.done, 60.0, "the recovery")
        tqdm.write(f"recovered: {future.result().message}", file=sys.stderr)

    def _on_status(self, message: LearnerStatus) -> None:
        self._done = int(message.num_attempts)

    def _cpu_times(self) -> dict[str, float]:
        """Return the CPU time of each process [s]; its children count as another."""
        found: dict[str, float] = {}
        pids = {name: p.process.pid for name, p in self.graph.processes.items()}
        for name, pid in (pids | {"virtual cell": self.robot.process.pid}).items():
            found[name] = _cpu_time(pid)
            found[f"{name}: child"] = sum(map(_cpu_time, children(pid)))
        return {name: used for name, used in found.items() if used}


def _cpu_time(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def summary(folder: Path, shares: dict[str, float], campaign: Campaign) -> str:
    """Return the figures as Markdown."""
    rows = read_metrics(folder / "run" / "metrics.csv")
    times = np.array([float(r["attempt_time"]) for r in rows])
    idle = np.array([float(r["idle_time"]) for r in rows])
    success = np.array([float(r["success"]) for r in rows])
    log = ExperienceLog(folder / "run" / "experience.log")
    attempts = [t.attempt for t, _ in log]
    log.close()
    lines = [
        f"{len(rows)} attempts, {3600 * len(rows) / times.sum():.0f} an hour at real time; "
        f"success {100 * success.mean():.0f} %, of the last 30 {100 * success[-30:].mean():.0f} %.",
        f"Arm and fingers at rest {100 * idle.sum() / times.sum():.1f} % of the time "
        f"(median attempt {np.median(times):.2f} s, at rest {np.median(idle):.2f} s).",
        f"Attempts in the log complete and in order: {attempts == list(range(len(rows)))}.",
        f"Recoveries by the operator, beside those that a fault called for: {campaign.num_recoveries}.",
        "",
        "| process | share of a core |",
        "|---|---|",
        *(f"| {name} | {100 * share:.0f} % |" for name, share in shares.items()),
    ]
    faults = campaign.faults
    if faults:
        lines += ["", "| fault | caused | attempts went on |", "|---|---|---|"]
        caused = Counter(name for name, _ in faults)
        lines += [
            f"| {name} | {count} | {sum(ok for n, ok in faults if n == name)} |"
            for name, count in caused.items()
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the campaign and write `campaign.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=100, help="attempts [100]")
    parser.add_argument("--method", default="asr_tiny", help="method [asr_tiny]")
    parser.add_argument(
        "--fault-every", type=int, default=0, help="attempts between faults; 0: none"
    )
    parser.add_argument("--only", default="", help="faults whose order begins so; empty: all")
    parser.add_argument("--seed", type=int, default=0, help="seed [0]")
    parser.add_argument("--out", type=Path, default=Path("results/virtual_ur5"), help="folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        campaign = Campaign(folder, options)
        shares: dict[str, float] = {}
        try:
            shares = campaign.run()
        finally:
            try:
                campaign.close()
            finally:
                for log in folder.glob("*.log"):
                    (options.out / log.name).write_bytes(log.read_bytes())
        text = summary(folder, shares, campaign)
        (options.out / "campaign.md").write_text(text, encoding="utf-8")
        metrics = (folder / "run" / "metrics.csv").read_bytes()
        (options.out / "metrics.csv").write_bytes(metrics)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
