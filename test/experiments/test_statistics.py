"""Intervals of rates, worked by hand where that can be done."""

import numpy as np
import pytest

from equigrasp.experiments.statistics import (
    Rounds,
    bootstrap_interval,
    paired_difference,
    wider_interval,
    wilson_interval,
)


def _rounds(parts: list[float], wholes: list[float]) -> Rounds:
    return Rounds(np.array(parts), np.array(wholes))


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_bootstrap_of_two_rounds_has_the_rates_that_can_be_drawn() -> None:
    found = _rounds([0, 10], [10, 10])
    # Four draws, alike: 0, 1/2, 1/2, 1; so 2.5 and 97.5 % are the ends.
    assert found.rate == 0.5
    assert bootstrap_interval(found, _rng()) == (0.0, 1.0)
    drawn = found.drawn(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    assert drawn.tolist() == [0.0, 0.5, 0.5, 1.0]


def test_rounds_of_different_size_count_by_their_attempts() -> None:
    found = _rounds([1, 3], [1, 9])
    assert found.rate == pytest.approx(0.4)
    low, high = bootstrap_interval(found, _rng())
    assert (low, high) == (pytest.approx(1 / 3), 1.0)


def test_the_bootstrap_of_single_attempts_is_that_of_a_binomial() -> None:
    found = _rounds([1.0] * 300 + [0.0] * 100, [1.0] * 400)
    low, high = bootstrap_interval(found, _rng())
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - half, abs=0.006)
    assert high == pytest.approx(0.75 + half, abs=0.006)


def test_the_wider_interval_is_reported() -> None:
    alike = _rounds([10.0, 0.0] * 20, [10.0] * 40)  # whole rounds fail together
    assert wider_interval(alike, _rng()) == bootstrap_interval(alike, _rng())
    perfect = _rounds([10.0] * 40, [10.0] * 40)  # nothing but 1 can be drawn
    assert bootstrap_interval(perfect, _rng()) == (1.0, 1.0)
    assert wider_interval(perfect, _rng()) == wilson_interval(400, 400)


def test_pairs_of_the_same_rounds_differ_by_less_than_their_rates_vary() -> None:
    hard = np.arange(40) % 2 == 0
    theirs = _rounds(np.where(hard, 2.0, 9.0).tolist(), [10.0] * 40)
    ours = _rounds(np.where(hard, 3.0, 10.0).tolist(), [10.0] * 40)
    difference, low, high = paired_difference(ours, theirs, _rng())
    assert (difference, low, high) == pytest.approx((0.1, 0.1, 0.1))  # each round: one more
    apart = bootstrap_interval(ours, _rng())
    assert apart[1] - apart[0] > 0.15
    with pytest.raises(ValueError, match="the same rounds, found 40 and 2"):
        paired_difference(ours, _rounds([1, 1], [1, 1]), _rng())


def test_rounds_without_attempts_are_refused_or_left_out() -> None:
    with pytest.raises(ValueError, match="with a sum of 0"):
        _rounds([0], [0])
    with pytest.raises(ValueError, match="as many parts as wholes"):
        _rounds([0, 1], [1])
    assert np.isnan(_rounds([0, 1], [0, 1]).drawn(np.array([[0, 0], [0, 1]]))).tolist() == [
        True,
        False,
    ]
