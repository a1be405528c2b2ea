"""What may be said of a success rate."""

import math
from dataclasses import dataclass

import numpy as np

_Z = 1.959964  # 95 % of a normal distribution lie within
_TAILS = (2.5, 97.5)  # percentiles
_NUM_RESAMPLES = 4000
_CHUNK = 500  # resamples at once


def wilson_interval(successes: int, attempts: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a success rate (Wilson, JASA 1927)."""
    z, n, p = _Z, attempts, successes / attempts
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, eq=False)
class Rounds:
    """Parts and wholes of a rate by round: what shares a scene is drawn together.

    Args:
        parts: Such as successes, shape (K,).
        wholes: Such as attempts, shape (K,); their sum is positive.
    """

    parts: np.ndarray
    wholes: np.ndarray

    def __post_init__(self) -> None:
        if self.parts.shape != self.wholes.shape or not self.wholes.sum() > 0:
            raise ValueError(
                f"Rounds need as many parts as wholes, and some of these, found {self.parts.shape} "
                f"and {self.wholes.shape} with a sum of {self.wholes.sum()}."
            )

    @property
    def rate(self) -> float:
        """All parts of all wholes."""
        return float(self.parts.sum() / self.wholes.sum())

    def drawn(self, rounds: np.ndarray) -> np.ndarray:
        """Return the rate of each row of drawn rounds, shape (B, K), NaN without wholes; (B,)."""
        parts, wholes = self.parts[rounds].sum(1), self.wholes[rounds].sum(1)
        rates = np.full(len(rounds), np.nan)
        return np.divide(parts, wholes, out=rates, where=wholes > 0)


def bootstrap_interval(found: Rounds, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a rate, over rounds (Efron, 1979).

    Args:
        found: By round.
        rng: Draws the rounds.
    """
    return _percentiles([found.drawn(k) for k in _draws(len(found.parts), rng)])


def wider_interval(found: Rounds, rng: np.random.Generator) -> tuple[float, float]:
    """Return the wider of pooled Wilson interval and bootstrap over rounds.

    Attempts of a round share a scene and may go alike, which Wilson does not know of; a bootstrap of few
    rounds, or of rates near 1, is too narrow.

    Args:
        found: By round: whole numbers of successes and attempts.
        rng: See `bootstrap_interval`.
    """
    pooled = wilson_interval(round(found.parts.sum()), round(found.wholes.sum()))
    drawn = bootstrap_interval(found, rng)
    return max(pooled, drawn, key=lambda interval: interval[1] - interval[0])


def paired_difference(
    ours: Rounds, theirs: Rounds, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return by how much one rate is above another in the same rounds, and its 95 % bootstrap interval.

    Args:
        ours: By round.
        theirs: Of the same rounds, in the same order.
        rng: Draws rounds, the same for both.
    """
    if len(ours.parts) != len(theirs.parts):
        raise ValueError(
            f"Pairs need the same rounds, found {len(ours.parts)} and {len(theirs.parts)}."
        )
    drawn = [ours.drawn(k) - theirs.drawn(k) for k in _draws(len(ours.parts), rng)]
    return ours.rate - theirs.rate, *_percentiles(drawn)


def _draws(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return as many of `count` rounds, with repeats, for each resample: chunks of shape (B, count)."""
    chunks = range(0, _NUM_RESAMPLES, _CHUNK)
    return [rng.integers(count, size=(_CHUNK, count)) for _ in chunks]


def _percentiles(drawn: list[np.ndarray]) -> tuple[float, float]:
    low, high = np.nanpercentile(np.concatenate(drawn), _TAILS)
    return float(low), float(high)
