"""Straight lines between a gripper's counts and SI units."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A linear relation, held to its two ends.

    Args:
        low: SI value at `low_counts`.
        high: SI value at `high_counts`.
        low_counts: Counts at `low`; may be more than `high_counts`.
        high_counts: Counts at `high`.
    """

    low: float
    high: float
    low_counts: int
    high_counts: int

    def to_counts(self, value: float) -> int:
        """Return the nearest counts to an SI value."""
        share = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return round(self.low_counts + share * (self.high_counts - self.low_counts))

    def to_value(self, counts: int) -> float:
        """Return the SI value at some counts."""
        share = (counts - self.low_counts) / (self.high_counts - self.low_counts)
        return self.low + min(1.0, max(0.0, share)) * (self.high - self.low)
