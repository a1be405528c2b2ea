"""Ends, neighbours and networks of whole graphs."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from domains import free_domain
from equigrasp_interfaces.msg import Experience
from equigrasp_interfaces.srv import PlanGrasp
from graph import wait_for
from network import namespaces, try_case
from other_driver import REMAPPINGS, TOPICS, OtherDriver
from sensor_msgs.msg import CameraInfo
from test_nodes import Bench

from equigrasp.diagnosis.network import THIS_MACHINE
from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.ros import names, qos
from equigrasp.ros.names import ARM
from field_cases.case import ROOT, Case, process

_UP = ("up", "sim", "--method", "asr:tiny", "--attempts", "1000", "--real-time-factor", "4")
_NUM_NODES = 5


class Up:
    """`equigrasp up sim`, until it is closed."""

    def __init__(self, folder: Path) -> None:
        self.out, self.domain = folder / "run", str(free_domain())
        with (folder / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "ignore",
                    "-m",
                    "equigrasp.cli",
                    *_UP,
                    "--out",
                    str(self.out),
                ],
                env=os.environ | {"ROS_DOMAIN_ID": self.domain, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(lambda: len(self.nodes()) == _NUM_NODES, 120.0, "the nodes")

    def nodes(self) -> list[int]:
        """Return the processes of its nodes."""
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                is_ours = f"{self.out}/logs/".encode() in (folder / "cmdline").read_bytes()
                if folder.name.isdigit() and is_ours:
                    found.append(int(folder.name))
        return found

    def wait_for_attempts(self, count: int) -> None:
        """Wait until attempts were made."""
        metrics = self.out / "metrics.csv"
        wait_for(lambda: len(read_metrics(metrics)) >= count, 200.0, f"{count} attempts")

    def close(self) -> None:
        """End what is left, by force."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pid in self.nodes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _ended_by(number: signal.Signals) -> Any:
    def run(folder: Path) -> str:
        up = Up(folder)
        try:
            up.wait_for_attempts(1)
            began = time.monotonic()
            up.process.send_signal(number)
            wait_for(lambda: up.process.poll() is not None and not up.nodes(), 90.0, "the end")
            passed = time.monotonic() - began
            logs = "".join(p.read_text(errors="replace") for p in up.out.glob("logs/*.log"))
            assert "Traceback" not in logs, logs[-500:]
            return f"all {_NUM_NODES} nodes ended in order within {passed:.0f} s"
        finally:
            up.close()

    return run


def _second_graph(folder: Path) -> str:
    up = Up(folder)
    try:
        told = process(*_UP, "--out", str(folder / "b"), code=2, told=f"process {up.process.pid}",
                       ROS_DOMAIN_ID=up.domain)  # fmt: skip
        assert not (folder / "b").exists() and up.process.poll() is None
        return told
    finally:
        up.close()


def _static_peers(folder: Path) -> str:
    try:
        with namespaces():
            seen, _ = try_case(THIS_MACHINE, "LOCALHOST", "", 10.0, folder)
    except (OSError, subprocess.CalledProcessError):
        return "SKIPPED: no network namespaces here; see network.py"
    assert ARM not in seen, f"another machine sees {seen}"
    return "another machine that asks the robot's address sees no node"


def _intrinsics_once(folder: Path) -> str:
    bench = Bench(folder, domain_id=free_domain())
    try:
        driver = OtherDriver(bench.node)
        kept: list[Any] = []

        class Once:
            """Publishes the first message, latched, and no other."""

            publisher = bench.node.create_publisher(
                CameraInfo, f"{TOPICS}/{names.CAMERA_INFO}", qos.latched()
            )

            def publish(self, message: Any) -> None:
                if not kept:
                    kept.append(message)
                    self.publisher.publish(message)

        bench.node.destroy_publisher(driver._infos)
        driver._infos = Once()
        bench.spin_until(lambda: kept, 10.0, "the intrinsics")
        bench.start(
            "training.policy", "-p", "method:=asr:tiny", "-p", "image_timeout:=1.0", *REMAPPINGS
        )
        request = PlanGrasp.Request(workspace="left", mode=Experience.MODE_RANDOM)
        code = PlanGrasp.Response.NOT_ACTIVE
        while code == PlanGrasp.Response.NOT_ACTIVE:
            answer = bench.call(PlanGrasp, names.PLAN_GRASP, request)
            code = answer.error_code
        assert code == 0, answer.error_msg
        return "heard, though told before the node was there: a grasp is planned"
    finally:
        bench.close()


CASES = [
    Case("kill -HUP of the supervisor", "it dies, its nodes go on", _ended_by(signal.SIGHUP)),
    Case("kill -9 of the supervisor", "its nodes go on", _ended_by(signal.SIGKILL)),
    Case("a second up in the same domain", "both command one robot", _second_graph),
    Case("ROS_STATIC_PEERS from another machine", "it moved the arm", _static_peers),
    Case("camera_info told once, latched", "waits for another", _intrinsics_once),
    Case("up with an unknown method", "found out by each node, restarted",
         lambda f: process("up", "sim", "--method", "nonsense", "--out", str(f / "r"), code=2,
                           told="Unknown method 'nonsense'")),
]  # fmt: skip
