"""Files that processes write their output to, of bounded size."""

import contextlib
import os
import shutil
from pathlib import Path

LARGEST_LOG = 20_000_000  # bytes; as much again is kept of what came before


def bound_log(path: Path, largest: int = LARGEST_LOG) -> None:
    """Begin a log anew where it has grown too large; what it held moves to `<name>.old.log`.

    Whoever writes to it, appending, may go on; a line that comes at that moment may be lost.

    Args:
        path: A log, which need not exist.
        largest: Size up to which it is left alone [bytes].
    """
    with contextlib.suppress(
        OSError
    ):  # a full disk, a folder that is gone: no reason to end a graph
        if path.stat().st_size > largest:
            shutil.copyfile(path, path.with_suffix(f".old{path.suffix}"))
            os.truncate(path, 0)
