"""How a node is, as `/diagnostics` tells it."""

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType

_SLOW = 0.5  # share of the wanted rate below which something is slow
_WINDOW = 8  # periods over which a rate is taken


class Level(enum.IntEnum):
    """How well it does. STALE is for the aggregator to say, of a node that says nothing any more."""

    OK = 0
    WARN = 1  # degraded, or somebody is waited for; it goes on
    ERROR = 2  # it does not do its work


@dataclass(frozen=True)
class Health:
    """A level, why it is not better, and figures."""

    level: Level = Level.OK
    message: str = ""
    values: dict[str, str] = field(default_factory=dict)

    def or_worse(self, other: "Health") -> "Health":
        """Return the worse one, with the figures of both."""
        worst = other if other.level > self.level else self
        return Health(worst.level, worst.message, self.values | other.values)


class RateWatch:
    """Tells whether something comes as often as it should.

    Args:
        rate: How often it should come [Hz].
        now: Returns the time of the clock that the rate is meant by [s].
    """

    def __init__(self, rate: float, now: Callable[[], float]) -> None:
        self._rate, self._now = rate, now
        self._times: deque[float] = deque([now()], maxlen=_WINDOW + 1)

    def note(self) -> None:
        """Take note that it came."""
        now = self._now()
        if now < self._times[-1]:  # a clock that was set back
            self._times.clear()
        self._times.append(now)

    def shortfall(self) -> str:
        """Return how much too rarely it comes, empty where that is often enough."""
        passed = self._now() - self._times[0]
        if passed * self._rate < _WINDOW:
            return ""
        rate = (len(self._times) - 1) / passed
        if rate >= _SLOW * self._rate:
            return ""
        return f"{rate:.2f} Hz in place of {self._rate:.2f} Hz"


class Reporter:
    """Makes a node's messages. Their stamps are the time of day, in a simulation too."""

    def __init__(self, name: str, namespace: str) -> None:
        self._name, self._namespace = name, namespace
        self._clock = Clock(clock_type=ClockType.SYSTEM_TIME)

    def message(self, health: Health, when_well: str) -> DiagnosticArray:
        """Return a message; `when_well` is said where there is nothing else to say."""
        status = DiagnosticStatus(
            level=bytes([health.level]),
            name=f"{self._name}: status",
            message=health.message or when_well,
            hardware_id=self._namespace,
            values=[KeyValue(key=k, value=v) for k, v in health.values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._clock.now().to_msg()
        return message
