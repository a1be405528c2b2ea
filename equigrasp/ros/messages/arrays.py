"""Between named arrays and messages."""

import array
import math
from collections.abc import Mapping, Sequence

import numpy as np
from equigrasp_interfaces.msg import NamedArray

from equigrasp.errors import ReplayError

_MAX_ARRAYS = 64  # of one message
_MAX_BYTES = 2**26  # of one array: four pictures of 4 megapixels
_MAX_AXES = 8
_KINDS = "biuf"  # of numpy's types: numbers


def to_array_msgs(arrays: Mapping[str, np.ndarray]) -> list[NamedArray]:
    """Return arrays as messages, in the order of their names."""
    messages = []
    for name in sorted(arrays):
        values = np.asarray(arrays[name], order="C")
        raw = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        messages.append(
            NamedArray(
                name=name,
                dtype=values.dtype.name,
                shape=list(values.shape),
                data=array.array("B", raw),
            )
        )
    return messages


def from_array_msgs(messages: Sequence[NamedArray]) -> dict[str, np.ndarray]:
    """Return messages as arrays; what they must be, an `ExperienceSpec` says.

    Raises:
        ReplayError: if a name comes twice, or an array is not what its message says.
    """
    if len(messages) > _MAX_ARRAYS:
        raise ReplayError(f"Found {len(messages)} arrays; at most {_MAX_ARRAYS} are read.")
    arrays: dict[str, np.ndarray] = {}
    for message in messages:
        name = message.name[:40]
        if name in arrays:
            raise ReplayError(f"Array '{name}' comes twice.")
        try:
            dtype = np.dtype(message.dtype[:20])
        except (TypeError, ValueError, SyntaxError) as error:
            raise ReplayError(f"'{name}' is of type '{message.dtype[:20]}'.") from error
        if len(message.shape) > _MAX_AXES:
            raise ReplayError(f"'{name}' has {len(message.shape)} axes; at most {_MAX_AXES}.")
        shape = tuple(int(n) for n in message.shape)
        num_bytes = math.prod(shape) * dtype.itemsize
        if dtype.kind not in _KINDS or num_bytes != len(message.data) or num_bytes > _MAX_BYTES:
            raise ReplayError(
                f"'{name}' holds {len(message.data)} bytes for {dtype} of shape {shape}; expected "
                f"{num_bytes}, at most {_MAX_BYTES}, of whole or floating numbers."
            )
        values = np.frombuffer(bytes(message.data), dtype.newbyteorder("<")).reshape(shape)
        arrays[name] = values.astype(dtype)
    return arrays
