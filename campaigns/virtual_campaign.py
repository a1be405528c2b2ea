"""Learn on virtual hardware over the vendors' protocols, with or without faults, and measure it.

.venv/bin/python campaigns/virtual_campaign.py --attempts 100 --out docs/results/virtual_ur5
.venv/bin/python campaigns/virtual_campaign.py --attempts 100 --fault-every 4 --out results/faults
"""

import argparse
import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import campaign_report as report
import numpy as np
from campaign_faults import FAULTS, Fault, Outcome
from equigrasp_interfaces.action import CollectExperience
from equigrasp_interfaces.msg import Experience, LearnerStatus
from std_srvs.srv import Trigger
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "ros"))

from domains import free_domain
from graph import Graph, wait_for
from rogues import Rogue
from virtual_robot import VirtualRobot, children, own_host, patient_cell

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.ros import names, qos
from equigrasp.ros.runtime.awaited_result import AwaitedResult

_TICKS = float(os.sysconf("SC_CLK_TCK"))
_NEVER = 10**9
_PATIENCE = 25.0  # [s] without an attempt after which the operator steps in
_FALSE_IMAGES = 4.0  # [s]
_LOST = re.compile(r"Attempt \d+: (.*)")


class Campaign:
    """One run of the graph against one virtual cell."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._options = options
        self._rng = np.random.default_rng(options.seed)
        self.robot = VirtualRobot(own_host(1), folder / "virtual.log", "--seed", str(options.seed))
        arguments = self.robot.arguments | {"method": options.method, "seed": str(options.seed)}
        if options.patient:
            arguments["cell"] = patient_cell(folder)
        self.graph = Graph(folder, free_domain(), "ur5", **arguments)
        joint_names = load_config(CellConfig, "cells", "ur5").load_arm().joint_names
        self._rogue = Rogue(self.graph.node, joint_names)
        self.status = LearnerStatus()
        self._last_done = 0
        self._last_progress = time.monotonic()
        self._faults = [f for f in FAULTS if f.begin.startswith(options.only)]
        assert self._faults, f"no fault begins with '{options.only}'"
        self.outcomes: list[Outcome] = []
        self.num_recoveries = 0  # by the operator, outside of faults that call for one
        self.told: report.Told = {}
        subscribe = self.graph.node.create_subscription
        subscribe(LearnerStatus, names.LEARNER_STATUS, self._on_status, qos.latched())
        subscribe(Experience, names.EXPERIENCE, self._on_experience, qos.experience())

    @property
    def _done(self) -> int:
        return int(self.status.num_attempts)

    def run(self) -> dict[str, float]:
        """Make the attempts; return the share of a core that each process took."""
        goal, next_fault = self._begin(), self._options.fault_every or _NEVER
        wait_for(lambda: self._done > 0, 120.0, "the first attempt")
        before, began = self._cpu_times(), time.monotonic()
        with tqdm(total=self._options.attempts, unit="attempt") as bar:
            while self._done < self._options.attempts:
                bar.update(self._done - bar.n)
                self._stand_by()
                if goal.is_done or goal.loss():  # the collector gave up, or died
                    time.sleep(1.0)
                    goal = self._begin()
                if self._done >= next_fault:
                    goal = self._cause(self._faults[len(self.outcomes) % len(self._faults)], goal)
                    next_fault = self._done + self._options.fault_every
                time.sleep(0.1)
            bar.update(self._done - bar.n)
        passed = time.monotonic() - began
        return {
            name: (used - before.get(name, 0.0)) / passed
            for name, used in self._cpu_times().items()
        }

    def motion(self) -> list[dict[str, Any]]:
        """Return the virtual controller's record of how the arm moved."""
        rows: list[dict[str, Any]] = json.loads(self.robot.order("motion"))
        return rows

    def close(self) -> None:
        """End everything and check that nothing is left."""
        try:
            self.graph.close()
        finally:
            assert self.robot.close() == 0

    def _begin(self) -> AwaitedResult:
        goal = CollectExperience.Goal(
            num_attempts=max(1, self._options.attempts - self._done),
            mode=Experience.MODE_TRAIN,
            is_learning=True,
        )
        handle = self.graph.send(CollectExperience, names.COLLECT_EXPERIENCE, goal)
        client = self.graph.client(CollectExperience, names.COLLECT_EXPERIENCE)
        return AwaitedResult(client, handle)

    def _cause(self, fault: Fault, goal: AwaitedResult) -> AwaitedResult:
        """Cause a fault, end it, and wait until attempts go on; return the goal then pursued."""
        time.sleep(float(self._rng.uniform(0.0, 4.0)))  # some phase of a grasp
        tqdm.write(f"after {self._done} attempts: {fault.begin}", file=sys.stderr)
        first, num_lost, num_recoveries = self._done, len(self._losses()), self.num_recoveries
        self._do(fault.begin)
        time.sleep(fault.duration)
        if fault.end:
            self.robot.order(fault.end)
        ended, enough = time.monotonic(), self._done + 2  # one may have been under way
        if fault.needs_recovery:
            self._recover()
        while self._done < enough and time.monotonic() < ended + 120.0:
            self._stand_by()
            if goal.is_done or goal.loss():
                goal = self._begin()
            time.sleep(0.1)
        lost = self._losses()[num_lost:]
        self.outcomes.append(
            Outcome(
                fault.begin,
                first,
                self._done >= enough,
                round(time.monotonic() - ended, 1),
                len(lost),
                self.num_recoveries - num_recoveries,
                lost[0] if lost else "",
            )
        )
        return goal

    def _do(self, what: str) -> None:
        kind, _, name = what.partition(" ")
        if kind == "kill":
            os.kill(self.graph.processes[name].process.pid, signal.SIGKILL)
        elif what == "rogue trajectories":
            accepted = self._rogue.send_bad_trajectories()
            assert not accepted, f"the arm node took {accepted}"
        elif what == "rogue NaN images":
            self._rogue.send_false_images(float("nan"), _FALSE_IMAGES)
        else:
            self.robot.order(what)

    def _losses(self) -> list[str]:
        """Return what the collector said of each attempt that ended as a fault."""
        log = self.graph.folder / f"{names.COLLECTOR}.log"
        return _LOST.findall(log.read_text(errors="replace"))

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
        self.status = message

    def _on_experience(self, message: Experience) -> None:
        stamp = message.header.stamp
        told = self.told.setdefault(int(message.attempt), set())
        told.add((stamp.sec, stamp.nanosec, float(message.reward)))

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


def _write(folder: Path, campaign: Campaign, cpu: dict[str, float], motion: Any) -> str:
    """Write the result of a campaign into `options.out`; return it as Markdown."""
    out, run = campaign._options.out, folder / "run"
    parts = [
        report.figures(run, campaign.num_recoveries),
        report.losses(run, campaign.told, campaign.status),
        report.limits(motion, 125.0),
    ]
    if campaign.outcomes:
        parts.append(report.faults(campaign.outcomes))
        report.write_faults(out / "faults.csv", campaign.outcomes)
    else:
        parts.append(report.shares(cpu))
    text = "\n\n".join("\n".join(part) for part in parts) + "\n"
    (out / ("faults.md" if campaign.outcomes else "campaign.md")).write_text(text, "utf-8")
    (out / "metrics.csv").write_bytes((run / "metrics.csv").read_bytes())
    return text


def main() -> None:
    """Run the campaign and write `campaign.md`, or `faults.md` and `faults.csv`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=100, help="attempts [100]")
    parser.add_argument("--method", default="asr:tiny", help="method [asr:tiny]")
    parser.add_argument(
        "--fault-every", type=int, default=0, help="attempts between faults; 0: none"
    )
    parser.add_argument("--only", default="", help="faults whose order begins so; empty: all")
    parser.add_argument(
        "--patient", action="store_true", help="a watchdog that forgives a busy machine"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed [0]")
    parser.add_argument("--out", type=Path, default=Path("results/virtual_ur5"), help="folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave nothing behind
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        campaign = Campaign(folder, options)
        cpu, motion = {}, []
        try:
            cpu = campaign.run()
            motion = campaign.motion()
        finally:
            try:
                campaign.close()
            finally:
                for log in folder.glob("*.log"):
                    (options.out / log.name).write_bytes(log.read_bytes())
        sys.stdout.write(_write(folder, campaign, cpu, motion))


if __name__ == "__main__":
    main()
