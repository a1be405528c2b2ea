"""Draws from several buffers by weight."""

import numpy as np
import pytest
from episodes import SPEC, make_episode, steps_of
from scipy.stats import chisquare

from equigrasp.errors import ReplayError
from equigrasp.replay.named_buffers import OFFLINE, ONLINE, NamedBuffers
from equigrasp.replay.ring_buffer import RingBuffer


def make_buffers(online: int, offline: int) -> NamedBuffers:
    """Return buffers with so many episodes of four steps; those of `offline` count from 100."""
    buffers = NamedBuffers({name: RingBuffer(SPEC, 40) for name in (ONLINE, OFFLINE)})
    for name, first, count in ((ONLINE, 0, online), (OFFLINE, 100, offline)):
        for number in range(first, first + count):
            buffers[name].add_episode(steps_of(make_episode(number)))
    return buffers


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5])
def test_drawn_shares_equal_the_weights(share: float, rng: np.random.Generator) -> None:
    """Whatever the buffers hold: one is ten times the other."""
    buffers = make_buffers(online=1, offline=10)
    weights = {ONLINE: 3.0 * share, OFFLINE: 3.0 * (1.0 - share)}  # they need not sum to 1
    counts = np.zeros(2)
    for _ in range(300):
        found = buffers.sample(64, weights, rng)
        counts += [len(found[n]) if n in found else 0 for n in (ONLINE, OFFLINE)]
    expected = counts.sum() * np.array([share, 1.0 - share])
    assert counts.sum() == 300 * 64
    assert chisquare(counts, expected).pvalue > 1e-3


def test_each_buffer_gives_what_it_holds(rng: np.random.Generator) -> None:
    found = make_buffers(3, 3).sample(50, {ONLINE: 1.0, OFFLINE: 1.0}, rng)
    assert set(found[ONLINE].episodes.tolist()) <= {0, 1, 2}
    assert set(found[OFFLINE].episodes.tolist()) <= {100, 101, 102}
    assert len(found[ONLINE]) + len(found[OFFLINE]) == 50


def test_an_empty_buffer_leaves_its_share_to_others(rng: np.random.Generator) -> None:
    buffers = make_buffers(online=0, offline=2)
    assert buffers.shares({ONLINE: 0.5, OFFLINE: 0.5}) == {OFFLINE: 1.0}
    assert len(buffers.sample(9, {ONLINE: 0.5, OFFLINE: 0.5}, rng)[OFFLINE]) == 9


def test_each_buffer_is_first_in_first_out() -> None:
    buffers = make_buffers(online=2, offline=15)
    assert buffers.sizes == {ONLINE: 8, OFFLINE: 40}
    assert set(buffers[OFFLINE].read(buffers[OFFLINE].numbers()).episodes) == set(range(105, 115))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"onlin": 1.0}, "Unknown buffer 'onlin'. Known buffers: online, offline"),
        ({ONLINE: -0.1}, "weight of 'online' must be at least 0, found -0.1"),
        ({ONLINE: float("nan")}, "must be at least 0, found nan"),
        ({ONLINE: 1.0}, "Nothing to draw"),
        ({}, "Nothing to draw"),
    ],
)
def test_weights_that_draw_nothing_are_refused(weights: dict, message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        make_buffers(0, 1).sample(4, weights, np.random.default_rng(0))
