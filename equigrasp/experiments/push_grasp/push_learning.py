"""Stage 2: grasps are imagined, pushed where they fail, and PushNet and CriticNet learn from both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from equigrasp.errors import ConfigError
from equigrasp.experiments.push_grasp.imagination import ImaginedStep
from equigrasp.experiments.push_grasp.push_workers import PushJob, PushWorkers
from equigrasp.experiments.runs.claims import read_json, write_json
from equigrasp.geometry.workspace import Workspace
from equigrasp.methods.push_grasp.decision_step import PUSH_KIND
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import Step
from equigrasp.replay.step_record import Extras

_PUSHES = "pushes"
_ROUND, _SIZE, _SGD = "round", "round_steps", "sgd_steps"  # extras of a step in the log
_COUNT = "count.json"  # how many pushes there were, for whoever watches
_SCENES = 4  # of a round: imagined by the same weights, and by several processes


def learn_pushes(
    job: PushJob,
    folder: Path,
    prior_scenes: Sequence[Path],
    workspace: Workspace,
    num_pushes: int,
    num_processes: int,
) -> dict[str, torch.Tensor]:
    """Carry out and learn from so many pushes, from what lies in a folder on; return the parameters.

    A round of scenes is imagined by the present weights and written to the log; then the networks learn
    from it. A round that was stopped is imagined again by the weights of then, which gives the same steps.

    Args:
        job: Which scenes, and the weights of stage 1.
        folder: Of log and checkpoints.
        prior_scenes: Folders of labelled scenes that CriticNet goes on learning from.
        workspace: Of the maps.
        num_pushes: How many, to the end of the last round.
        num_processes: That imagine; the result does not depend on it.

    Raises:
        ConfigError: if the folder holds more pushes already.
    """
    method, config = load_method(job.method)
    training = replace(config.training, prior_scenes=tuple(map(str, prior_scenes)))
    config = replace(config, training=training)
    progress = _Progress.of(folder / "experience.log")
    progress.check(folder, num_pushes)
    trainer = method.make_trainer(config, folder, job.seed, workspace, weights=job.weights)
    try:
        with (
            tqdm(total=num_pushes, initial=progress.pushes, unit="push", desc="pushes") as bar,
            PushWorkers(job, num_processes) as workers,
        ):
            while progress.pushes < num_pushes or progress.is_partial:
                if progress.is_partial:
                    trainer.train_pending(progress.sgd_steps - trainer.num_steps)
                else:
                    trainer.train_pending(trainer.num_pending_steps)
                    progress = progress.next_round(trainer.num_steps)
                first = _SCENES * progress.round
                steps = workers.imagine(
                    range(first, first + _SCENES),
                    trainer.weights(),
                    trainer.num_steps,
                    config.training.epsilon(progress.pushes),
                )
                for step in steps[progress.written :]:
                    index = trainer.num_attempts
                    kept = Step(index, index, step.observation, step.action, step.reward)
                    trainer.add(kept, progress.extras(len(steps)))
                progress = progress.completed(_num_pushes(steps))
                write_json(folder / _COUNT, {_PUSHES: progress.pushes})
                bar.update(progress.last_pushes)
                bar.set_postfix_str(f"{first + _SCENES} scenes, {trainer.num_steps} SGD steps")
            trainer.train_pending(trainer.num_pending_steps)
            return trainer.weights()
    finally:
        trainer.close()


def _num_pushes(steps: Sequence[ImaginedStep]) -> int:
    return sum(int(step.action["kind"]) == PUSH_KIND for step in steps)


def num_pushes_in(folder: Path) -> int:
    """Return how many pushes whole rounds in a folder of `learn_pushes` have made; 0: none yet."""
    return int((read_json(folder / _COUNT) or {}).get(_PUSHES, 0))


@dataclass(frozen=True)
class _Progress:
    """How far stage 2 has come.

    Args:
        round: The present round, or the last one.
        written: Steps of it in the log.
        is_partial: Whether more of it must be written.
        sgd_steps: Taken before it.
        pushes: Of the rounds before it, and of it where it is whole.
        last_pushes: Of the last whole round.
    """

    round: int = -1
    written: int = 0
    is_partial: bool = False
    sgd_steps: int = 0
    pushes: int = 0
    last_pushes: int = 0

    @classmethod
    def of(cls, path: Path) -> "_Progress":
        """Return what a log tells; it need not exist."""
        progress, pushes_here = cls(), 0
        if not path.is_file():
            return progress
        log = ExperienceLog(path, is_writing=False)
        for step, extras in log:
            number, size = int(extras[_ROUND]), int(extras[_SIZE])
            if number != progress.round:
                progress = cls(number, 0, False, int(extras[_SGD]), progress.pushes + pushes_here)
                pushes_here = 0
            pushes_here += int(step.action["kind"]) == PUSH_KIND
            written = progress.written + 1
            progress = cls(number, written, written < size, progress.sgd_steps, progress.pushes)
        return progress if progress.is_partial else progress.completed(pushes_here)

    def check(self, folder: Path, num_pushes: int) -> None:
        """Raise `ConfigError` if a folder's log holds more rounds than so many pushes need."""
        if self.pushes - self.last_pushes >= num_pushes > 0:
            raise ConfigError(
                f"'{folder}' holds {self.pushes} pushes already, more than the {num_pushes} that are asked for."
            )

    def extras(self, size: int) -> Extras:
        """Return what goes into the log with each step of a round of a size."""
        return {_ROUND: self.round, _SIZE: size, _SGD: self.sgd_steps}

    def next_round(self, sgd_steps: int) -> "_Progress":
        """Return the progress as a round begins after so many SGD steps."""
        return _Progress(self.round + 1, 0, False, sgd_steps, self.pushes)

    def completed(self, pushes: int) -> "_Progress":
        """Return the progress as the round is whole, with its pushes."""
        total = self.pushes + pushes
        return _Progress(self.round, self.written, False, self.sgd_steps, total, pushes)
