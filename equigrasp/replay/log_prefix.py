"""The first episodes of a log as a log of their own."""

import os
from pathlib import Path

from equigrasp.errors import ReplayError
from equigrasp.replay.frames import frames_of_file, record_of

_CHUNK = 1 << 20  # [bytes]


def copy_first(log: Path, copy: Path, max_steps: int) -> int:
    """Copy the first episodes of a log, as many as fit, whole or not at all; return how many steps they hold.

    Args:
        log: The log.
        copy: The copy; replaced where it is there.
        max_steps: That the copy may hold.

    Raises:
        ReplayError: if the log holds fewer steps, its first episode holds more, or a record is damaged.
    """
    num_read = num_steps = end = 0
    for frame in frames_of_file(log):
        if num_read == max_steps:
            break
        num_read += 1
        if record_of(log, frame)[0].is_last:
            num_steps, end = num_read, frame.end
    if num_read < max_steps or not num_steps:
        why = "its first episode is longer" if num_read == max_steps else f"it holds {num_read}"
        raise ReplayError(f"{log}: {max_steps} steps are to be copied, but {why}.")
    copy.parent.mkdir(parents=True, exist_ok=True)
    partial = copy.with_suffix(".part")
    with log.open("rb") as source, partial.open("wb") as target:
        while end:
            data = source.read(min(end, _CHUNK))
            target.write(data)
            end -= len(data)
        target.flush()
        os.fsync(target.fileno())
    partial.replace(copy)
    return num_steps
