"""Start the graph on a domain of its own, for tests, and leave nothing behind."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import rclpy
from rclpy.action import ActionClient as RclpyActionClient
from rclpy.action import ActionServer
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

from equigrasp.ros.bringup.graph_options import GraphOptions
from equigrasp.ros.bringup.launch_parts import STOP_ORDER, describe, resolve
from equigrasp.ros.bringup.supervisor import ManagedProcess
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.fair_executor import FairExecutor

_PATIENCE = 60.0  # [s] bounds a hang and nothing else


@contextlib.contextmanager
def node_on(domain_id: int) -> Iterator[Node]:
    """Yield a node on a domain that processes started meanwhile join too; nothing of it remains there.

    A node that is not destroyed outlives the shutdown of its context: whoever looks round in the same
    domain later finds what it subscribes to.
    """
    os.environ["ROS_DOMAIN_ID"] = str(domain_id)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    node = Node("tester", context=context)
    try:
        yield node
    finally:
        destroy(node)
        rclpy.try_shutdown(context=context)


class Graph:
    """All processes of `equigrasp up MODE` that do something, watched over, and a client beside them.

    Args:
        folder: Of logs and of the run.
        domain_id: Of DDS.
        mode: Of `equigrasp up`.
        without: Kinds of nodes that are not started.
        params_file: Parameters of the nodes.
        arguments: Of the mode.
    """

    def __init__(
        self,
        folder: Path,
        domain_id: int,
        mode: str = "sim",
        *,
        without: tuple[str, ...] = (),
        params_file: str = "",
        **arguments: str,
    ) -> None:
        self._ending = contextlib.ExitStack()
        self.node = self._ending.enter_context(node_on(domain_id))
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        values = resolve(mode, {"method": "asr:tiny", "out": str(folder / "run"), **arguments})
        options = GraphOptions(description="none", params_file=params_file)
        described = [d for d in describe(mode, values, options) if d.kind not in without]
        self.processes = {d.name: ManagedProcess(d, folder, options) for d in described}
        self._is_watching = True
        self.restarts: list[str] = []
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self._executor = FairExecutor(2, context=self.node.context)
        self._executor.add_node(self.node)
        self._spinner = threading.Thread(target=self._executor.spin, daemon=True)
        self._spinner.start()
        self._clients: dict[str, ActionClient] = {}

    def client(self, action: Any, name: str) -> ActionClient:
        """Return a client whose server is there."""
        if name not in self._clients:
            self._clients[name] = ActionClient(self.node, action, name)
        assert self._clients[name].wait_for_server(60.0), f"no server of '{name}': {self.logs()}"
        return self._clients[name]

    def send(self, action: Any, name: str, goal: Any, on_feedback: Any = None) -> Any:
        """Send a goal and return its accepted handle; a goal sent to a dead server is sent again."""
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline:
            future = self.client(action, name).send_goal_async(goal, feedback_callback=on_feedback)
            patience = time.monotonic() + 6.0
            while not future.done() and time.monotonic() < patience:
                time.sleep(0.005)
            if future.done() and future.result().accepted:
                return future.result()
            time.sleep(0.3)
        raise AssertionError(f"no server of '{name}' took the goal: {self.logs()}")

    def result(self, handle: Any, timeout: float = 60.0) -> Any:
        """Return the result message and status of a goal."""
        future = handle.get_result_async()
        wait_for(future.done, timeout, "a result")
        return future.result()

    def logs(self) -> str:
        """Return the ends of all logs, for messages."""
        return "\n".join(
            f"--- {p.name}\n{p.read_text(errors='replace')[-600:]}"
            for p in sorted(self.folder.glob("*.log"))
        )

    def close(self) -> None:
        """End every process in order and check that none is left."""
        self._is_watching = False
        self._watcher.join()
        codes = {}
        for name in sorted(
            self.processes, key=lambda n: STOP_ORDER.index(self.processes[n].description.kind)
        ):
            self.processes[name].interrupt()
            codes[name] = self.processes[name].wait()
        self._executor.shutdown(timeout_sec=1.0)
        self._ending.close()
        assert all(p.process.poll() is not None for p in self.processes.values())
        assert set(codes.values()) == {0}, f"exit codes {codes}: {self.logs()}"

    def _watch(self) -> None:
        while self._is_watching:
            for process in self.processes.values():
                line = process.watch()
                if line:
                    self.restarts.append(line)
            time.sleep(0.1)


def wait_for(is_true: Callable[[], bool], timeout: float, what: str) -> None:
    """Wait until something is true; fail with `what` if it never comes.

    Args:
        is_true: Whether it has come.
        timeout: In which it comes on a quiet machine [s]; a busy one is given `_PATIENCE` at least.
        what: What is waited for.
    """
    patience = max(timeout, _PATIENCE)
    deadline = time.monotonic() + patience
    while not is_true():
        assert time.monotonic() < deadline, f"waited {patience} s for {what}"
        time.sleep(0.005)


def destroy(node: Node) -> None:
    """Destroy all of a node: `destroy_node` leaves actions and the lifecycle to the garbage collector.

    A participant that ends while that of the next test looks round may half remain in its books.
    """
    for waitable in list(node.waitables):
        if isinstance(waitable, ActionServer | RclpyActionClient):
            waitable.destroy()
    if isinstance(node, LifecycleNode):
        node._state_machine.destroy_when_not_in_use()
    node.destroy_node()
