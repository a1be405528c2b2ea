"""What of rclpy we override is listed, with the versions for which it holds."""

import inspect
import threading
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy.executors  # noqa: E402
import rclpy.lifecycle  # noqa: E402
from rclpy.action import ActionClient as RclpyActionClient  # noqa: E402
from rclpy.action import ActionServer as RclpyActionServer  # noqa: E402

from equigrasp.errors import ConfigError  # noqa: E402
from equigrasp.ros.runtime import rclpy_versions  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.ros.runtime.action_server import ActionServer  # noqa: E402
from equigrasp.ros.runtime.fair_executor import FairExecutor  # noqa: E402
from equigrasp.ros.runtime.managed_node import ManagedNode  # noqa: E402
from equigrasp.ros.runtime.message_guard import GuardedExecutor, MessageGuard  # noqa: E402
from equigrasp.ros.runtime.rclpy_versions import OVERRIDES, check_version, holds  # noqa: E402

OURS = (FairExecutor, GuardedExecutor, ActionClient, ActionServer, ManagedNode)


@pytest.fixture
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rclpy_versions, "rclpy_version", lambda: request.param)


def test_every_private_override_is_listed() -> None:
    listed = {name for override in OVERRIDES.values() for name in override.names}
    for cls in OURS:
        theirs = [c for c in cls.__mro__ if c.__module__.split(".")[0] == "rclpy"]
        for ours in (c for c in cls.__mro__ if c.__module__.startswith("equigrasp")):
            for name in vars(ours):
                if name.startswith("_") and not name.endswith("__") and name != "_abc_impl":
                    assert name in listed or not any(hasattr(c, name) for c in theirs), name


def test_what_is_overridden_is_there() -> None:
    """In the version that is installed: one that lacks it would never call it."""
    made = inspect.getsource(rclpy.executors.Executor.__init__)
    kinds = (rclpy.executors.MultiThreadedExecutor, RclpyActionClient, RclpyActionServer)
    for override in OVERRIDES.values():
        for name in override.names:
            assert any(hasattr(k, name) for k in kinds) or f"self.{name} =" in made, name


def test_the_version_that_is_installed_is_a_tested_one() -> None:
    assert check_version() == []
    assert all(holds(name) for name in OVERRIDES)


@pytest.mark.parametrize("version", [(7, 2), (9, 1), (0, 0)], indirect=True)
def test_other_versions_keep_their_own_ways(version: None) -> None:
    warnings = check_version()
    assert len(warnings) == len(OVERRIDES) and "is for 7.1 to below 7.2 only" in warnings[0]

    class Executor:
        def _take_subscription(self, sub: Any) -> Any:
            if sub is None:
                raise RuntimeError("plain")
            return sub

    guarded = type("Guarded", (MessageGuard, Executor), {})()
    sub = SimpleNamespace(topic_name="/depth")
    assert guarded._take_subscription(sub) is sub
    with pytest.raises(RuntimeError, match="plain"):
        guarded._taken(Executor()._take_subscription, None, "/depth")


@pytest.mark.parametrize("version", [(9, 1)], indirect=True)
def test_a_client_of_another_version_is_plain(
    version: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RclpyActionClient, "__init__", lambda self: None)
    monkeypatch.setattr(RclpyActionClient, "__del__", lambda self: None, raising=False)
    assert not isinstance(ActionClient()._sending, type(threading.RLock()))


@pytest.mark.parametrize("version", [(3, 3), (7, 0)], indirect=True)
def test_too_old_a_version_is_named(version: None) -> None:
    with pytest.raises(ConfigError, match=r"too old: 7\.1 \(ROS 2 Jazzy\)"):
        check_version()
