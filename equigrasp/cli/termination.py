"""How commands end."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def terminating_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does: what it holds is saved first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
