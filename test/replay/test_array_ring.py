"""Rows in a ring."""

from pathlib import Path

import numpy as np
import pytest

from equigrasp.errors import ReplayError
from equigrasp.replay.array_ring import ArrayRing, Field, field_of
from equigrasp.replay.step import ArraySpec

FIELDS = {"a": Field((2,), "int64"), "b": Field((), "float32")}


def rows(first: int, count: int) -> dict[str, np.ndarray]:
    """Return rows that say their numbers."""
    numbers = np.arange(first, first + count)
    return {"a": np.column_stack([numbers, -numbers]), "b": numbers.astype(np.float32)}


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_the_newest_rows_stay_in_order(is_on_disk: bool, tmp_path: Path) -> None:
    ring = ArrayRing(FIELDS, 7, tmp_path / "ring" if is_on_disk else None)
    added = 0
    for count in (3, 4, 1, 5, 7, 2):
        assert ring.add(rows(added, count)).tolist() == list(range(added, added + count))
        added += count
        kept = np.arange(max(0, added - 7), added)
        assert (ring.oldest, ring.num_added, len(ring)) == (kept[0], added, len(kept))
        found = ring.read(kept)
        assert np.array_equal(found["a"][:, 0], kept) and np.array_equal(found["b"], kept)


def test_rows_that_left_or_never_came_are_refused() -> None:
    ring = ArrayRing(FIELDS, 4)
    ring.add(rows(0, 4))
    ring.add(rows(4, 2))
    for number in (1, 6, -1):
        with pytest.raises(ReplayError, match=f"Row {number} is not in the ring, .* 2 to 5"):
            ring.read(np.array([3, number]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": np.zeros(2)}, r"'b' must be float32 \(2,\), found float64"),
        ({"a": np.zeros((2, 3), np.int64)}, r"'a' must be int64 \(2, 2\)"),
        ({"c": np.zeros(2)}, "Rows hold"),
    ],
)
def test_rows_that_do_not_fit_leave_the_ring(changes: dict, message: str) -> None:
    ring = ArrayRing(FIELDS, 4)
    with pytest.raises(ReplayError, match=message):
        ring.add(rows(0, 2) | changes)
    assert ring.num_added == 0


def test_what_is_read_is_a_copy() -> None:
    ring = ArrayRing(FIELDS, 2)
    ring.add(rows(0, 2))
    found = ring.read(np.array([0]))
    ring.add(rows(2, 2))
    assert found["b"].tolist() == [0.0]


def test_arrays_of_varying_size_fit_no_ring() -> None:
    with pytest.raises(ReplayError, match="'points' of shape .* varies"):
        field_of("points", ArraySpec((None, 3), "float32"))
    with pytest.raises(ReplayError, match="capacity must be at least 1, found 0"):
        ArrayRing(FIELDS, 0)
