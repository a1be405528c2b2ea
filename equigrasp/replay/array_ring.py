"""Rows of named arrays in a ring: the newest ones stay, memory is laid out once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.replay.step import Arrays, ArraySpec


@dataclass(frozen=True)
class Field:
    """One named array of a row.

    Args:
        shape: Of a row's array.
        dtype: Name of the numpy type.
    """

    shape: tuple[int, ...]
    dtype: str


def field_of(name: str, spec: ArraySpec) -> Field:
    """Return the field that holds an array of a spec; raise `ReplayError` if its size may vary."""
    if None in spec.shape:
        raise ReplayError(
            f"'{name}' of shape {spec.shape} varies in size; a ring holds equal rows."
        )
    return Field(tuple(n for n in spec.shape if n is not None), spec.dtype)


class ArrayRing:
    """The newest `capacity` rows. A row's number counts from 0 and never comes again.

    Args:
        fields: What a row holds, by name.
        capacity: Rows to keep.
        folder: Where the arrays lie as files, which the system may take out of memory; None: in memory.
            What lies there is overwritten.
    """

    def __init__(
        self, fields: Mapping[str, Field], capacity: int, folder: Path | None = None
    ) -> None:
        if capacity < 1:
            raise ReplayError(f"A ring's capacity must be at least 1, found {capacity}.")
        self.capacity, self.num_added = capacity, 0
        self._arrays = {
            name: _array(name, (capacity, *field.shape), field.dtype, folder)
            for name, field in fields.items()
        }

    def __len__(self) -> int:
        return min(self.num_added, self.capacity)

    @property
    def oldest(self) -> int:
        """Number of the oldest row that is kept."""
        return self.num_added - len(self)

    @property
    def num_bytes(self) -> int:
        """Memory of the rows that are kept [bytes]."""
        return sum(a.nbytes for a in self._arrays.values()) * len(self) // self.capacity

    def add(self, rows: Arrays) -> np.ndarray:
        """Store rows, each array of shape (n, *field.shape), and return their numbers, shape (n,).

        Raises:
            ReplayError: if names, number, shapes or types are not the fields'; nothing is stored.
        """
        if set(rows) != set(self._arrays):
            raise ReplayError(f"Rows hold {sorted(self._arrays)}; found {sorted(rows)}.")
        count = len(next(iter(rows.values())))
        for name, array in self._arrays.items():
            wanted, found = (count, *array.shape[1:]), rows[name]
            if found.shape != wanted or found.dtype != array.dtype:
                raise ReplayError(
                    f"Rows of '{name}' must be {array.dtype} {wanted}, "
                    f"found {found.dtype} {found.shape}."
                )
        if count > self.capacity:
            raise ReplayError(f"{count} rows at once do not fit a ring of {self.capacity}.")
        numbers = np.arange(self.num_added, self.num_added + count)
        for name, array in self._arrays.items():
            array[numbers % self.capacity] = rows[name]
        self.num_added += count
        return numbers

    def read(self, numbers: np.ndarray, names: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
        """Return copies of rows, by name, each of shape (n, *field.shape).

        Args:
            numbers: Of rows that are kept, shape (n,).
            names: Of the arrays wanted; none: all.

        Raises:
            ReplayError: if a row is no longer, or not yet, there.
        """
        gone = (numbers < self.oldest) | (numbers >= self.num_added)
        if gone.any():
            raise ReplayError(
                f"Row {int(numbers[gone.argmax()])} is not in the ring, which holds "
                f"{self.oldest} to {self.num_added - 1}."
            )
        rows = numbers % self.capacity
        return {name: self._arrays[name][rows] for name in names or self._arrays}


def _array(name: str, shape: tuple[int, ...], dtype: str, folder: Path | None) -> np.ndarray:
    if folder is None:
        return np.zeros(shape, dtype)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ring"
    path.unlink(missing_ok=True)  # another process may still read the old one
    return np.memmap(path, dtype, "w+", shape=shape)
