"""A step as bytes: JSON and packed arrays (EGX2), and the records of before, single grasps (EGX1)."""

import json
import math
import struct
import zlib

import cv2
import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.replay.step import Codec, ExperienceSpec, Step

MAGIC = b"EGX2"
OLD_MAGIC = b"EGX1"
Extras = dict[str, float | int | str]
_HEADER_LENGTH = struct.Struct("<I")
_UNREADABLE = (
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError, struct.error,
    zlib.error, cv2.error,
)  # fmt: skip
_MAX_ARRAY_BYTES = 2**28  # a record that claims more is damaged, whatever its checksum says


def pack_step(step: Step, extras: Extras, spec: ExperienceSpec) -> bytes:
    """Return the payload of a record: a JSON header, then the arrays in its order."""
    entries, blobs = [], []
    for group, arrays in (("observation", step.observation), ("action", step.action)):
        for name in sorted(arrays):
            array, codec = np.asarray(arrays[name], order="C"), spec.codec(group, name)
            blobs.append(_encode(array, codec))
            entries.append(
                {
                    "group": group,
                    "name": name,
                    "dtype": array.dtype.newbyteorder("<").str,
                    "shape": list(array.shape),
                    "codec": codec,
                    "num_bytes": len(blobs[-1]),
                }
            )
    header = {
        "index": step.index,
        "episode": step.episode,
        "reward": step.reward,
        "discount": step.discount,
        "is_truncated": step.is_truncated,
        "arrays": entries,
        "extras": extras,
    }
    text = json.dumps(header, sort_keys=True).encode()
    return _HEADER_LENGTH.pack(len(text)) + text + b"".join(blobs)


def unpack_step(magic: bytes, payload: bytes) -> tuple[Step, Extras]:
    """Return the step and the extras of a record; nothing in it is ever executed.

    Raises:
        ReplayError: if the payload is not what its header says.
    """
    try:
        (length,) = _HEADER_LENGTH.unpack_from(payload)
        start = _HEADER_LENGTH.size
        header = json.loads(payload[start : start + length])
        body = memoryview(payload)[start + length :]
        if magic == OLD_MAGIC:
            return _unpack_old(header, body), header["extras"]
        arrays: dict[str, dict[str, np.ndarray]] = {"observation": {}, "action": {}}
        for entry in header["arrays"]:
            blob, body = body[: entry["num_bytes"]], body[entry["num_bytes"] :]
            shape, dtype = tuple(entry["shape"]), np.dtype(entry["dtype"])
            arrays[entry["group"]][entry["name"]] = _decode(blob, entry["codec"], shape, dtype)
        step = Step(
            int(header["index"]),
            int(header["episode"]),
            arrays["observation"],
            arrays["action"],
            float(header["reward"]),
            float(header["discount"]),
            bool(header["is_truncated"]),
        )
        return step, dict(header["extras"])
    except _UNREADABLE as error:
        raise ReplayError(f"A record does not hold what it says: {error!r}.") from error


def _unpack_old(header: dict, body: memoryview) -> Step:
    """Return a record of EGX1: one grasp on a heightmap of `size_px`."""
    size = header["size_px"]
    return Step(
        header["attempt"],
        header["attempt"],
        {"heightmap": _decode(body, "zlib", (size, size), np.dtype("<u2"))},
        {key: np.asarray(header[key], np.int32) for key in ("row", "col", "rotation_bin")},
        header["reward"],
    )


def _encode(array: np.ndarray, codec: Codec) -> bytes:
    if codec == "png":
        is_whole, data = cv2.imencode(".png", array[..., ::-1] if array.ndim == 3 else array)
        if not is_whole:
            raise ReplayError(f"An array {array.dtype} {array.shape} cannot be kept as png.")
        return data.tobytes()
    raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return zlib.compress(raw, 1) if codec == "zlib" else raw


def _decode(blob: memoryview, codec: Codec, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes > _MAX_ARRAY_BYTES or dtype.kind not in "biuf":
        raise ValueError(f"an array {dtype} of shape {shape}")
    if codec == "png":
        image = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None or image.shape != shape or image.dtype != dtype:
            raise ValueError(f"a picture that is not {dtype} of shape {shape}")
        return np.ascontiguousarray(image[..., ::-1] if image.ndim == 3 else image)
    if codec == "zlib":
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(blob, num_bytes + 1)
    elif codec == "raw":
        data = bytes(blob)
    else:
        raise ValueError(f"codec '{codec}'")
    if len(data) != num_bytes:
        raise ValueError(f"{len(data)} bytes for an array {dtype} of shape {shape}")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))
