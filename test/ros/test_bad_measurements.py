"""Measurements that are none change nothing."""

import math
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import WrenchStamped  # noqa: E402
from std_msgs.msg import Float64  # noqa: E402

from equigrasp.ros.remote.remote_arm import RemoteArm  # noqa: E402

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_measurement_is_dropped(value: float) -> None:
    arm = RemoteArm.__new__(RemoteArm)
    arm._clock = SimpleNamespace(moment=lambda: 0.0)  # type: ignore[assignment]
    arm._force, arm._speed_scaling = None, 0.7
    bad = WrenchStamped()
    bad.wrench.force.z = value
    arm._on_wrench(bad)
    arm._on_speed_scaling(Float64(data=value))
    assert arm._force is None
    assert arm._speed_scaling == 0.7
    arm._on_wrench(WrenchStamped())
    assert arm._force is not None
