"""Learns while the robot moves: disk first, then SGD, then new weights for the policy."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from equigrasp_interfaces.msg import Experience, LearnerStatus, PolicyUpdate
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import EquigraspError, ReplayError, WeightsError
from equigrasp.experiments.runs.metrics_file import AttemptRow, MetricsFile
from equigrasp.learning.compiler_import import stand_in_for_compiler
from equigrasp.learning.interfaces import StepReport, Trainer
from equigrasp.learning.method_names import DEFAULT_METHOD
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights
from equigrasp.replay.experience_log import LogFullError
from equigrasp.replay.step import Step
from equigrasp.ros import names, qos
from equigrasp.ros.messages.experiences import from_experience_msg
from equigrasp.ros.runtime.health import Health, Level
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter

_NICENESS = 10  # the arm, the camera and the policy never wait for SGD
_FARTHEST = 1000  # attempts that one may come before those that are missing before it
_RETRY_PERIOD = 2.0  # [s] between attempts to write to a full disk


@dataclass(frozen=True)
class LearnerNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Robot cell: a name below config/cells, or a YAML file.")
    method: str = parameter(DEFAULT_METHOD, "Method, such as asr/no_fcb, or a YAML file.")
    size: str = parameter("", "Size of its networks: compact, paper or tiny; empty: compact.")
    out: str = parameter("results/run", "Run folder; an existing run is continued.")
    seed: int = parameter(0, "Seed of the run.", 0, 2**62)
    weights: str = parameter(
        "", "Weights to begin a new run with: a name below models, or a file; empty: untrained."
    )


class _Received(NamedTuple):
    """What is kept of an attempt until its turn: of bounded size, whatever its message held."""

    step: Step
    row: AttemptRow
    mode: int


def _received(message: Experience, step: Step) -> _Received:
    row = AttemptRow(
        time=time.time(),
        attempt=int(message.attempt),
        success=int(message.reward),
        policy_version=int(message.policy_version),
        attempt_time=float(message.attempt_time),
        idle_time=float(message.idle_time),
        decision_time=float(message.decision_time),
    )
    return _Received(step, row, int(message.mode))


class LearnerNode(ManagedNode):
    """Subscribes `experience`, publishes `policy_update` and `learner_status` (both latched)."""

    def __init__(self) -> None:
        super().__init__(names.LEARNER)
        self._settings = self.declare(LearnerNodeConfig)
        self._learner: Trainer | None = None
        self._inbox: dict[int, _Received] = {}
        self._wake = threading.Condition()
        self._worker: threading.Thread | None = None
        self._is_stopping = False
        self._is_disk_full = False
        self._newest_report: StepReport | None = None
        self._num_dropped, self._trouble = 0, ""  # trouble: why the newest attempt was dropped
        self.report_health_with(self._diagnose)

    def set_up(self) -> None:
        """Open the run folder and announce the weights that lie in it."""
        self._config = wanted = self._settings.values
        method, config = load_method(wanted.method, wanted.size)
        workspace = load_cell(wanted.cell).workspaces[0]
        folder = Path(wanted.out)
        weights = find_weights(wanted.weights) if wanted.weights else None
        self._inbox, self._newest_report = {}, None
        self._is_disk_full, self._num_dropped, self._trouble = False, 0, ""
        self._method = method
        self._learner = method.make_trainer(
            config, folder, wanted.seed, workspace, weights=weights
        )
        self._spec = method.make_spec(config, workspace)
        self._has_failed = False
        self._metrics = MetricsFile(folder / "metrics.csv", self._learner.num_attempts)
        self._updates = self.create_publisher(PolicyUpdate, names.POLICY_UPDATE, qos.latched())
        self._status = self.create_publisher(LearnerStatus, names.LEARNER_STATUS, qos.latched())
        self._subscription = self.create_subscription(
            Experience,
            names.EXPERIENCE,
            self._on_experience,
            qos.experience(),
            callback_group=MutuallyExclusiveCallbackGroup(),
        )
        if self._learner.num_steps:
            self._publish_weights()
        self._publish_status()

    def start(self) -> None:
        """Begin to learn."""
        self._is_stopping = False
        self._worker = threading.Thread(target=self._work, name="learner", daemon=True)
        self._worker.start()

    def halt(self) -> None:
        """Finish the step in hand."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify_all()
        if self._worker is not None:
            self._worker.join(timeout=60.0)
            self._worker = None

    def tear_down(self) -> None:
        """Save everything; after a failed step, only what is on disk holds."""
        if self._learner is not None:
            self._learner.close(is_sound=not self._has_failed)
            self._learner = None

    def _diagnose(self) -> Health:
        is_ok, message, values = self._health()
        is_degraded = bool(self._trouble) and not self._is_disk_full  # others are learned from
        level = Level.WARN if is_degraded else Level.ERROR
        return Health(Level.OK if is_ok else level, message, values)

    def _health(self) -> tuple[bool, str, dict[str, str]]:
        if self._is_disk_full:
            return False, "the disk is full: nothing is learned until there is room", {}
        pending = "-" if self._learner is None else str(self._learner.num_pending_steps)
        values = {"pending SGD steps": pending, "attempts dropped": str(self._num_dropped)}
        trouble = self._trouble or self._missing()
        return not trouble, trouble, values

    def _missing(self) -> str:
        """Tell whether attempts wait for one that did not come, or was dropped."""
        learner = self._learner
        if learner is None:
            return ""
        with self._wake:
            num_waiting = sum(attempt > learner.num_attempts for attempt in self._inbox)
            is_there = learner.num_attempts in self._inbox
        if is_there or not num_waiting:
            return ""
        return f"attempt {learner.num_attempts} is missing; {num_waiting} later ones wait for it"

    def _on_experience(self, message: Experience) -> None:
        try:
            step = from_experience_msg(message)
            self._spec.check(step)
            if self._learner is None or message.attempt > self._learner.num_attempts + _FARTHEST:
                raise ReplayError("its number is none that can come next.")
        except EquigraspError as error:
            self._drop(message, error)
            return
        self._trouble = ""
        with self._wake:  # the first sound one of a number counts
            self._inbox.setdefault(int(message.attempt), _received(message, step))
            self._wake.notify_all()

    def _drop(self, message: Experience, error: EquigraspError) -> None:
        """Leave out an attempt that cannot be learned from, and say so once for each reason."""
        self._num_dropped += 1
        self._trouble = f"attempt {message.attempt} was dropped: {error}"
        self.get_logger().error(
            f"{self._trouble} ({self._num_dropped} so far)", throttle_duration_sec=60.0
        )

    def _work(self) -> None:
        learner = self._learner
        assert learner is not None
        while not self._is_stopping:
            try:
                is_new = self._take_in(learner)
                reports = learner.train_pending(1)
            except (
                BaseException
            ):  # a step that failed half-way; the log brings back the state before
                self._has_failed = True
                raise
            if reports:
                self._newest_report = reports[0]
                self._metrics.add_step(reports[0])
                self._publish_weights()
            if is_new or reports:
                self._publish_status()
            elif not self._is_stopping:
                with self._wake:
                    self._wake.wait(_RETRY_PERIOD if self._is_disk_full else 0.2)

    def _take_in(self, learner: Trainer) -> bool:
        """Write the attempts that have come, in order; True if something changed."""
        is_new = False
        while True:
            with self._wake:
                for number in [a for a in self._inbox if a < learner.num_attempts]:
                    del self._inbox[number]
                received = self._inbox.get(learner.num_attempts)
            if received is None:
                return is_new
            try:
                self._store(learner, received)
                is_new, self._is_disk_full = True, False
            except LogFullError as error:
                if not self._is_disk_full:
                    self.get_logger().error(f"{error} Attempts wait in memory.")
                    self._is_disk_full = True
                    self._publish_status()
                return is_new

    def _store(self, learner: Trainer, received: "_Received") -> None:
        learner.add(received.step, received.row.extras() | {"mode": received.mode})
        self._metrics.add_attempt(received.row)

    def _publish_weights(self) -> None:
        assert self._learner is not None
        try:
            file = self._learner.publish()
        except WeightsError as error:
            self.get_logger().error(f"No new weights: {error}", throttle_duration_sec=10.0)
            return
        update = PolicyUpdate(
            version=file.version,
            file=str(file.path.resolve()),
            sha256=file.sha256,
            method=self._method.name,
        )
        update.header.stamp = self.get_clock().now().to_msg()
        self._updates.publish(update)

    def _publish_status(self) -> None:
        learner = self._learner
        assert learner is not None
        status = LearnerStatus(
            state=LearnerStatus.STATE_DISK_FULL if self._is_disk_full else LearnerStatus.STATE_OK,
            num_attempts=learner.num_attempts,
            next_episode=learner.next_episode,
            num_successes=learner.num_successes,
            num_sgd_steps=learner.num_steps,
            num_pending_steps=learner.num_pending_steps,
            replay_bytes=learner.num_bytes,
            policy_version=learner.num_steps,
        )
        report = self._newest_report
        if report is not None:
            status.sgd_time = report.sgd_time
            status.metric_names = sorted(report.losses)
            status.metric_values = [float(report.losses[n]) for n in status.metric_names]
        status.header.stamp = self.get_clock().now().to_msg()
        self._status.publish(status)


def main() -> None:
    """Run the node, at a lower priority than the ones that the arm waits for."""
    os.nice(_NICENESS)
    stand_in_for_compiler()
    run(lambda: [LearnerNode()], num_threads=2)


if __name__ == "__main__":
    main()
