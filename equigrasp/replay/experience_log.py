"""Append-only log of steps on disk, written before anything is learned from them."""

import fcntl
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from equigrasp.errors import ReplayError
from equigrasp.replay.frames import (
    Episode,
    Frame,
    frames_of,
    frames_of_file,
    pack_frame,
    record_of,
)
from equigrasp.replay.step import ExperienceSpec, Step
from equigrasp.replay.step_record import Extras, pack_step, unpack_step

_LOGGER = logging.getLogger(__name__)


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
        self.append_episode([(step, extras)])

    def append_episode(self, episode: Episode) -> None:
        """Write some records at once and wait until they are on the disk; otherwise as `append`.

        A crash may leave the first of them; see `drop_last`.
        """
        if self._spec is None:
            raise ReplayError(f"{self.path}: nothing is written to a log without a spec.")
        for step, _ in episode:
            self._spec.check(step)
        data = b"".join(pack_frame(pack_step(s, extras, self._spec)) for s, extras in episode)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
            os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, self._size)
            raise LogFullError(f"Cannot write to {self.path}: {error.strerror}.") from error
        self._size += len(data)
        self._count += len(episode)

    def drop_last(self, num_records: int) -> None:
        """Cut off the newest records: of an episode that a crash kept from its end.

        Raises:
            ReplayError: if there are fewer, or the log is only read.
        """
        if self._fd < 0 or not 0 <= num_records <= self._count:
            raise ReplayError(
                f"{self.path}: cannot cut {num_records} of {self._count} records off a log that is "
                f"{'only read' if self._fd < 0 else 'written to'}."
            )
        begins = deque((f.begin for f in frames_of_file(self.path)), maxlen=num_records)
        if begins:
            _LOGGER.warning("%s: cut off %d steps without an end.", self.path, num_records)
            os.ftruncate(self._fd, begins[0])
            os.fsync(self._fd)
            self._size, self._count = begins[0], self._count - num_records

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
        end = self._size
        if offset == end:
            return
        for frame in frames_of_file(self.path, offset):
            yield record_of(self.path, frame)
            if frame.end == end:
                return

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _recover(self) -> None:
        """Count the sound records behind those counted, and cut off a half-written last one."""
        for frame in frames_of_file(self.path, self._size):
            self._size = frame.end
            self._count += 1
        if self._fd >= 0 and self.path.stat().st_size > self._size:
            _LOGGER.warning("%s: cut off a half-written record at byte %d.", self.path, self._size)
            os.ftruncate(self._fd, self._size)
            os.fsync(self._fd)


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
        for count, frame in enumerate(frames_of(data)):
            try:
                if isinstance(frame, int):
                    raise ReplayError("It is cut short, or its checksum does not fit.")
                step, _ = unpack_step(frame.magic, frame.payload)
                check(step)
                if step.index != count:
                    raise ReplayError(f"It holds step {step.index} in the place of step {count}.")
            except ReplayError as error:
                reason = f"cut at byte {end}, before attempt {count}: {error}"
                break
            end = frame.end
        if end == len(data):
            return []
        rest = data[end:]
        num_sound = sum(isinstance(frame, Frame) for frame in frames_of(rest))
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
