"""The learning half of a training run; needs no simulator."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equigrasp.config import read_yaml, to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.experiments.benchmarks.handover import Handover
from equigrasp.experiments.benchmarks.plan import Piece
from equigrasp.experiments.benchmarks.protocol import Conditions
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.metrics_file import seconds_per_attempt
from equigrasp.experiments.runs.run_folder import RunFolder, commit
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Policy, StepReport, Trainer
from equigrasp.learning.method import Method
from equigrasp.learning.method_config import num_random_attempts
from equigrasp.learning.method_names import full_name
from equigrasp.learning.trained_weights import first_weights
from equigrasp.learning.weight_store import write_weights
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog

_LOGGER = logging.getLogger(__name__)
_POLL = 0.1  # [s] between two looks for new attempts

CheckStop = Callable[[], None]


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """A run folder that has begun, and what its method is made of.

    Args:
        folder: The run's.
        package: The method's.
        method: Its configuration.
        seed: Of the run.
        first_weights: It begins with; None: random ones.
        device: Of the networks.
    """

    folder: RunFolder
    method: Method[Any]
    config: Any
    seed: int
    first_weights: Path | None
    device: str

    @staticmethod
    def begin(
        piece: Piece, out: Path, conditions: Conditions, device: str, num_threads: int
    ) -> "TrainingRun":
        """Create the folder of a piece's run, or find it."""
        name = full_name(piece.method, conditions.size)
        method, config = load_method(name)
        threads = dataclasses.replace(config.training, num_threads=num_threads)
        config = dataclasses.replace(config, training=threads)
        arguments = {
            "cell": conditions.cell,
            "method": name,
            "objects": conditions.objects,
            "split": "train",
            "seed": str(piece.seed),
            "weights": "",
            "protocol": conditions.protocol,
        }
        folder = piece.run(out)
        folder.begin(arguments, to_mapping(config), None)
        return TrainingRun(folder, method, config, piece.seed, first_weights("", config), device)

    @property
    def workspace(self) -> Workspace:
        """What its policy looks at: the cell's first tray."""
        cell = str(read_yaml(self.folder.config)["arguments"]["cell"])
        return load_cell(cell).workspaces[0]

    def open_log(self) -> ExperienceLog:
        """Return the run's log, to be written by a process that only acts."""
        return ExperienceLog(self.folder.log, self.method.make_spec(self.config, self.workspace))

    @property
    def num_random_attempts(self) -> int:
        """Attempts that ask no network."""
        return 0 if self.first_weights else num_random_attempts(self.config)

    def make_policy(self) -> Policy:
        """Return a policy with random weights."""
        modules = self.method.make_networks(self.config, self.seed)
        on_device = {k: m.to(self.device) for k, m in modules.items()}
        policy: Policy = self.method.make_policy(self.config, on_device)
        return policy

    def make_learner(self, is_writing: bool = True) -> Trainer:
        """Return a learner of the run's log, which another process writes if `is_writing` is False."""
        return self.method.make_trainer(
            self.config,
            self.folder.path,
            self.seed,
            self.workspace,
            weights=self.first_weights,
            device=self.device,
            is_writing=is_writing,
        )

    def handover(self) -> Handover:
        """Return the way of the weights to a process that acts."""
        return Handover(self.folder.path / "handover.safetensors", self.method.name)


class Learning:
    """A learner that keeps its weights at every checkpoint.

    Args:
        piece: What is being done.
        out: Results folder.
        run: Its run.
        learner: Of its run.
        marks: Attempts after which weights are kept.
        on_step: Told of every SGD step.
    """

    def __init__(
        self,
        piece: Piece,
        out: Path,
        run: TrainingRun,
        learner: Trainer,
        marks: list[int],
        on_step: Callable[[StepReport], None] = lambda report: None,
    ) -> None:
        self._learner, self._on_step = learner, on_step
        self._method, self._log = run.method.name, run.folder.log
        self._snapshots = {m: dataclasses.replace(piece, attempts=m).snapshot(out) for m in marks}

    def catch_up(self) -> None:
        """Take all pending steps."""
        self._keep()
        while self._learner.num_pending_steps:
            for report in self._learner.train_pending(1):
                self._on_step(report)
            self._keep()

    def result(self, attempts: int, metrics: Path) -> dict[str, Any]:
        """Return the outcomes of the first `attempts`."""
        log = ExperienceLog(self._log, is_writing=False)
        rewards = [step.reward for step, _ in log][:attempts]
        return {
            "attempts": len(rewards),
            "outcomes": "".join("1" if r > 0.5 else "0" for r in rewards),
            "seconds_per_attempt": seconds_per_attempt(metrics),
            "steps": self._learner.num_steps,
            "commit": commit(),
        }

    def _keep(self) -> None:
        path = self._snapshots.get(self._learner.num_learned_attempts)
        if path is not None and not path.is_file():
            metadata = {"method": self._method, "version": str(self._learner.num_steps)}
            write_weights(path, self._learner.weights(), metadata)


def learn_piece(
    piece: Piece,
    out: Path,
    conditions: Conditions,
    marks: list[int],
    device: str,
    num_threads: int,
    check_stop: CheckStop,
) -> None:
    """Learn from the attempts that `simulate_piece` writes, and write the result of the training.

    Arguments as `train_piece`, which does the work of both in one process, with the same outcome.
    """
    run = TrainingRun.begin(piece, out, conditions, device, num_threads)
    handover = run.handover()
    with contextlib.closing(run.make_learner(is_writing=False)) as learner:
        learning = Learning(piece, out, run, learner, marks)
        given = -1
        while True:
            learner.follow()
            learning.catch_up()
            if learner.num_attempts != given:
                given = learner.num_attempts
                handover.give(learner.weights(), learner.num_steps, given)
                _LOGGER.info("%s: learned from %d attempts", piece, given)
            if given >= piece.attempts:
                break
            check_stop()
            time.sleep(_POLL)
        write_json(piece.result(out), learning.result(piece.attempts, run.folder.metrics))
