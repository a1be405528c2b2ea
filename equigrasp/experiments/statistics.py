"""What may be said of a success rate."""

import math


def wilson_interval(successes: int, attempts: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a success rate (Wilson, JASA 1927)."""
    z, n, p = 1.959964, attempts, successes / attempts
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)
