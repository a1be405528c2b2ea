"""ROS domains that nobody else on this machine uses, so that tests may run side by side."""

import fcntl
import tempfile
from pathlib import Path
from typing import IO

_LAST = 101  # beyond it ports meet those that Linux gives to others
_NUM_OWN = 16  # domains that one process holds; a killed node haunts its domain for a while
_held: dict[int, IO[str]] = {}  # open files, whose locks end with this process


def free_domain() -> int:
    """Return a domain that is no other process's, and not the one that this process used last.

    A process keeps its domains until it ends and uses them in turn.
    """
    domain = _take() if len(_held) < _NUM_OWN else None
    if domain is None:
        assert _held, f"all ROS domains up to {_LAST} are taken"
        domain = next(iter(_held))  # used longest ago
    _held[domain] = _held.pop(domain)
    return domain


def _take() -> int | None:
    folder = Path(tempfile.gettempdir()) / "equigrasp_ros_domains"
    folder.mkdir(exist_ok=True)
    for domain in range(1, _LAST + 1):
        if domain in _held:
            continue
        file = (folder / str(domain)).open("w", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _held[domain] = file
        return domain
    return None
