"""The signals that ask a process to end."""

import contextlib
import os
import signal
import stat


def end_signals() -> tuple[signal.Signals, ...]:
    """Return those of Ctrl-C, of `kill`, and of a terminal that was closed.

    Under `nohup` the closed terminal is meant to be outlived.
    """
    always = (signal.SIGINT, signal.SIGTERM)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return always
    return (*always, signal.SIGHUP)


def let_go_of_terminal() -> None:
    """Send what is written from now on to nowhere, unless it goes to a file.

    A terminal that was closed, or a pipe whose reader ended with it, would raise at the next line.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)
