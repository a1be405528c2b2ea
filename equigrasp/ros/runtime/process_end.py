"""Everything that ends the process of a node: signals, its owner's end, an error in any thread."""

import contextlib
import signal
import threading
import traceback

import rclpy

from equigrasp.devices.end_signals import end_signals
from equigrasp.devices.owner import become_owner, owner_of_this_process
from equigrasp.errors import EquigraspError

_LONGEST_END = 25  # [s] of an orderly end without an owner, who would use force by then


class ProcessEnd:
    """Is waited for by the main thread; whatever else the process does goes on in other threads.

    No thread dies unseen: one that raises ends the process, which is then started again.
    """

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._has_failed = False

    @property
    def wanted(self) -> threading.Event:
        """Set once the process is to end."""
        return self._wanted

    @property
    def exit_code(self) -> int:
        """0 after an orderly end, 1 if something failed."""
        return 1 if self._has_failed else 0

    def watch(self) -> None:
        """Heed signals, every thread, and the owner, if there is one.

        Raises:
            ConfigError: if the owner cannot be made out.
        """
        for number in end_signals():
            signal.signal(number, lambda *_: self._wanted.set())
        threading.excepthook = self._on_thread_error
        owner = owner_of_this_process()
        if owner is None:
            become_owner()  # of nobody; its goals are told from those of a graph
        else:
            owner.watch(self._on_owner_gone)

    def fail(self, error: BaseException) -> None:
        """Say what went wrong, and end the process."""
        if not self._wanted.is_set():  # at the end, threads may find what they use gone
            self._has_failed = True
            _say(error)
        self._wanted.set()

    def _on_thread_error(self, arguments: threading.ExceptHookArgs) -> None:
        error = arguments.exc_value
        name = "a thread" if arguments.thread is None else f"thread '{arguments.thread.name}'"
        if error is None or isinstance(error, SystemExit):
            error = EquigraspError(f"The process ends: {name} has ended.")
        elif not self._wanted.is_set():
            with contextlib.suppress(Exception):
                rclpy.logging.get_logger("equigrasp").fatal(f"The process ends: {name} failed.")
        self.fail(error)

    def _on_owner_gone(self) -> None:
        signal.alarm(_LONGEST_END)  # the kernel ends what does not end by itself
        with contextlib.suppress(Exception):
            rclpy.logging.get_logger("equigrasp").error(
                "Whoever started this node is gone: ending."
            )
        self._wanted.set()


def _say(error: BaseException) -> None:
    """Log why a process ends: in words where it was foreseen, else as a traceback."""
    with contextlib.suppress(Exception):  # whoever read it may be gone
        if isinstance(error, EquigraspError):
            rclpy.logging.get_logger("equigrasp").fatal(str(error))
        else:
            traceback.print_exception(error)
