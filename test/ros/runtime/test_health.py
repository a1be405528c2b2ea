"""What /diagnostics says of a node, and by which clock."""

import time

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros  # noqa: E402
from graph import destroy  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeArm, FakeCamera, ManualClock  # noqa: E402
from equigrasp.devices.motion import StopReason  # noqa: E402
from equigrasp.ros.drivers.arm_node import ArmNode  # noqa: E402
from equigrasp.ros.drivers.camera_node import CameraNode  # noqa: E402
from equigrasp.ros.runtime import managed_node  # noqa: E402
from equigrasp.ros.runtime.health import Health, Level, RateWatch  # noqa: E402
from equigrasp.ros.runtime.managed_node import ManagedNode  # noqa: E402
from equigrasp.ros.runtime.message_guard import Drops  # noqa: E402

pytestmark = pytest.mark.ros
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def said(node: ManagedNode, monkeypatch: pytest.MonkeyPatch) -> DiagnosticArray:
    """Return what a node publishes on /diagnostics now."""
    told: list[DiagnosticArray] = []
    monkeypatch.setattr(node._diagnostics, "publish", told.append)
    node._report()
    return told[-1]


@pytest.fixture
def drops(monkeypatch: pytest.MonkeyPatch) -> Drops:
    monkeypatch.setattr(managed_node, "DROPS", Drops())
    return managed_node.DROPS


def test_levels_are_those_of_ros() -> None:
    for level in Level:
        assert bytes([level]) == getattr(DiagnosticStatus, level.name)


def test_the_worse_one_counts() -> None:
    slow, dead = Health(Level.WARN, "slow", {"a": "1"}), Health(Level.ERROR, "dead", {"b": "2"})
    for both in (slow.or_worse(dead), dead.or_worse(slow)):
        assert (both.level, both.message, both.values) == (
            Level.ERROR,
            "dead",
            {"a": "1", "b": "2"},
        )


@pytest.mark.parametrize("is_simulated", [False, True])
def test_stamps_are_the_time_of_day(
    is_simulated: bool, monkeypatch: pytest.MonkeyPatch, drops: Drops
) -> None:
    with ros(free_domain()):
        node = CameraNode(FakeCamera(WallClock()))
        node.set_parameters([Parameter("use_sim_time", value=is_simulated)])
        before = int(time.time())
        stamp = said(node, monkeypatch).header.stamp
        assert before <= stamp.sec <= int(time.time())
        destroy(node)


def test_an_arm_that_waits_is_no_broken_one(monkeypatch: pytest.MonkeyPatch, drops: Drops) -> None:
    cell = load_config(CellConfig, "cells", "ur5")
    with ros(free_domain()):
        arm = FakeArm(cell.load_arm(), WallClock())
        node = ArmNode(arm, cell)

        def level() -> tuple[bytes, str]:
            (status,) = said(node, monkeypatch).status
            return status.level, status.message

        assert level()[0] == OK  # nothing is demanded of a node that is not configured
        node.trigger_configure()
        node.trigger_activate()
        assert level() == (OK, "active")
        arm.block()
        assert level()[0] == WARN and "last motion failed" in level()[1]
        for reason, expected in (
            (StopReason.PROTECTIVE_STOP, WARN),
            (StopReason.NOT_READY, WARN),
            (StopReason.EMERGENCY_STOP, ERROR),
        ):
            arm.trip(reason)
            assert level()[0] == expected and reason.value in level()[1]
        arm.recover()
        assert level()[0] == OK
        drops.add("somewhere", ValueError("no message"))
        assert level()[0] == WARN and "Dropped" in level()[1]
        arm.disconnect()
        assert level()[0] == ERROR
        node.end()
        destroy(node)


@pytest.mark.parametrize(("period", "is_slow"), [(0.25, False), (0.4, False), (0.6, True)])
def test_a_slow_camera_is_told(period: float, is_slow: bool) -> None:
    clock = ManualClock()
    watch = RateWatch(4.0, clock.now)
    for _ in range(20):
        clock.sleep(period)
        watch.note()
    assert bool(watch.shortfall()) == is_slow
    clock.sleep(10.0)
    assert "in place of 4.00 Hz" in watch.shortfall()  # none comes at all
    for _ in range(20):
        clock.sleep(0.25)
        watch.note()
    assert not watch.shortfall()


def test_a_clock_that_is_set_back_makes_nothing_slow() -> None:
    now = [100.0]
    watch = RateWatch(4.0, lambda: now[0])
    watch.note()
    now[0] = 1.0
    watch.note()
    assert not watch.shortfall()
