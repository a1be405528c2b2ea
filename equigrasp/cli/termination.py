"""How commands end."""

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from equigrasp.devices.end_signals import end_signals, let_go_of_terminal
from equigrasp.errors import EquigraspError


@contextlib.contextmanager
def terminating_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end a command as Ctrl-C does: what it holds is saved first.

    A thread that fails ends the command too.

    Raises:
        EquigraspError: if a thread failed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deaths: list[str] = []
    numbers = [n for n in end_signals() if n != signal.SIGINT]
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    hook = threading.excepthook
    threading.excepthook = lambda arguments: _end_by(arguments, deaths)
    try:
        yield
    except KeyboardInterrupt:
        if not deaths:
            raise
    finally:
        threading.excepthook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
    if deaths:
        raise EquigraspError(f"Thread '{deaths[0]}' failed; the command was ended.")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    if number == signal.SIGHUP:
        let_go_of_terminal()
    raise KeyboardInterrupt


def _end_by(arguments: threading.ExceptHookArgs, deaths: list[str]) -> None:
    name = "unknown" if arguments.thread is None else arguments.thread.name
    deaths.append(name)
    with contextlib.suppress(OSError):
        traceback.print_exception(arguments.exc_value)
    os.kill(os.getpid(), signal.SIGTERM)  # which the command heeds, whatever it waits for
