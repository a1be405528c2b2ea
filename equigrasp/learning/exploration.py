"""Boltzmann selection over masked values, and the share of random choices."""

import numpy as np

from equigrasp.learning.method_config import ActingConfig


def boltzmann_probabilities(
    values: np.ndarray, temperature: float, mask: np.ndarray | None = None
) -> np.ndarray:
    """Return softmax(values / temperature) over the allowed entries; the others get 0.

    Args:
        values: Any shape.
        temperature: Greater than 0; small is greedy.
        mask: Same shape, True where an entry is allowed; at least one.
    """
    if mask is not None and not mask.any():
        raise ValueError("Boltzmann selection needs at least one allowed entry.")
    logits = np.asarray(values, dtype=np.float64) / temperature
    if mask is not None:
        logits = np.where(mask, logits, -np.inf)
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def sample_index(probabilities: np.ndarray, rng: np.random.Generator) -> tuple[int, ...]:
    """Draw an index of an array of probabilities that sum to 1."""
    cumulative = np.cumsum(probabilities.ravel())
    flat = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    flat = min(flat, cumulative.size - 1)
    return tuple(int(i) for i in np.unravel_index(flat, probabilities.shape))


def spread_maxima(values: np.ndarray, mask: np.ndarray, count: int, radius: int = 1) -> np.ndarray:
    """Return rows and columns, at most (count, 2), of the highest entries apart, best first.

    Args:
        values: Shape (A, A).
        mask: Same shape, True where an entry is allowed.
        count: How many at most.
        radius: Rows and columns about an entry that stay free of others.
    """
    left = np.where(mask, values, -np.inf)
    found: list[tuple[int, int]] = []
    while len(found) < count:
        row, col = divmod(int(left.argmax()), left.shape[1])
        if left[row, col] == -np.inf:
            break
        found.append((row, col))
        rows = slice(max(0, row - radius), row + radius + 1)
        left[rows, max(0, col - radius) : col + radius + 1] = -np.inf
    return np.array(found, dtype=int).reshape(-1, 2)


def annealed_epsilon(config: ActingConfig, num_attempts: float) -> float:
    """Return the share of random grasps after learning from some attempts: a line, then flat."""
    progress = min(1.0, num_attempts / config.epsilon_attempts)
    return config.epsilon_start + (config.epsilon_end - config.epsilon_start) * progress
