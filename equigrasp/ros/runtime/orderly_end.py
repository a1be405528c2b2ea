"""An executor that is shut down while its threads are still at work."""

import contextlib
import traceback
from pathlib import Path
from typing import Any

from rclpy import executors
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.task import Task

from equigrasp.ros.runtime.rclpy_versions import ORDERLY_END, holds

_GONE = (rclpy_implementation.RCLError, rclpy_implementation.InvalidHandle, AttributeError)
_OURS = ("action_client.py", "fair_executor.py", "message_guard.py", "orderly_end.py")


class _Guard(GuardCondition):  # type: ignore[misc]
    """Wakes an executor; waking one that has ended does nothing."""

    is_over = False

    def trigger(self) -> None:
        try:
            super().trigger()
        except rclpy_implementation.InvalidHandle:
            if not self.is_over:
                raise

    def destroy(self) -> None:
        self.is_over = True
        super().destroy()


class OrderlyEnd:
    """Mixed into an executor of rclpy: what it meets because it was shut down is its end, and no failure.

    rclpy 7.1 destroys at `shutdown` what wakes the executor, under threads that still finish a task or
    gather what to wait for. Before the end, and in anything that a callback does, an error stays one.
    """

    _guard: Any
    _context: Any
    _is_shutdown: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if holds(ORDERLY_END):
            self._guard.destroy()
            self._guard = _Guard(callback=None, callback_group=None, context=self._context)

    def create_task(self, callback: Any, *arguments: Any, **options: Any) -> Any:
        """See rclpy; after the end, a task that nobody runs."""
        try:
            return super().create_task(callback, *arguments, **options)  # type: ignore[misc]
        except _GONE as error:
            if not self._is_end(error):
                raise
            return Task(callback, arguments, options, executor=self)

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """See rclpy."""
        try:
            super().spin_once(timeout_sec)  # type: ignore[misc]
        except _GONE as error:
            if not self._is_end(error):
                raise

    def _is_end(self, error: BaseException) -> bool:
        if not holds(ORDERLY_END) or (self._context.ok() and not self._is_shutdown):
            return False
        return _is_of_the_executor(error)


def _is_of_the_executor(error: BaseException) -> bool:
    """Tell whether rclpy's executor met an error in its own work, and not in a callback of ours."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    of_executor = [i for i, path in enumerate(files) if path == Path(executors.__file__)]
    if not of_executor:
        return False
    return all(
        Path(executors.__file__).parent in path.parents
        or path == Path(contextlib.__file__)
        or (path.parent == Path(__file__).parent and path.name in _OURS)
        for path in files[of_executor[-1] :]
    )
