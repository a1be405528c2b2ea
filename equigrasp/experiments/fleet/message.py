"""Calls and answers as framed bytes: JSON for plain values, bytes as they are; nothing is unpickled."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from equigrasp.errors import EquigraspError, shortened
from equigrasp.replay.frames import Frame, frames_of, pack_frame

_MAGIC = b"EGF1"
_LENGTH = struct.Struct("<I")
_BYTES = "bytes"  # key that stands for a value of bytes, with its number of bytes


class FleetError(EquigraspError):
    """A part of a fleet was misused, or answered what it must not."""


class PeerGoneError(FleetError):
    """Another part of the fleet does not answer; it may come back."""


def pack_message(kind: str, values: Sequence[Any]) -> bytes:
    """Return a message: a word, and values that JSON knows, or bytes."""
    blobs = [bytes(value) for value in values if isinstance(value, bytes | bytearray)]
    plain = [{_BYTES: len(v)} if isinstance(v, bytes | bytearray) else v for v in values]
    text = json.dumps([kind, plain]).encode()
    return pack_frame(_LENGTH.pack(len(text)) + text + b"".join(blobs), _MAGIC)


def unpack_message(data: bytes) -> tuple[str, list[Any]]:
    """Return word and values of a message.

    Raises:
        FleetError: if it is damaged, or no message of ours.
    """
    frames = list(frames_of(data, (_MAGIC,)))
    if len(frames) != 1 or not isinstance(frames[0], Frame):
        raise FleetError(f"A message of {len(data)} bytes is damaged, or of something else.")
    payload = frames[0].payload
    try:
        (length,) = _LENGTH.unpack_from(payload)
        start = _LENGTH.size + length
        kind, plain = json.loads(payload[_LENGTH.size : start])
        values = []
        for value in plain:
            if isinstance(value, dict) and _BYTES in value:
                end = start + int(value[_BYTES])
                value, start = payload[start:end], end
            values.append(value)
        return str(kind), values
    except (struct.error, ValueError, TypeError) as error:
        raise FleetError(f"A message does not hold what it says: {shortened(error)}") from error


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return named arrays as safetensors."""
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def unpack_arrays(data: bytes) -> dict[str, np.ndarray]:
    """Return what `pack_arrays` packed; raise `FleetError` if it is no safetensors."""
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise FleetError(f"{len(data)} bytes are no arrays: {error}") from error
