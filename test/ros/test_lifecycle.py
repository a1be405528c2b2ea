"""Every node is led through its states again and again, and takes its parameters when configured."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from graph import destroy  # noqa: E402
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from equigrasp import ros as ros_package  # noqa: E402
from equigrasp.config import load_config  # noqa: E402
from equigrasp.devices.cell import CellConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeArm, FakeCamera, FakeGripper  # noqa: E402
from equigrasp.ros.drivers.arm_node import ArmNode  # noqa: E402
from equigrasp.ros.drivers.camera_node import CameraNode  # noqa: E402
from equigrasp.ros.drivers.gripper_node import GripperNode  # noqa: E402
from equigrasp.ros.drivers.sim_bridge_node import make_nodes  # noqa: E402
from equigrasp.ros.executor.executor_node import ExecutorNode  # noqa: E402
from equigrasp.ros.runtime.managed_node import ManagedNode  # noqa: E402
from equigrasp.ros.training.collector_node import CollectorNode  # noqa: E402
from equigrasp.ros.training.learner_node import LearnerNode  # noqa: E402
from equigrasp.ros.training.policy_node import PolicyNode  # noqa: E402

pytestmark = pytest.mark.ros
CELL = load_config(CellConfig, "cells", "ur5")
DONE, FAILED = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def arm() -> ArmNode:
    return ArmNode(FakeArm(CELL.load_arm(), WallClock()), CELL)


def gripper() -> GripperNode:
    description = CELL.load_gripper()
    return GripperNode(FakeGripper(description, WallClock()), description)


NODES: list[Callable[[], ManagedNode]] = [
    arm, gripper, lambda: CameraNode(FakeCamera(WallClock())),
    ExecutorNode, CollectorNode, PolicyNode, LearnerNode,
]  # fmt: skip


@contextlib.contextmanager
def made(make: Callable[[], ManagedNode], **parameters: object) -> Iterator[ManagedNode]:
    with ros(free_domain(), autostart=False, **parameters):
        node = make()
        with spinning(node):
            yield node
            node.end()


def test_no_node_hides_what_rclpy_keeps() -> None:
    """Such as `_services`, without which nobody leads a node through its states."""
    with ros(free_domain()):
        plain = LifecycleNode("plain")
        theirs = set(vars(plain))
        destroy(plain)
    assert {"_services", "_parameters"} <= theirs
    for path in Path(ros_package.__file__).parent.rglob("*_node.py"):
        ours = set(re.findall(r"self\.(\w+)(?:: [^=\n]+)? = ", path.read_text(encoding="utf-8")))
        assert not ours & theirs, path


def set_to(node: ManagedNode, name: str, value: Any) -> str:
    """Return why a node refuses a value; empty: it took it."""
    (answer,) = node.set_parameters([Parameter(name, value=value)])
    return "" if answer.successful else answer.reason or "?"


def lead(node: ManagedNode, *steps: str) -> None:
    for step in steps:
        assert getattr(node, f"trigger_{step}")() is DONE, step


def entities(node: ManagedNode) -> dict[str, int]:
    kinds = ("publishers", "subscriptions", "services", "clients", "timers", "waitables")
    return {kind: len(list(getattr(node, kind))) for kind in kinds}


@pytest.mark.parametrize("make", NODES)
def test_a_node_is_led_through_its_states_again(
    make: Callable[[], ManagedNode], tmp_path: Path
) -> None:
    options = {"method": "asr:tiny", "out": tmp_path / "run", "num_attempts": 3}
    with made(make, **options) as node:
        before = entities(node)
        lead(node, "configure", "activate", "deactivate", "activate", "deactivate", "cleanup")
        assert entities(node) == before
        lead(node, "configure", "activate")
        assert len(list(node.services)) >= before["services"]  # one may hide those of rclpy


def test_a_simulation_is_made_anew() -> None:
    with ros(free_domain(), autostart=False, num_objects=0):
        nodes = make_nodes()
        bridge, *drivers = nodes
        assert drivers[0].trigger_configure() is DONE  # its world is there from the start
        with spinning(*nodes):
            lead(bridge, "configure", "activate")
            lead(drivers[0], "activate")
            for driver in drivers[1:]:
                lead(driver, "configure", "activate")
            old = bridge.simulation
            lead(bridge, "deactivate", "cleanup")
            lead(drivers[1], "deactivate", "cleanup")
            assert drivers[1].trigger_configure() is FAILED  # its world is gone
            assert set_to(bridge, "cell", "kuka") == ""
            lead(bridge, "configure", "activate")
            assert old.physics.is_closed and bridge.simulation.cell.config.name == "kuka"
            assert drivers[0].is_active and len(drivers[0]._arm.joint_state().positions) == 7
            lead(drivers[1], "configure", "activate")
            for node in reversed(nodes):
                node.end()


def test_a_parameter_counts_from_the_next_configuring() -> None:
    with made(arm) as node:
        assert set_to(node, "confirm_timeout", 5.0) == ""
        lead(node, "configure")
        assert node._settings.values.confirm_timeout == 5.0
        assert set_to(node, "confirm_timeout", 7.0) == ""
        assert node._settings.values.confirm_timeout == 5.0
        lead(node, "activate")
        refusal = set_to(node, "confirm_timeout", 9.0)
        assert "'confirm_timeout' of node 'arm'" in refusal and "clean up" in refusal
        assert node.get_parameter("confirm_timeout").value == 7.0
        lead(node, "deactivate", "cleanup", "configure", "activate")
        assert node._settings.values.confirm_timeout == 7.0


def test_some_parameters_change_while_active() -> None:
    with made(arm) as node:
        lead(node, "configure", "activate")
        for name, value in (("speed_scale", 0.1), ("confirm", True), ("dry_run", True)):
            assert set_to(node, name, value) == ""
            assert getattr(node._settings.values, name) == value
        assert set_to(node, "speed_scale", 1.0) == ""  # upward, too
        for bad in (0.0, 1.1, float("nan"), float("inf"), 1, "fast", True):
            assert set_to(node, "speed_scale", bad), bad
        assert node._settings.values.speed_scale == 1.0


def test_an_unknown_cell_leaves_a_node_unconfigured() -> None:
    with made(ExecutorNode) as node:
        lead(node, "configure", "cleanup")
        assert set_to(node, "cell", "moon") == ""
        assert node.trigger_configure() is FAILED and "moon" in node._failure
        assert set_to(node, "cell", "ur5") == ""
        lead(node, "configure", "activate")
