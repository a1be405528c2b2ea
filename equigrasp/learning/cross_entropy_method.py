"""The cross-entropy method: the best of many sampled actions, the later ones drawn like the best before."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from equigrasp.errors import ConfigError
from equigrasp.learning.method_config import check_bounds


@dataclass(frozen=True)
class CemConfig:
    """How an action is searched for (QT-Opt paper, section 4.2; what it leaves open is our own).

    Args:
        num_samples: Actions of a batch.
        num_elites: Of these, the best, which the next batch is drawn like.
        num_iterations: Batches.
        deviation: Of the first batch, in units of the largest motion.
        min_deviation: Smallest of a later batch, in the same units.
        min_share: Smallest share of a choice that is allowed, in a later batch.
    """

    num_samples: int = 64
    num_elites: int = 6
    num_iterations: int = 2
    deviation: float = 0.6
    min_deviation: float = 0.03
    min_share: float = 0.05

    def __post_init__(self) -> None:
        check_bounds(
            self,
            positive=("deviation",),
            at_least_1=("num_iterations",),
            at_least_0=("min_deviation", "min_share"),
        )
        if not 2 <= self.num_elites <= self.num_samples:
            raise ConfigError(
                f"num_elites must be in [2, num_samples {self.num_samples}], found {self.num_elites}."
            )
        if self.min_share >= 1.0:
            raise ConfigError(f"min_share must be in [0, 1), found {self.min_share}.")


@dataclass(frozen=True, eq=False)
class Candidates:
    """N actions for each of B states.

    Args:
        motion: In units of the largest, shape (B, N, D).
        choices: Numbers of what was chosen, for each of K choices, shape (B, N, K), int64.
    """

    motion: torch.Tensor
    choices: torch.Tensor

    def at(self, index: torch.Tensor) -> "Candidates":
        """Return those of some numbers, shape (B, M), of each state."""

        def pick(x: torch.Tensor) -> torch.Tensor:
            return x.gather(1, index[..., None].expand(-1, -1, x.shape[2]))

        return Candidates(pick(self.motion), pick(self.choices))

    def joined(self, more: "Candidates") -> "Candidates":
        """Return these, then more of the same states."""
        return Candidates(
            torch.cat([self.motion, more.motion], 1), torch.cat([self.choices, more.choices], 1)
        )


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """What is admissible in each of B states.

    Args:
        low: Smallest motion, shape (B, D).
        high: Largest motion, shape (B, D).
        allowed: For each of K choices, which of its n are allowed, shape (B, n), bool.
        shares: For each choice, the shares of its n in the first batch, before what is forbidden is
            left out.
    """

    low: torch.Tensor
    high: torch.Tensor
    allowed: Sequence[torch.Tensor]
    shares: Sequence[Sequence[float]]

    def __post_init__(self) -> None:
        if not bool((self.low <= self.high).all()):
            raise ValueError("The smallest motion of a state is above the largest.")
        for number, (mask, shares) in enumerate(zip(self.allowed, self.shares, strict=True)):
            if mask.shape[1] != len(shares) or min(shares) < 0.0:
                raise ValueError(f"Choice {number} needs {mask.shape[1]} shares, found {shares}.")
            if not bool(mask.any(1).all()):
                raise ValueError(f"Choice {number} leaves a state nothing that is allowed.")

    def admits(self, candidates: Candidates) -> torch.Tensor:
        """Return whether the choices of candidates are allowed, shape (B, N)."""
        admitted = torch.ones(
            candidates.choices.shape[:2], dtype=torch.bool, device=self.low.device
        )
        for number, mask in enumerate(self.allowed):
            admitted &= mask.gather(1, candidates.choices[..., number])
        return admitted


@dataclass(frozen=True, eq=False)
class Found:
    """The best of the last batch.

    Args:
        best: One action for each state, N = 1.
        value: Of it, shape (B,).
        batch: The whole last batch.
        values: Of the batch, shape (B, N); -inf: forbidden.
    """

    best: Candidates
    value: torch.Tensor
    batch: Candidates
    values: torch.Tensor


ValueFunction = Callable[[Candidates], torch.Tensor]  # -> (B, N)


def maximise(
    values: ValueFunction, space: SearchSpace, config: CemConfig, generator: torch.Generator
) -> Found:
    """Return the best action found in each state.

    The last batch also holds the best motion so far with every combination of choices: a choice that is
    rarely drawn hides no maximum, and the result is no worse than the best of the batches before.

    Args:
        values: What is to be largest.
        space: What is admissible.
        config: How long is searched.
        generator: All randomness; on the CPU, so that devices draw alike.
    """
    mean = torch.zeros_like(space.low)  # (B, D)
    deviation = torch.full_like(mean, config.deviation)
    probabilities = [
        _normalised(mask * mask.new_tensor(shares, dtype=mean.dtype), mask)
        for mask, shares in zip(space.allowed, space.shares, strict=True)
    ]
    best = Candidates(
        mean.clamp(space.low, space.high)[:, None],
        torch.stack([p.argmax(1) for p in probabilities], 1)[:, None],
    )
    for iteration in range(config.num_iterations):
        batch = _draw(mean, deviation, probabilities, space, config, generator)
        is_last = iteration == config.num_iterations - 1
        if is_last:
            batch = batch.joined(_combined(best, space))
        scores = values(batch).masked_fill(~space.admits(batch), -torch.inf)  # (B, N)
        best = batch.at(scores.argmax(1, keepdim=True))
        if not is_last:
            elites = batch.at(scores.topk(config.num_elites, 1).indices)
            mean = elites.motion.mean(1)
            deviation = elites.motion.std(1, correction=1).clamp(min=config.min_deviation)
            probabilities = [
                _refitted(elites.choices[..., number], mask, config.min_share)
                for number, mask in enumerate(space.allowed)
            ]
    return Found(best, scores.max(1).values, batch, scores)


def _draw(
    mean: torch.Tensor,
    deviation: torch.Tensor,
    probabilities: list[torch.Tensor],
    space: SearchSpace,
    config: CemConfig,
    generator: torch.Generator,
) -> Candidates:
    size, count = mean.shape[0], config.num_samples
    noise = torch.randn(size, count, mean.shape[1], generator=generator).to(mean)
    motion = mean[:, None] + deviation[:, None] * noise
    motion = motion.clamp(space.low[:, None], space.high[:, None])
    levels = torch.rand(size, count, len(probabilities), generator=generator).to(mean)
    drawn = [
        (levels[..., number, None] >= p.cumsum(1)[:, None, :-1]).sum(-1)
        for number, p in enumerate(probabilities)
    ]
    return Candidates(motion, torch.stack(drawn, -1))


def _combined(best: Candidates, space: SearchSpace) -> Candidates:
    """Return one motion for each state with every combination of choices."""
    numbers = itertools.product(*(range(mask.shape[1]) for mask in space.allowed))
    choices = torch.tensor(list(numbers), device=best.choices.device)  # (n, K)
    size, count = best.motion.shape[0], len(choices)
    return Candidates(best.motion.expand(-1, count, -1), choices.expand(size, -1, -1))


def _refitted(choices: torch.Tensor, mask: torch.Tensor, min_share: float) -> torch.Tensor:
    """Return the shares (B, n) of what the elites (B, E) chose, none that is allowed below the least."""
    shares = torch.nn.functional.one_hot(choices, mask.shape[1]).float().mean(1)
    return _normalised(shares.clamp(min=min_share) * mask, mask)


def _normalised(shares: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return shares (B, n) that sum to 1; all that is allowed alike where they are all 0."""
    sums = shares.sum(1, keepdim=True)
    even = mask.to(shares) / mask.sum(1, keepdim=True)
    return torch.where(sums > 0.0, shares / sums.clamp(min=1e-12), even)
