"""Uses per transition stay within bounds, and nobody waits for ever."""

import numpy as np
import pytest

from equigrasp.errors import ConfigError
from equigrasp.replay.rate_limiter import RateLimiter

BATCH = 32


@pytest.mark.parametrize("uses", [0.5, 6.0, 11.0])
@pytest.mark.parametrize("eagerness", [0.05, 0.5, 0.95])
def test_uses_per_transition_stay_within_bounds(
    uses: float, eagerness: float, rng: np.random.Generator
) -> None:
    """Robots and learner come in any order; one of them is now and then much faster."""
    limiter = RateLimiter(uses, slack=4 * BATCH, first_transitions=50)
    inserted = sampled = 0
    for _ in range(6000):
        may_insert = limiter.may_insert(inserted, sampled)
        may_sample = limiter.may_sample(inserted, sampled, BATCH)
        assert may_insert or may_sample, "both ends wait for each other"
        length = int(rng.integers(1, 11))
        if may_insert and (rng.random() < eagerness or not may_sample):
            assert inserted < 50 or sampled >= uses * inserted - limiter.slack
            inserted += length
        elif may_sample:
            sampled += BATCH
            assert inserted >= 50 and sampled <= uses * inserted + limiter.slack
    assert inserted > 1000
    assert abs(sampled - uses * inserted) <= limiter.slack + uses * (50 + 10)


def test_learning_pauses_when_all_robots_stop() -> None:
    """And goes on by itself with the next episode."""
    limiter, sampled = RateLimiter(10.0, slack=100), 0
    while limiter.may_sample(20, sampled, BATCH):
        sampled += BATCH
    assert 20 * 10 + 100 - BATCH < sampled <= 20 * 10 + 100
    assert limiter.may_sample(26, sampled, BATCH)


def test_robots_that_are_not_held_up_never_wait() -> None:
    assert not RateLimiter(10.0, slack=100).may_insert(1000, 0)
    assert RateLimiter(10.0, slack=100, is_blocking=False).may_insert(1000, 0)


def test_nothing_is_drawn_before_the_first_transitions() -> None:
    limiter = RateLimiter(1.0, slack=1000, first_transitions=10)
    assert not limiter.may_sample(9, 0, 1) and limiter.may_sample(10, 0, 1)


def test_numbers_out_of_range_are_refused() -> None:
    for wrong, message in (
        ({"uses_per_transition": 0.0}, "uses_per_transition must be positive, found 0.0"),
        ({"slack": 0}, "slack must be at least 1, found 0"),
        ({"first_transitions": 0}, "first_transitions must be at least 1, found 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            RateLimiter(**({"uses_per_transition": 6.0, "slack": 100} | wrong))
    with pytest.raises(ConfigError, match="slack 31 is smaller than a batch of 32"):
        RateLimiter(6.0, slack=31).may_sample(100, 0, BATCH)
