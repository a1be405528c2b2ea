"""Append-only log of steps on disk, written before anything is learned from them."""

import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from equigrasp.errors import ReplayError
from equigrasp.replay.step import ExperienceSpec, Step
from equigrasp.replay.step_record import MAGIC, OLD_MAGIC, Extras, pack_step, unpack_step

_LOGGER = logging.getLogger(__name__)
_FRAME = struct.Struct("<4sII")  # magic, payload length, CRC-32 of the payload


class LogFullError(ReplayError):
    """The disk took no more; the log is as it was before the record."""


class ExperienceLog:
    """Records of (step, extras), each with its length and checksum.

    Records are EGX2; those of EGX1, single grasps of before, are read as steps, and a log that begins
    with them goes on with EGX2.

    A record that a crash left half-written at the end is cut off when the log is opened to be written
    to, and left out by those who read only: it may be on its way. Nothing in it is ever executed: a
    record is JSON and packed arrays.

    Args:
        path: The file.
        spec: Tells how arrays are packed; None: of a log that is only read.
        is_writing: Whether records will be added: only one may do that at a time.

    Raises:
        ReplayError: if a record before the last one is damaged (names file and offset), or another
            process is writing to the log.
    """

    def __init__(
        self, path: Path, spec: ExperienceSpec | None = None, is_writing: bool = True
    ) -> None:
        self.path, self._spec = path, spec
        self._fd = _open_alone(path) if is_writing else -1
        self._count = self._size = 0
        try:
            self._recover()
        except ReplayError:
            self.close()
            raise

    def __len__(self) -> int:
        return self._count

    def append(self, step: Step, extras: Extras) -> None:
        """Write one record and wait until it is on the disk.

        Raises:
            ReplayError: if the step is not what the log's `spec` says; nothing is written.
            LogFullError: if the disk is full; the log is unchanged and may be tried again.
        """
        if self._spec is None:
            raise ReplayError(f"{self.path}: nothing is written to a log without a spec.")
        self._spec.check(step)
        payload = pack_step(step, extras, self._spec)
        record = _FRAME.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload
        try:
            written = 0
            while written < len(record):
                written += os.write(self._fd, record[written:])
            os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, self._size)
            raise LogFullError(f"Cannot write to {self.path}: {error.strerror}.") from error
        self._size += len(record)
        self._count += 1

    def __iter__(self) -> Iterator[tuple[Step, Extras]]:
        return self._records(0)

    def read_on(self) -> Iterator[tuple[Step, Extras]]:
        """Take in what another process has appended, and iterate over that.

        Raises:
            ReplayError: if a record before the last one is damaged.
        """
        known = self._size
        self._recover()
        return self._records(known)

    def _records(self, offset: int) -> Iterator[tuple[Step, Extras]]:
        if offset == self._size:
            return  # there may be no file yet
        with self.path.open("rb") as file:
            file.seek(offset)
            while file.tell() < self._size:
                begin = file.tell()
                magic, length, _ = _FRAME.unpack(file.read(_FRAME.size))
                try:
                    yield unpack_step(magic, file.read(length))
                except ReplayError as error:
                    raise _damage(self.path, begin, str(error)) from error

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _recover(self) -> None:
        """Count the sound records behind those counted, and cut off a half-written last one."""
        if not self.path.is_file():
            return  # who writes it has not begun
        total, offset = self.path.stat().st_size, self._size
        with self.path.open("rb") as file:
            file.seek(offset)
            while offset < total:
                frame = file.read(_FRAME.size)
                is_whole = len(frame) == _FRAME.size
                magic, length, crc = _FRAME.unpack(frame) if is_whole else (MAGIC, 0, 0)
                payload = file.read(length)
                end = offset + _FRAME.size + length
                is_ours = magic in (MAGIC, OLD_MAGIC)
                if is_whole and is_ours and len(payload) == length:
                    if zlib.crc32(payload) == crc:
                        offset = end
                        self._count += 1
                        continue
                elif is_ours or not is_whole:
                    end = total  # the record runs past the end of the file
                if end < total:
                    raise _damage(self.path, offset, "Its checksum does not fit.")
                break
        if offset < total and self._fd >= 0:
            _LOGGER.warning("%s: cut off a half-written record at byte %d.", self.path, offset)
            os.ftruncate(self._fd, offset)
            os.fsync(self._fd)
        self._size = offset


def _damage(path: Path, offset: int, reason: str) -> ReplayError:
    return ReplayError(
        f"{path}: the record at byte {offset} is damaged: {reason} Restore the file, or have "
        f"`equigrasp repair {path.parent}` cut it there and say what is lost."
    )


def cut_log(
    path: Path, aside: Path, check: Callable[[Step], None] = lambda step: None
) -> list[str]:
    """Cut a log before its first damaged record, and move what follows to another file.

    Args:
        path: The log; no other process may be writing to it.
        aside: Where what is cut off goes.
        check: Raises `ReplayError` for a step that does not belong there.

    Returns:
        What was done, a line each; nothing of a sound log.

    Raises:
        ReplayError: if another process is writing to the log.
    """
    fd = _open_alone(path)
    try:
        data = path.read_bytes()
        end, reason = 0, ""
        for count, (begin, payload) in enumerate(_frames(data)):
            try:
                if payload is None:
                    raise ReplayError("It is cut short, or its checksum does not fit.")
                step, _ = unpack_step(data[begin : begin + 4], payload)
                check(step)
                if step.index != count:
                    raise ReplayError(f"It holds step {step.index} instead of step {count}.")
            except ReplayError as error:
                reason = f"cut at byte {begin}, before attempt {count}: {error}"
                break
            end = begin + _FRAME.size + len(payload)
        if end == len(data):
            return []
        rest = data[end:]
        num_sound = sum(payload is not None for _, payload in _frames(rest))
        aside.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(rest)
        os.ftruncate(fd, end)
        os.fsync(fd)
        return [
            f"{path.name} was {reason}",
            f"lost from it: {len(rest)} bytes with {num_sound} whole records, moved to {aside}",
        ]
    finally:
        os.close(fd)


def _frames(data: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Yield where each record of a log begins, and its payload; None, and no more, if it is damaged."""
    offset = 0
    while offset < len(data):
        payload = None
        if len(data) - offset >= _FRAME.size:
            magic, length, crc = _FRAME.unpack_from(data, offset)
            found = data[offset + _FRAME.size : offset + _FRAME.size + length]
            is_sound = len(found) == length and zlib.crc32(found) == crc
            payload = found if is_sound and magic in (MAGIC, OLD_MAGIC) else None
        yield offset, payload
        if payload is None:
            return
        offset += _FRAME.size + len(payload)


def _open_alone(path: Path) -> int:
    """Open a file to write to it; the kernel lets go of the lock when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise ReplayError(
            f"{path}: another process is writing to this log. End it, or choose another folder."
        ) from None
    return fd
