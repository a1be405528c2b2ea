"""Calls as bytes."""

import numpy as np
import pytest

from equigrasp.experiments.fleet.message import (
    FleetError,
    pack_arrays,
    pack_message,
    unpack_arrays,
    unpack_message,
)

VALUES = [3, 0.25, "word", None, True, [1, [2]], {"online": 0.5}, b"\x00\xff", b"", b"abc"]


def test_plain_values_and_bytes_come_back() -> None:
    assert unpack_message(pack_message("push", VALUES)) == ("push", VALUES)


def test_every_altered_or_missing_byte_is_found() -> None:
    data = pack_message("push", VALUES)
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 0x20
        for wrong in (bytes(altered), data[:place]):
            with pytest.raises(FleetError):
                unpack_message(wrong)


def test_arrays_come_back_and_others_are_refused() -> None:
    arrays = {"a": np.arange(6).reshape(2, 3)[:, ::2], "b": np.array([True, False])}
    found = unpack_arrays(pack_arrays(arrays))
    assert all(
        np.array_equal(found[k], a) and found[k].dtype == a.dtype for k, a in arrays.items()
    )
    with pytest.raises(FleetError, match="are no arrays"):
        unpack_arrays(b"no arrays at all")
