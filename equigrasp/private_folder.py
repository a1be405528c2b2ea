"""Folders that nobody else can write to, for files that are made again when they are missing."""

import atexit
import contextlib
import functools
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

from equigrasp.errors import ConfigError

_log = logging.getLogger(__name__)


def temporary_folder(name: str) -> Path:
    """Return this user's folder of a name for temporary files, with mode 0700.

    Where another user holds its name, a folder of this process alone takes its place.

    Raises:
        ConfigError: if no temporary folder can be written to.
    """
    try:
        return _temporary_folder(tempfile.gettempdir(), name)
    except OSError as error:
        raise ConfigError(
            f"No folder for temporary files: {error}. Set TMPDIR to one that you can write to."
        ) from error


def cache_folder(name: str) -> Path:
    """Return this user's folder of a name for what was costly to compute, with mode 0700.

    It lies below XDG_CACHE_HOME or ~/.cache; where that cannot be written to, in `temporary_folder`.
    """
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: nobody knows this user's home
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not base.is_absolute():
            base = Path.home() / ".cache"
        base.mkdir(parents=True, exist_ok=True)
        if folder := _own(base / "equigrasp", name):
            return folder
    return temporary_folder(name)


def keep(path: Path, content: bytes) -> None:
    """See to it that a file holds just this; whoever reads it meanwhile sees all of it.

    Raises:
        ConfigError: if it cannot be written.
    """
    try:
        if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(partial).replace(path)
        except OSError:
            Path(partial).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"'{path}' cannot be written: {error.strerror or error}.") from error


@functools.cache
def _temporary_folder(base: str, name: str) -> Path:
    wanted = Path(base) / f"equigrasp_{os.getuid()}"
    if folder := _own(wanted, name):
        return folder
    own = Path(tempfile.mkdtemp(prefix="equigrasp_", dir=base))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    _log.warning("'%s' is another user's, or no folder; '%s' is used.", wanted, own)
    return own


def _own(folder: Path, name: str) -> Path | None:
    """Return a folder in a folder, both this user's alone; None if one of them cannot be."""
    return folder / name if _make_own(folder) and _make_own(folder / name) else None


def _make_own(folder: Path) -> bool:
    """Make a folder that only this user can read and write; tell whether it is one."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return os.access(folder, os.W_OK)
