"""`equigrasp up`: starts the graph, watches over it, and shows how learning goes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from equigrasp_interfaces.action import CollectExperience
from equigrasp_interfaces.msg import Experience, LearnerStatus
from tqdm import tqdm

from equigrasp.devices.end_signals import end_signals, let_go_of_terminal
from equigrasp.devices.owner import become_owner
from equigrasp.diagnosis.environment import prepare_ros
from equigrasp.errors import EquigraspError
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.ros import names, qos
from equigrasp.ros.bringup.domain_claim import check_graph, claim_domain
from equigrasp.ros.bringup.graph_options import GraphOptions
from equigrasp.ros.bringup.launch_parts import MODES, STOP_ORDER, NodeDescription
from equigrasp.ros.bringup.preparation import prepare
from equigrasp.ros.bringup.process_log import bound_log
from equigrasp.ros.bringup.restart_policy import RestartPolicy, why_given_up
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.client_node import client_node

_STOP_TIMEOUT = 20.0  # [s] for a node to end after SIGINT
_LEARNER_LAG_TIMEOUT = 120.0  # [s] for the learner to finish after the last attempt


class ManagedProcess:
    """A node's process, restarted with bounded retries when it dies; it ends with this process."""

    def __init__(
        self,
        description: NodeDescription,
        log_folder: Path,
        options: GraphOptions | None = None,
    ) -> None:
        self.description = description
        self._ros_arguments = (options or GraphOptions()).ros_arguments()
        self._log_path = log_folder / f"{description.name}.log"
        self._policy = RestartPolicy()
        self.num_restarts = 0
        self.process = self._start()

    def watch(self) -> str | None:
        """Restart the process if it died; return a line about it, or None.

        Raises:
            EquigraspError: if it died too often in a short time.
        """
        bound_log(self._log_path)
        code = self.process.poll()
        if code is None:
            return None
        name = self.description.name
        if self._policy.gives_up():
            raise EquigraspError(why_given_up(name, code, str(self._log_path)))
        self.num_restarts += 1
        self.process = self._start()
        return f"node '{name}' ended with code {code}; restarted (pid {self.process.pid})"

    def interrupt(self) -> None:
        """Ask the process to end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Wait for the end, by force after a while; return the exit code."""
        try:
            return self.process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        parameters = self._log_path.with_suffix(".yaml")
        values = {"/**": {"ros__parameters": self.description.parameters}}
        parameters.write_text(yaml.safe_dump(values), encoding="utf-8")
        command = [sys.executable, "-W", "ignore", "-m", self.description.module]
        # ROS would write the same once more to a file that grows for ever.
        command += ["--ros-args", "--disable-external-lib-logs", "--params-file", str(parameters)]
        command += self._ros_arguments
        for old, new in self.description.remappings.items():
            command += ["-r", f"{old}:={new}"]
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | become_owner().environment,
                start_new_session=True,  # Ctrl-C reaches the nodes through us, in order
            )


class Supervisor:
    """Runs a mode to its end or to Ctrl-C.

    Args:
        mode: See `launch_parts.MODES`.
        arguments: All arguments, resolved.
        num_attempts: Attempts in the run, those of before included.
        is_resume: See `RunFolder.begin`.
        options: How the nodes are started; None: by default.

    Raises:
        ConfigError: if an argument is wrong, or another graph is there; nothing was started.
    """

    def __init__(
        self,
        mode: str,
        arguments: dict[str, str],
        num_attempts: int,
        is_resume: bool | None,
        options: GraphOptions | None = None,
    ) -> None:
        self._arguments = arguments
        self._mode, self._options = mode, options or GraphOptions()
        self._num_attempts = num_attempts
        preparation = prepare(mode, arguments, self._options)
        self._descriptions = preparation.nodes
        prepare_ros()
        namespace = self._options.full_namespace
        claim_domain(arguments["out"], namespace)
        check_graph([d.name for d in self._descriptions], namespace)
        self._run = RunFolder(Path(arguments["out"]))
        self._run.begin(arguments, preparation.method, is_resume)
        self._stop = threading.Event()
        self._status: LearnerStatus | None = None
        self._feedback: Any = None
        self._processes: list[ManagedProcess] = []

    def run(self) -> int:
        """Start, watch, collect, stop, report; return an exit code."""
        for number in (*end_signals(), signal.SIGTSTP):  # a suspended one could not watch
            signal.signal(number, self._on_signal)
        try:
            with client_node(names.SUPERVISOR, self._options.full_namespace) as node:
                node.create_subscription(
                    LearnerStatus, names.LEARNER_STATUS, self._on_status, qos.latched()
                )
                client = ActionClient(node, CollectExperience, names.COLLECT_EXPERIENCE)
                return self._run_graph(client)
        finally:
            if self._processes:
                self._report()

    def _on_signal(self, number: int, frame: object) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
        self._stop.set()

    def _run_graph(self, client: ActionClient) -> int:
        logs = self._run.path / "logs"
        logs.mkdir(exist_ok=True)
        try:
            for description in self._descriptions:
                self._processes.append(ManagedProcess(description, logs, self._options))
            self._collect(client)
            return 0
        except EquigraspError as error:
            print(f"equigrasp: {error}", file=sys.stderr)
            return 1
        finally:
            self._end()

    def _on_status(self, message: LearnerStatus) -> None:
        self._status = message

    def _on_feedback(self, message: Any) -> None:
        self._feedback = message.feedback

    def _collect(self, client: ActionClient) -> None:
        """Send goals until the attempts are made; a collector that died gets a new goal."""
        print("starting the graph …", file=sys.stderr)
        if self._options.rviz == "true":
            print(
                f"to watch: {self._options.rviz_command(not MODES[self._mode].is_real)}",
                file=sys.stderr,
            )
        self._wait(lambda: self._status is not None)
        total = self._num_attempts
        with tqdm(total=total, initial=self._done(), unit="attempt", smoothing=0.05) as bar:
            while not self._stop.is_set() and self._done() < total:
                self._wait(client.server_is_ready)
                if not self._stop.is_set():
                    self._pursue(client, total - self._done(), bar)
            deadline = time.monotonic() + _LEARNER_LAG_TIMEOUT
            while not self._stop.is_set() and self._is_lagging() and time.monotonic() < deadline:
                self._tick(bar)

    def _pursue(self, client: ActionClient, count: int, bar: Any) -> None:
        done_before = self._done()
        goal = CollectExperience.Goal(
            num_attempts=count, mode=Experience.MODE_TRAIN, is_learning=True
        )
        sent = client.send_goal_async(goal, feedback_callback=self._on_feedback)
        deadline = time.monotonic() + 10.0
        while not sent.done() and time.monotonic() < deadline and not self._stop.is_set():
            self._tick(bar)
        if not sent.done() or not sent.result().accepted:
            self._stop.wait(0.5)
            return
        handle = sent.result()
        ended = handle.get_result_async()
        collector = next(p for p in self._processes if p.description.name == names.COLLECTOR)
        restarts = collector.num_restarts
        while not ended.done() and collector.num_restarts == restarts:
            self._tick(bar)
            if self._stop.is_set():
                handle.cancel_goal_async()
                self._stop_wait(ended.done, 5.0)
                return
        if not ended.done():
            return
        result = ended.result().result
        if result.error_code == result.NOT_ACTIVE:
            self._stop.wait(0.5)
            return
        if result.error_code:
            self._say(bar, f"collection ended: {result.error_msg}")
            self._stop.wait(2.0)
        # The last attempt may not be on disk yet.
        deadline = time.monotonic() + _LEARNER_LAG_TIMEOUT
        while self._done() < done_before + result.num_attempts and time.monotonic() < deadline:
            self._tick(bar)
            if self._stop.is_set():
                return

    def _done(self) -> int:
        return 0 if self._status is None else int(self._status.num_attempts)

    def _is_lagging(self) -> bool:
        status = self._status
        return status is not None and status.num_pending_steps > 0

    def _tick(self, bar: Any) -> None:
        self._watch(bar)
        bar.n = self._done()
        feedback, status = self._feedback, self._status
        if feedback is not None and status is not None:
            bar.set_postfix_str(
                f"success {100 * feedback.running_success_rate:.0f} %, "
                f"{feedback.attempts_per_hour:.0f}/h, idle {100 * feedback.idle_share:.0f} %, "
                f"loss {_loss(status):.3f}, version {status.policy_version}",
                refresh=False,
            )
        bar.refresh()
        time.sleep(0.2)

    def _watch(self, bar: Any = None) -> None:
        for process in self._processes:
            line = process.watch()
            if line:
                self._say(bar, line)

    def _say(self, bar: Any, line: str) -> None:
        path = self._run.path / "logs" / "supervisor.log"
        bound_log(path)
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
        if bar is None:
            print(line, file=sys.stderr)
        else:
            bar.write(line, file=sys.stderr)

    def _wait(self, is_true: Any) -> None:
        while not is_true() and not self._stop.is_set():
            self._watch()
            time.sleep(0.1)

    def _stop_wait(self, is_true: Any, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not is_true() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _end(self) -> None:
        """Stop the robot first, the learner last."""
        with contextlib.suppress(OSError):  # the terminal may be gone
            print("stopping …", file=sys.stderr)
        for process in sorted(self._processes, key=lambda p: STOP_ORDER.index(p.description.kind)):
            process.interrupt()
            process.wait()

    def _report(self) -> None:
        from equigrasp.experiments.runs.report import write_report  # brings PyTorch; nothing runs

        try:
            line = f"report: {write_report(self._run.path)}"
        except EquigraspError as error:
            line = f"no report: {error}"
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr)


def _loss(status: LearnerStatus) -> float:
    """Return what the newest SGD step minimised; 0 before the first one."""
    metrics = dict(zip(status.metric_names, status.metric_values, strict=True))
    return float(metrics.get("loss", 0.0))
