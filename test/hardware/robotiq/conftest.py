"""Rigs over either transport."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from robotiq_rig import MakeRig, Rig, SkippedClock

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.fakes import FakeGripper
from equigrasp.hardware.robotiq import gripper, protocol
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.make import make_link
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.modbus_slave import VirtualModbusSlave
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer


@pytest.fixture(params=["urcap", "modbus"])
def transport(request: pytest.FixtureRequest) -> str:
    """Name of a transport."""
    if request.param == "modbus":
        pytest.importorskip("minimalmodbus")
    return request.param


@pytest.fixture
def make_rig(
    transport: str, gripper_config: GripperConfig, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeRig]:
    """Build rigs that are gone when the test ends; the driver is not connected."""
    with ExitStack() as stack:

        def build(true_closed_counts: int = 230, **options: object) -> Rig:
            clock = SkippedClock()
            steady = SimpleNamespace(monotonic=clock.now, sleep=clock.skip)
            for module in (gripper, protocol):
                monkeypatch.setattr(module, "time", steady)
            fingers = FakeGripper(gripper_config, clock)
            fingers.connect()
            firmware = VirtualRobotiq(fingers, closed_counts=true_closed_counts)
            kind = VirtualUrcapServer if transport == "urcap" else VirtualModbusSlave
            server = stack.enter_context(kind(firmware))
            config = dataclasses.replace(server.driver_config(), **options)
            driver = RobotiqGripper(gripper_config, config, make_link(config), clock)
            stack.callback(driver.disconnect)
            return Rig(driver, server, firmware, fingers, clock)

        yield build


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """A connected gripper that was active before, its fingers closed."""
    rig = make_rig()
    rig.activate()
    rig.driver.connect()
    return rig
