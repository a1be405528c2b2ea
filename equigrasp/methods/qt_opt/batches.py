"""Minibatches of transitions, from the run and from prior data, each seen anew."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from equigrasp.errors import ReplayError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.cross_entropy_method import Candidates
from equigrasp.methods.qt_opt.config import NetworkConfig, QtOptConfig
from equigrasp.methods.qt_opt.mirrors import motion_signs
from equigrasp.methods.qt_opt.servo_step import (
    COMMAND,
    IS_FINAL,
    MOTION,
    foreign_spec,
    is_success,
)
from equigrasp.methods.qt_opt.states import Seen, Views, see, slack
from equigrasp.methods.qt_opt.transition_source import TransitionSource
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import Arrays, Step
from equigrasp.seeding import Stream, derive_seed

_BRIGHTNESS, _CONTRAST = (
    0.125,
    (0.5, 1.5),
)  # of pictures (paper, section D.1); saturation as contrast


@dataclass(frozen=True, eq=False)
class TransitionBatch:
    """B transitions.

    Args:
        seen: What was seen.
        actions: What was done, N = 1.
        rewards: Shape (B,).
        discounts: Of what is seen next, shape (B,); 0: terminal, and `following` repeats `seen`.
        following: What was seen next, looked at in the same way.
        outcomes: Of their episodes, shape (B,) in {0, 1}; what targets by Monte Carlo take.
    """

    seen: Seen
    actions: Candidates
    rewards: torch.Tensor
    discounts: torch.Tensor
    following: Seen
    outcomes: torch.Tensor

    def __len__(self) -> int:
        return len(self.rewards)


class QtOptBatches:
    """A `BatchSource`: transitions of the run, of prior data, and of single grasps, by their shares.

    Rewards and discounts are those of this configuration, whatever penalty they were logged with.

    Args:
        config: The method.
        workspace: Of the cell.
        seed: Of the run.
        device: Where the batches go.

    Raises:
        ReplayError: if a log of prior data is missing, or its steps are not of this method.
    """

    def __init__(
        self, config: QtOptConfig, workspace: Workspace, seed: int, device: torch.device
    ) -> None:
        self._config, self._seed, self._device = config, seed, device
        training = config.training
        needs_outcome = training.target == "monte_carlo"
        self._own, self._prior = TransitionSource(needs_outcome), TransitionSource(needs_outcome)
        self._logged, self._open_loop = (
            TransitionSource(needs_outcome),
            TransitionSource(needs_outcome),
        )
        for paths, source in (
            (training.prior_logs, self._logged),
            (training.open_loop_logs, self._open_loop),
        ):
            for path in paths:
                self._read(Path(path), workspace, source)

    @property
    def num_bytes(self) -> int:
        """Memory of the arrays [bytes]."""
        sources = self._own, self._prior, self._logged, self._open_loop
        return sum(source.num_bytes for source in sources)

    def add(self, step: Step) -> None:
        """See `BatchSource.add`."""
        is_prior = step.episode < self._config.training.num_prior_episodes
        (self._prior if is_prior else self._own).add(step)

    def sample(self, newest: int, sgd_step: int) -> TransitionBatch | None:
        """See `BatchSource.sample`; None: nothing can be learned from yet."""
        rng = np.random.default_rng([derive_seed(self._seed, Stream.MINIBATCHES), sgd_step])
        drawn = self._draw(newest, rng)
        return self._batch(drawn, rng) if drawn else None

    def _draw(
        self, newest: int, rng: np.random.Generator
    ) -> list[tuple[Step, Step | None, float]]:
        training = self._config.training
        size, num_open, num_logged = training.batch_size, len(self._open_loop), len(self._logged)
        num_own, num_prior = self._own.count(newest), num_logged + self._prior.count(newest)
        of_open = round(training.open_loop_share * size) if num_open else 0
        of_prior = round(training.prior_share * size) if num_own else size - of_open
        of_prior = of_prior if num_prior else 0
        of_own = size - of_open - of_prior if num_own else 0
        drawn = [self._own.at(int(i)) for i in _numbers(num_own, of_own, rng)]
        for number in _numbers(num_prior, of_prior, rng):
            is_logged = number < num_logged
            source = self._logged if is_logged else self._prior
            drawn.append(source.at(int(number if is_logged else number - num_logged)))
        return drawn + [self._open_loop.at(int(i)) for i in _numbers(num_open, of_open, rng)]

    def _batch(
        self, drawn: list[tuple[Step, Step | None, float]], rng: np.random.Generator
    ) -> TransitionBatch:
        config, device = self._config, self._device
        views = random_views(config.network, len(drawn), rng)
        steps = [step for step, *_ in drawn]
        following = [step if after is None else after for step, after, _ in drawn]
        is_terminal = np.array([after is None for _, after, _ in drawn])
        success = np.array([is_success(s.reward) for s in steps])
        rewards = np.where(is_terminal, success, -config.action.step_penalty)
        discounts = np.where(is_terminal, 0.0, config.action.discount)
        outcomes = np.array([outcome for *_, outcome in drawn])

        def tensor(values: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(device)

        return TransitionBatch(
            see(config, [s.observation for s in steps], views, device),
            taken(config, [s.action for s in steps], views, device),
            tensor(rewards),
            tensor(discounts),
            see(config, [s.observation for s in following], views, device),
            tensor(outcomes),
        )

    def _read(self, path: Path, workspace: Workspace, source: TransitionSource) -> None:
        if not path.is_file():
            raise ReplayError(f"'{path}' is no log of prior data: there is no such file.")
        spec = foreign_spec(self._config, workspace)
        first = source.num_steps  # so that episodes of two logs never have the same number
        for step, _ in ExperienceLog(path, is_writing=False):
            try:
                spec.check(step)
            except ReplayError as error:
                raise ReplayError(f"{path}: step {step.index}: {error}") from error
            source.add(replace(step, episode=first + step.episode))
        if source.num_steps == first:
            raise ReplayError(f"'{path}' holds no steps of an experience log.")


def random_views(network: NetworkConfig, size: int, rng: np.random.Generator) -> Views:
    """Draw how each of some transitions is looked at."""
    rows, cols = slack(network)
    offsets = np.stack([rng.integers(rows + 1, size=size), rng.integers(cols + 1, size=size)])
    mirrors = rng.random((size, 2)) < (0.0 if network.symmetry == "none" else 0.5)
    views = Views(offsets.T, mirrors)
    if network.observation == "color" and network.is_distorted:
        brightness = rng.uniform(-_BRIGHTNESS, _BRIGHTNESS, size)
        factors = rng.uniform(*_CONTRAST, (2, size))
        views = replace(views, distortions=np.stack([brightness, *factors], 1))
    return views


def taken(
    config: QtOptConfig, actions: list[Arrays], views: Views, device: torch.device
) -> Candidates:
    """Return B actions, as steps hold them, as they look in these views, N = 1."""
    signs = motion_signs(torch.from_numpy(views.mirrors))
    motion = torch.from_numpy(np.stack([action[MOTION] for action in actions])) * signs
    motion = motion / torch.tensor(config.action.largest_step)
    chosen = [(action[COMMAND][0], action[IS_FINAL][0]) for action in actions]
    choices = torch.tensor(np.array(chosen, dtype=np.int64))
    return Candidates(motion[:, None].to(device), choices[:, None].to(device))


def _numbers(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `size` of `count` things, with repeats."""
    return rng.integers(count, size=size) if size else np.zeros(0, np.int64)
