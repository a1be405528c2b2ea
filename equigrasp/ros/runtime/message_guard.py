"""What cannot be read is dropped and counted, whoever sends it: no message ends a process."""

import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation

from equigrasp.errors import EquigraspError, shortened
from equigrasp.ros.runtime.orderly_end import OrderlyEnd
from equigrasp.ros.runtime.rclpy_versions import MESSAGE_GUARD, holds

_FRESH = 10.0  # [s] for which a drop is told
_LOG_PERIOD = 5.0  # [s] between lines of the log
_TAKING = (rclpy_implementation.RCLError, UnicodeError, MemoryError, AssertionError, RuntimeError)
# What the content of a message makes a callback raise. Anything else is a fault of ours, and ends the
# process (`ProcessEnd`).
_CONTENT = (
    ValueError, TypeError, ArithmeticError, LookupError, AssertionError, EquigraspError,
)  # fmt: skip


class Drops:
    """Counts what this process has dropped, by where it came from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._last, self._logged, self._reason = -_FRESH, -_LOG_PERIOD, ""

    def add(self, source: str, error: BaseException) -> None:
        """Count a drop, and name the first ones in the log."""
        reason = shortened(
            f"Dropped what came on '{source}': {type(error).__name__}: {error}", 500
        )
        with self._lock:
            self._counts[source] = self._counts.get(source, 0) + 1
            self._last, self._reason = time.monotonic(), reason
            is_loud = self._last > self._logged + _LOG_PERIOD
            if is_loud:
                self._logged = self._last
        if is_loud:
            rclpy.logging.get_logger("equigrasp").error(reason)

    @property
    def values(self) -> dict[str, str]:
        """How many were dropped, for `/diagnostics`."""
        with self._lock:
            return {f"dropped on '{source}'": str(n) for source, n in self._counts.items()}

    @property
    def recent(self) -> str:
        """What was dropped last, empty where that is a while ago."""
        with self._lock:
            return self._reason if time.monotonic() < self._last + _FRESH else ""


DROPS = Drops()


class MessageGuard:
    """Mixed into an executor of rclpy: one guard around everything that it takes from the network."""

    def _take_subscription(self, sub: Any) -> Any:
        return self._guarded(super()._take_subscription, sub, sub.topic_name)  # type: ignore[misc]

    def _take_service(self, srv: Any) -> Any:
        return self._guarded(super()._take_service, srv, srv.srv_name)  # type: ignore[misc]

    def _take_client(self, client: Any) -> Any:
        return self._taken(super()._take_client, client, client.srv_name)  # type: ignore[misc]

    def _take_waitable(self, waitable: Any) -> Any:
        name = getattr(waitable, "_action_name", type(waitable).__name__)
        return self._taken(super()._take_waitable, waitable, name)  # type: ignore[misc]

    @staticmethod
    def _taken(take: Callable[[Any], Any], entity: Any, source: str) -> Any:
        if not holds(MESSAGE_GUARD):
            return take(entity)
        try:
            return take(entity)
        except _TAKING as error:  # bytes that are no message
            DROPS.add(source, error)
            return None

    def _guarded(self, take: Callable[[Any], Any], entity: Any, source: str) -> Any:
        execute = self._taken(take, entity, source)
        if execute is None or not holds(MESSAGE_GUARD):
            return execute

        async def guarded() -> None:
            try:
                await execute()
            except _CONTENT as error:
                DROPS.add(source, error)

        return guarded


class GuardedExecutor(OrderlyEnd, MessageGuard, SingleThreadedExecutor):
    """An executor of one thread, with the guard and an orderly end."""
