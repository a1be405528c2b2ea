"""Framed bytes: magic, length and CRC-32 before each payload, on disk and between processes."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from equigrasp.errors import ReplayError
from equigrasp.replay.step import ExperienceSpec, Step
from equigrasp.replay.step_record import MAGIC, OLD_MAGIC, Extras, pack_step, unpack_step

_HEAD = struct.Struct("<4sII")  # magic, payload length, CRC-32 of the payload
_RECORDS = (MAGIC, OLD_MAGIC)
Episode = list[tuple[Step, Extras]]


@dataclass(frozen=True)
class Frame:
    """A whole frame whose checksum fits.

    Args:
        begin: Offset of its first byte.
        magic: What the payload is.
        payload: Without the head.
    """

    begin: int
    magic: bytes
    payload: bytes

    @property
    def end(self) -> int:
        """Offset behind its last byte."""
        return self.begin + _HEAD.size + len(self.payload)


def pack_frame(payload: bytes, magic: bytes = MAGIC) -> bytes:
    """Return a payload with its head."""
    return _HEAD.pack(magic, len(payload), zlib.crc32(payload)) + payload


def frames_of(data: bytes, magics: Sequence[bytes] = _RECORDS) -> Iterator[Frame | int]:
    """Yield the frames of bytes; where one is damaged or cut short, its offset, and no more."""
    offset = 0
    while offset < len(data):
        found = None
        if len(data) - offset >= _HEAD.size:
            magic, length, crc = _HEAD.unpack_from(data, offset)
            payload = data[offset + _HEAD.size : offset + _HEAD.size + length]
            is_sound = len(payload) == length and zlib.crc32(payload) == crc
            found = Frame(offset, magic, payload) if is_sound and magic in magics else None
        if found is None:
            yield offset
            return
        yield found
        offset = found.end


def frames_of_file(path: Path, offset: int = 0) -> Iterator[Frame]:
    """Yield the records of a log from an offset on, at which one begins.

    A last one that is not whole is left out: it may be on its way.

    Raises:
        ReplayError: if a record before the last one is damaged (names file and offset).
    """
    if not path.is_file():
        return  # who writes it has not begun
    total = path.stat().st_size
    with path.open("rb") as file:
        file.seek(offset)
        while offset < total:
            head = file.read(_HEAD.size)
            is_whole = len(head) == _HEAD.size
            magic, length, crc = _HEAD.unpack(head) if is_whole else (MAGIC, 0, 0)
            payload = file.read(length)
            end = offset + _HEAD.size + length
            is_ours = magic in _RECORDS
            if is_whole and is_ours and len(payload) == length:
                if zlib.crc32(payload) == crc:
                    yield Frame(offset, magic, payload)
                    offset = end
                    continue
            elif is_ours or not is_whole:
                end = total  # the record runs past the end of the file
            if end < total:
                raise damage(path, offset, "Its checksum does not fit.")
            return


def record_of(path: Path, frame: Frame) -> tuple[Step, Extras]:
    """Return the step and the extras of a log's frame.

    Raises:
        ReplayError: if the payload is not what its header says (names file and offset).
    """
    try:
        return unpack_step(frame.magic, frame.payload)
    except ReplayError as error:
        raise damage(path, frame.begin, str(error)) from error


def damage(path: Path, offset: int, reason: str) -> ReplayError:
    """Return the error of a log with a damaged record."""
    return ReplayError(
        f"{path}: the record at byte {offset} is damaged: {reason} Restore the file, or have "
        f"`equigrasp repair {path.parent}` cut it there and say what is lost."
    )


def pack_episode(episode: Episode, spec: ExperienceSpec) -> bytes:
    """Return an episode as the log's own frames, one a step.

    Raises:
        ReplayError: if it is not one episode, or a step is not what `spec` says.
    """
    check_episode(episode)
    for step, _ in episode:
        spec.check(step)
    return b"".join(pack_frame(pack_step(step, extras, spec)) for step, extras in episode)


def unpack_episode(data: bytes, spec: ExperienceSpec) -> Episode:
    """Return the episode that `pack_episode` packed, all or nothing.

    Raises:
        ReplayError: if bytes are damaged, it is not one episode, or a step is not what `spec` says.
    """
    episode = []
    for frame in frames_of(data):
        if isinstance(frame, int):
            raise ReplayError(f"An episode is damaged at byte {frame} of {len(data)}.")
        step, extras = unpack_step(frame.magic, frame.payload)
        spec.check(step)
        episode.append((step, extras))
    check_episode(episode)
    return episode


def check_episode(episode: Episode) -> None:
    """Raise `ReplayError` unless steps are one episode from first to last, or the whole of a cut one."""
    if not episode:
        raise ReplayError("An episode has at least one step; found none.")
    numbers = sorted({step.episode for step, _ in episode})
    if len(numbers) > 1:
        raise ReplayError(f"Steps of one episode are expected; found {numbers[:5]}.")
    early = [i for i, (step, _) in enumerate(episode[:-1]) if step.is_last]
    if early:
        raise ReplayError(f"Step {early[0]} of {len(episode)} ends its episode too early.")
    if not episode[-1][0].is_last:
        raise ReplayError(f"The last of {len(episode)} steps does not end its episode.")
