"""Which steps can be learned from, case by case."""

import pytest

from equigrasp.replay.learnable import now_learnable
from equigrasp.replay.step import Step


def made(index: int, episode: int, discount: float = 0.9, is_truncated: bool = False) -> Step:
    """Return a step that holds nothing."""
    return Step(index, episode, {}, {}, 0.0, discount, is_truncated)


@pytest.mark.parametrize(
    ("previous", "step", "expected"),
    [
        (None, made(0, 0), (False, False)),
        (None, made(0, 0, 0.0), (False, True)),
        (made(0, 0), made(1, 0), (True, False)),
        (made(0, 0), made(1, 0, 0.0), (True, True)),
        (made(0, 0), made(1, 0, is_truncated=True), (True, False)),
        (made(0, 0, 0.0), made(1, 1), (False, False)),
        (made(0, 0, is_truncated=True), made(1, 1), (False, False)),
        (made(0, 0, is_truncated=True), made(1, 0), (False, False)),  # a number used twice
        (made(0, 0), made(1, 1), (False, False)),  # a crash ended the first
        (made(0, 0), made(2, 0), (False, False)),  # a step is missing
    ],
)
def test_a_step_needs_its_end_or_its_successor(
    previous: Step | None, step: Step, expected: tuple[bool, bool]
) -> None:
    assert now_learnable(previous, step) == expected
