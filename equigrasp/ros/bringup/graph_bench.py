"""What the graph costs: a message's way between processes, CPU and memory of every node."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from equigrasp_interfaces.action import CollectExperience
from equigrasp_interfaces.msg import Experience
from equigrasp_interfaces.msg import Heightmap as HeightmapMsg
from rclpy.executors import ExternalShutdownException

from equigrasp.config import to_mapping
from equigrasp.devices.owner import become_owner, owner_of_this_process
from equigrasp.diagnosis.network import THIS_MACHINE, choose_network
from equigrasp.errors import DeviceTimeoutError, EquigraspError
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.methods.registry import load_method
from equigrasp.ros import names, qos
from equigrasp.ros.bringup.launch_parts import describe, resolve
from equigrasp.ros.bringup.supervisor import ManagedProcess
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.client_node import client_node

_NUM_HOPS = 200
_START_TIMEOUT = 90.0  # [s]
_WARM_UP_ATTEMPTS = 24  # SGD has begun by then
_WINDOW = 40.0  # [s] over which CPU and attempts are counted
_TO, _BACK = "graph_bench/to", "graph_bench/back"


def bench_graph() -> list[str]:
    """Run the graph for about three minutes and return lines to print.

    Raises:
        EquigraspError: if the graph does not come up.
    """
    # A domain of its own: the goals must never reach a robot that is running.
    os.environ["ROS_DOMAIN_ID"] = str(60 + os.getpid() % 30)
    choose_network(THIS_MACHINE)
    with client_node("graph_bench") as node:
        return [_hop_line(_time_hops(node)), *_measure_graph(node)]


def _time_hops(node: Any) -> np.ndarray:
    """Send heightmaps to an echoing process and back; return half the round trips [s]."""
    echo = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "equigrasp.ros.bringup.graph_bench"],
        env=os.environ | become_owner().environment,
    )
    arrived = threading.Event()
    try:
        node.create_subscription(HeightmapMsg, _BACK, lambda _: arrived.set(), qos.reliable())
        publisher = node.create_publisher(HeightmapMsg, _TO, qos.reliable())
        message = HeightmapMsg(data=[0] * (128 * 128))
        _wait(
            lambda: node.count_publishers(_BACK) and publisher.get_subscription_count(), "the echo"
        )
        time.sleep(0.5)
        times = []
        for _ in range(_NUM_HOPS):
            arrived.clear()
            began = time.perf_counter()
            publisher.publish(message)
            if not arrived.wait(2.0):
                raise DeviceTimeoutError("A message of the benchmark was lost.")
            times.append((time.perf_counter() - began) / 2.0)
        return np.array(times)
    finally:
        echo.terminate()
        echo.wait()


def _hop_line(times: np.ndarray) -> str:
    return (
        f"heightmap message between processes, {_NUM_HOPS} hops: "
        f"median {1000 * np.median(times):.2f} ms, p99 {1000 * np.quantile(times, 0.99):.2f} ms"
    )


def _measure_graph(node: Any) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        values = resolve("sim", {"out": str(Path(folder) / "run")})
        run = RunFolder(Path(values["out"]))
        run.begin(values, to_mapping(load_method(values["method"])[1]), None)
        processes = [ManagedProcess(d, Path(folder)) for d in describe("sim", values)]
        try:
            return _observe(node, processes)
        finally:
            for process in processes:
                process.interrupt()
            for process in processes:
                process.wait()


def _observe(node: Any, processes: list[ManagedProcess]) -> list[str]:
    client = ActionClient(node, CollectExperience, names.COLLECT_EXPERIENCE)
    _wait(client.server_is_ready, "the collector")
    heard: list[Any] = []
    goal = CollectExperience.Goal(num_attempts=10**6, mode=Experience.MODE_TRAIN, is_learning=True)
    sent = client.send_goal_async(goal, feedback_callback=lambda m: heard.append(m.feedback))
    _wait(sent.done, "the collector's answer")
    _wait(lambda: len(heard) >= _WARM_UP_ATTEMPTS, "the first attempts", 10 * _START_TIMEOUT)
    before, attempts = [_cpu_time(p.process.pid) for p in processes], len(heard)
    began = time.monotonic()
    time.sleep(_WINDOW)
    passed = time.monotonic() - began
    lines = [
        f"{3600 * (len(heard) - attempts) / passed:.0f} attempts an hour at real-time factor 1; "
        f"arm and fingers at rest {100 * heard[-1].idle_share:.1f} % of the time",
        f"{'process':12} {'CPU':>6} {'memory':>9}",
    ]
    for process, earlier in zip(processes, before, strict=True):
        pid = process.process.pid
        share = (_cpu_time(pid) - earlier) / passed
        lines.append(f"{process.description.name:12} {100 * share:4.0f} % {_memory(pid):6.0f} MB")
    return lines


def _cpu_time(pid: int) -> float:
    """Return the CPU time of a process [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _memory(pid: int) -> float:
    """Return the memory that a process alone holds in RAM [MB]."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1e3


def _wait(is_true: Any, what: str, timeout: float = _START_TIMEOUT) -> None:
    deadline = time.monotonic() + timeout
    while not is_true():
        time.sleep(0.02)
        if time.monotonic() > deadline:
            raise EquigraspError(f"Waited {timeout:.0f} s for {what}.")


def _echo() -> None:
    """Send back what comes."""
    rclpy.init()
    node = rclpy.create_node("graph_bench_echo")
    publisher = node.create_publisher(HeightmapMsg, _BACK, qos.reliable())
    node.create_subscription(HeightmapMsg, _TO, publisher.publish, qos.reliable())
    owner = owner_of_this_process()
    if owner is not None:
        owner.watch(rclpy.try_shutdown)
    try:
        rclpy.spin(node)
    except (ExternalShutdownException, KeyboardInterrupt):
        pass


if __name__ == "__main__":
    _echo()
