"""Transitions of episodes: never of two at once, never beyond an end."""

import numpy as np
import pytest
from episodes import SPEC, make_episode, steps_of
from scipy.stats import chisquare

from equigrasp.errors import ReplayError
from equigrasp.replay.ring_buffer import RingBuffer, Transitions


def filled(lengths: list[int], capacity: int = 1000, cut: tuple[int, ...] = ()) -> RingBuffer:
    """Return a buffer of episodes with some lengths, of which some were cancelled."""
    buffer, first = RingBuffer(SPEC, capacity), 0
    for number, length in enumerate(lengths):
        buffer.add_episode(steps_of(make_episode(number, length, first, is_cut=number in cut)))
        first += length
    return buffer


def assert_sound(found: Transitions) -> None:
    """Fail where a transition is not two steps of an episode that follow one another, or its end."""
    episodes, places = found.observation["state"].T
    after, next_places = found.next_observation["state"].T
    assert np.array_equal(after, episodes) and np.array_equal(episodes, found.episodes)
    is_end = found.discounts == 0.0
    assert np.array_equal(next_places, places + ~is_end)
    assert np.array_equal(found.next_observation["heights"][:, 0, 0], next_places)
    assert np.allclose(found.rewards[~is_end], -0.02)


def test_no_transition_mixes_two_episodes(rng: np.random.Generator) -> None:
    """Rings of every size, so that episodes lie across their ends in every way."""
    lengths = rng.integers(1, 7, 20).tolist()
    for capacity in range(1, 20):
        buffer = filled(lengths, capacity, cut=tuple(range(0, 20, 3)))
        if len(buffer.numbers()):
            assert_sound(buffer.sample(200, rng))


def test_what_is_learned_from_is_what_can_be() -> None:
    """All steps but the last ones of episodes that were cancelled."""
    buffer = filled([3, 2, 4], cut=(1,))
    assert buffer.numbers().tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    found = buffer.read(buffer.numbers())
    assert_sound(found)
    assert found.discounts.tolist() == [0.9, 0.9, 0.0, 0.9, 0.9, 0.9, 0.9, 0.0]
    with pytest.raises(ReplayError, match="Nothing is known of what followed step 4"):
        buffer.read(np.array([0, 4]))


def test_a_cancelled_episode_of_one_step_teaches_nothing(rng: np.random.Generator) -> None:
    buffer = filled([1], cut=(0,))
    with pytest.raises(ReplayError, match="None of 1 steps"):
        buffer.sample(1, rng)


def test_an_episode_that_goes_on_waits_for_its_next_step() -> None:
    buffer, steps = RingBuffer(SPEC, 10), steps_of(make_episode(0, 3))
    known = []
    for step in steps:
        buffer.add(step)
        known.append(buffer.numbers().tolist())
    assert known == [[], [0], [0, 1, 2]]


def test_equal_numbers_of_two_logs_are_two_episodes() -> None:
    """One log breaks off in an episode; the next one begins with the same numbers."""
    buffer = RingBuffer(SPEC, 10)
    buffer.add_episode(steps_of(make_episode(0, 4))[:2])
    buffer.add_episode(steps_of(make_episode(0, 2, first=2)))
    assert buffer.numbers().tolist() == [0, 2, 3]


def test_first_in_is_first_out() -> None:
    buffer = filled([4] * 10, capacity=10)
    assert (len(buffer), buffer.oldest, buffer.num_added) == (10, 30, 40)
    assert buffer.read(buffer.numbers()).indices.tolist() == list(range(30, 40))
    with pytest.raises(ReplayError, match="Row 29 is not in the ring"):
        buffer.read(np.array([29]))


def test_draws_up_to_a_step_do_not_change_later(rng: np.random.Generator) -> None:
    """What a trainer draws for an SGD step does not depend on what has come since."""
    lengths, known = [3, 1, 5, 2], []
    whole, growing, first = filled(lengths, cut=(2,)), RingBuffer(SPEC, 1000), 0
    for number, length in enumerate(lengths):
        for step in steps_of(make_episode(number, length, first, is_cut=number == 2)):
            growing.add(step)
            known.append(growing.numbers().tolist())
        first += length
    assert [whole.numbers(end).tolist() for end in range(1, 12)] == known
    assert whole.numbers(0).tolist() == []


def test_draws_are_uniform(rng: np.random.Generator) -> None:
    buffer = filled([4] * 6, capacity=14, cut=(4,))
    known = buffer.numbers()
    found = buffer.sample(20_000, rng).numbers
    counts = np.array([(found == n).sum() for n in known])
    assert counts.sum() == 20_000
    assert chisquare(counts).pvalue > 1e-3


def test_a_step_of_something_else_is_refused() -> None:
    buffer = RingBuffer(SPEC, 10)
    step = steps_of(make_episode(0, 1))[0]
    step.observation["state"][0] = np.nan
    with pytest.raises(ReplayError, match="not finite"):
        buffer.add(step)
    assert buffer.num_added == 0
