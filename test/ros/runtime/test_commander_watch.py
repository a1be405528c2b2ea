"""After how much silence a commander is given up, by a clock of the test's own."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")

from unique_identifier_msgs.msg import UUID  # noqa: E402

from equigrasp.ros.runtime import heartbeat  # noqa: E402
from equigrasp.ros.runtime.heartbeat import CommanderWatch, Heartbeats  # noqa: E402

GOAL = UUID(uuid=list(range(16)))
TIMEOUT = 0.6


class Watching:
    """A watch that is asked every `step` [s] of a clock that only these questions move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, is_required: bool = False) -> None:
        self.now = 100.0
        monkeypatch.setattr(heartbeat.time, "monotonic", lambda: self.now)
        self.heard = Heartbeats()
        self.robot_rate = 1.0  # robot time over wall clock
        self.robot_now = 7.0
        self.watch = CommanderWatch(
            self.heard,
            bytes(GOAL.uuid),
            TIMEOUT,
            is_required,
            SimpleNamespace(now=lambda: self.robot_now),
        )

    def ask(self, duration: float, step: float = 0.005) -> bool:
        """Ask for `duration` [s]; return whether the commander was silent at any time."""
        end, is_silent = self.now + duration, False
        while self.now < end:
            self.now += step
            self.robot_now += step * self.robot_rate
            is_silent = self.watch.is_silent() or is_silent
        return is_silent


def test_silence_is_told_after_the_time_limit_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watching = Watching(monkeypatch)
    for _ in range(20):
        watching.heard.hear(GOAL)
        assert not watching.ask(0.5)
    assert not watching.ask(TIMEOUT - 0.5 - 0.01)
    assert watching.ask(0.02)


def test_time_in_which_the_driver_did_not_run_is_not_the_commanders_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watching = Watching(monkeypatch)
    watching.heard.hear(GOAL)
    assert not watching.ask(5.0, step=5.0)
    assert not watching.ask(TIMEOUT - 0.1)
    assert watching.ask(0.2)


@pytest.mark.parametrize(("robot_rate", "allowed"), [(0.5, 2 * TIMEOUT), (10.0, TIMEOUT)])
def test_silence_is_counted_in_robot_time_where_that_lags(
    monkeypatch: pytest.MonkeyPatch, robot_rate: float, allowed: float
) -> None:
    watching = Watching(monkeypatch)
    watching.heard.hear(GOAL)
    watching.robot_rate = robot_rate
    assert not watching.ask(allowed - 0.1)
    assert watching.ask(0.2)


@pytest.mark.parametrize("is_required", [False, True])
def test_a_client_that_never_sends_any_is_stopped_only_on_demand(
    monkeypatch: pytest.MonkeyPatch, is_required: bool
) -> None:
    assert Watching(monkeypatch, is_required).ask(2 * TIMEOUT) is is_required


def test_signs_of_life_of_another_goal_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching(monkeypatch)
    watching.heard.hear(GOAL)
    assert not watching.ask(0.5)
    watching.heard.hear(UUID(uuid=[9] * 16))
    assert watching.ask(0.2)


@pytest.mark.parametrize("jump", [1000.0, -1000.0])
def test_a_clock_that_is_set_gives_no_life(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching(monkeypatch)
    watching.heard.hear(GOAL)
    assert not watching.ask(0.1)
    watching.robot_now += jump
    assert not watching.ask(0.1)
    assert watching.ask(TIMEOUT)
