"""Balance between what comes in and what is learned from it, counted in samples, not in time."""

from dataclasses import dataclass

from equigrasp.errors import ConfigError


@dataclass(frozen=True)
class RateLimiter:
    """How often a transition is used; a pure function of two counts, which survive in log and checkpoint.

    Where learning is too far ahead it waits for robots, where robots are too far ahead they wait for it.

    Args:
        uses_per_transition: Samples that each transition calls for.
        slack: Samples by which learning may run ahead, and lag behind.
        first_transitions: Transitions before the first sample.
        is_blocking: Whether robots wait too. Real ones better do not: what they do is kept.

    Raises:
        ConfigError: if a number is out of its range.
    """

    uses_per_transition: float
    slack: int
    first_transitions: int = 1
    is_blocking: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.uses_per_transition < float("inf"):
            raise ConfigError(
                f"uses_per_transition must be positive, found {self.uses_per_transition}."
            )
        for key in ("slack", "first_transitions"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")

    def num_due(self, num_inserted: int) -> float:
        """Return how many samples so many transitions call for."""
        is_open = num_inserted >= self.first_transitions
        return self.uses_per_transition * num_inserted if is_open else 0.0

    def may_sample(self, num_inserted: int, num_sampled: int, count: int) -> bool:
        """Tell whether `count` samples more may be drawn.

        Raises:
            ConfigError: if that is more than `slack`: both ends might wait for each other.
        """
        if count > self.slack:
            raise ConfigError(
                f"slack {self.slack} is smaller than a batch of {count}: learning and robots might wait "
                "for each other. Choose a slack of some batches."
            )
        if num_inserted < self.first_transitions:
            return False
        return num_sampled + count <= self.num_due(num_inserted) + self.slack

    def may_insert(self, num_inserted: int, num_sampled: int) -> bool:
        """Tell whether an episode more may begin."""
        if not self.is_blocking or num_inserted < self.first_transitions:
            return True
        return num_sampled >= self.num_due(num_inserted) - self.slack
