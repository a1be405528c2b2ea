"""Who started this process: when that owner is gone, a robot must not go on by itself."""

import os
import select
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from equigrasp.errors import ConfigError

VARIABLE = "EQUIGRASP_OWNER"  # of the environment: process, its start, token
_LOOK_PERIOD = 0.1  # [s] between looks where the kernel cannot wake us
_own: "Owner | None" = None  # this process, once it has started others


@dataclass(frozen=True)
class Owner:
    """A process that others end with, told to them through their environment.

    Args:
        pid: Its number.
        started: When it began, in the kernel's ticks since boot: numbers are used again. 0: unknown.
        token: What the goals of its graph are told apart by, 12 hexadecimal digits.
    """

    pid: int
    started: int
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """What the environment of a process says that ends with this one."""
        return {VARIABLE: f"{self.pid}:{self.started}:{self.token}"}

    def is_gone(self) -> bool:
        """Tell whether it has ended; one that its parent has not asked about yet has."""
        found = _look_up(self.pid)
        return found is None or found[0] in "ZX" or found[1] != self.started

    def watch(self, on_gone: Callable[[], None]) -> None:
        """Call `on_gone` once, in a thread, as soon as it has ended."""

        def watch() -> None:
            self._wait()
            on_gone()

        threading.Thread(target=watch, name="owner", daemon=True).start()

    def _wait(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        except (AttributeError, OSError):  # an old kernel, or none of Linux
            while not self.is_gone():
                time.sleep(_LOOK_PERIOD)
            return
        try:
            if not self.is_gone():  # else the number was given to another process
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                poll.poll()
        finally:
            os.close(descriptor)


def owner_of_this_process() -> Owner | None:
    """Return who started this process and wants it to end with it; None: it stands alone.

    Raises:
        ConfigError: if the environment says what nobody wrote.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    parts = text.split(":")
    try:
        pid, started, token = int(parts[0]), int(parts[1]), parts[2]
        if len(parts) != 3 or len(bytes.fromhex(token)) != 6:
            raise ValueError(text)
    except (ValueError, IndexError) as error:
        raise ConfigError(
            f"{VARIABLE} '{text}' is not of the form PID:START:TOKEN. It is set by "
            "`equigrasp up` and the launch files alone; unset it."
        ) from error
    return Owner(pid, started, token)


def become_owner() -> Owner:
    """Return this process as an owner of others."""
    global _own
    if _own is None or _own.pid != os.getpid():  # not what a parent was before a fork
        found = _look_up(os.getpid())
        _own = Owner(os.getpid(), 0 if found is None else found[1], uuid.uuid4().hex[:12])
    return _own


def graph_token() -> bytes | None:
    """Return what marks the goals of this process's graph, 6 bytes; None: it belongs to none."""
    owner = owner_of_this_process() or _own
    return None if owner is None else bytes.fromhex(owner.token)


def _look_up(pid: int) -> tuple[str, int] | None:
    """Return state and start of a process; None: there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = text.rpartition(")")[2].split()  # its name may hold spaces and brackets
        return fields[0], int(fields[19])
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "R", 0
