"""Durations on a machine whose clock is set, and images whose stamps are of another clock."""

import math
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")

from equigrasp.errors import DeviceTimeoutError  # noqa: E402
from equigrasp.ros.remote.image_stamps import stamp_problem  # noqa: E402
from equigrasp.ros.runtime import ros_clock  # noqa: E402
from equigrasp.ros.runtime.ros_clock import RosClock  # noqa: E402

HOUR = 3600.0


class FakeNode:
    """Has a clock that a test sets."""

    def __init__(self, is_simulated: bool) -> None:
        self.time = 1e9  # [s]
        self.ros_time_is_active = is_simulated

    def get_clock(self) -> "FakeNode":
        return self

    def now(self) -> SimpleNamespace:
        return SimpleNamespace(nanoseconds=round(self.time * 1e9))


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_set_clock_moves_stamps_and_no_duration(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, wall = FakeNode(is_simulated=False), [5.0]
    monkeypatch.setattr(ros_clock.time, "monotonic", lambda: wall[0])
    clock = RosClock(node)
    began = clock.now()
    node.time, wall[0] = node.time + jump, 5.5
    clock.pause()
    assert clock.stamp() == pytest.approx(1e9 + jump)
    assert clock.now() - began == pytest.approx(0.5)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 1000.0, -1e9])
def test_simulated_time_that_jumps_goes_on(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    node, wall = FakeNode(is_simulated=True), [0.0]
    monkeypatch.setattr(ros_clock.time, "monotonic", lambda: wall[0])
    clock = RosClock(node)
    began, heard = clock.now(), clock.moment()

    def pass_time(duration: float) -> None:
        for _ in range(round(duration / 0.1)):
            wall[0], node.time = wall[0] + 0.1, node.time + 0.1
            clock.now()

    pass_time(1.0)
    node.time += jump
    pass_time(1.0)
    assert clock.since(heard) == pytest.approx(2.0, abs=0.15)  # the dead are not fresh
    assert clock.now() - began == pytest.approx(2.0, abs=0.15)
    node.time -= jump
    pass_time(3.0)
    assert clock.stamp() == pytest.approx(1e9 + 5.0)
    assert clock.now() - began == pytest.approx(5.0, abs=0.25)
    assert clock.since(heard) == pytest.approx(5.0, abs=0.25)


def test_a_simulation_that_begins_anew_at_zero_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, wall = FakeNode(is_simulated=True), [0.0]
    monkeypatch.setattr(ros_clock.time, "monotonic", lambda: wall[0])
    clock = RosClock(node)
    node.time, wall[0] = 0.0, 1.0
    began = clock.now()
    node.time, wall[0] = 2.0, 3.0
    clock.wake()
    clock.pause()
    assert clock.now() - began == pytest.approx(2.0)


def test_simulated_time_is_followed_and_missed_when_it_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, wall = FakeNode(is_simulated=True), [0.0]
    monkeypatch.setattr(ros_clock.time, "monotonic", lambda: wall[0])
    clock = RosClock(node)
    clock.wake()
    node.time += 2.5
    clock.pause()
    assert clock.now() == clock.stamp() == pytest.approx(1e9 + 2.5)
    wall[0] = 10.5
    clock.wake()
    with pytest.raises(DeviceTimeoutError, match="stood still"):
        clock.pause()


def test_silence_of_a_simulation_that_lags_or_runs_fast_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, wall = FakeNode(is_simulated=True), [0.0]
    monkeypatch.setattr(ros_clock.time, "monotonic", lambda: wall[0])
    clock = RosClock(node)
    heard = clock.moment()
    wall[0], node.time = 5.0, node.time + 0.2
    assert clock.since(heard) == pytest.approx(0.2)
    node.time += 20.0
    assert clock.since(heard) == 5.0


def test_silence_of_a_robot_is_counted_by_the_steady_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, wall = FakeNode(is_simulated=False), [0.0]
    monkeypatch.setattr(ros_clock.time, "monotonic", lambda: wall[0])
    clock = RosClock(node)
    heard = clock.moment()
    wall[0], node.time = 5.0, node.time - HOUR
    assert clock.since(heard) == 5.0


@pytest.mark.parametrize(
    ("stamp", "problem"),
    [
        (100.0, ""),
        (100.2, ""),
        (103.0, ""),  # simulated time comes late
        (99.5, "stamped 0.50 s before it was wanted"),
        (100.3 - HOUR, "stamped 3599.70 s before it was wanted"),
        (100.3 + HOUR, "stamped 3600.0 s in the future"),
        (math.nan, "none has come so far"),
    ],
)
def test_an_image_of_another_time_is_named(stamp: float, problem: str) -> None:
    found = stamp_problem(stamp, not_before=100.0, now=100.3)
    assert found.startswith(f"the newest is {problem}" if "stamped" in problem else problem)
    assert bool(found) == bool(problem)
