"""The UR's settings are checked, its modes have names, and a missing library is named."""

import sys

import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig
from equigrasp.errors import ConfigError
from equigrasp.hardware.ur import ur_modes
from equigrasp.hardware.ur.ur_arm import UrArm
from equigrasp.hardware.ur.ur_config import UrConfig


def test_the_shipped_configuration_loads() -> None:
    config = load_config(UrConfig, "arm_drivers", "ur5_rtde")
    assert config.payload_mass > 0.0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", ""),
        ("servo_rate", 1000.0),
        ("servo_lookahead_time", 0.01),
        ("servo_gain", 50.0),
        ("payload_mass", -1.0),
        ("watchdog_frequency", 80.0),
        ("payload_cog", (0.0, 0.0, float("nan"))),
    ],
)
def test_a_setting_out_of_range_is_named(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        UrConfig(**({"host": "192.0.2.1"} | {key: value}))


def test_every_state_that_forbids_motion_says_what_helps() -> None:
    assert ur_modes.problem(7, 1, 2) == ""
    assert ur_modes.problem(7, 2, 2) == ""
    for modes, name in (
        ((7, 3, 2), "PROTECTIVE_STOP"),
        ((3, 7, 1), "ROBOT_EMERGENCY_STOP"),
        ((5, 1, 1), "IDLE"),
        ((7, 1, 4), "PAUSED"),
        ((7, 42, 2), "42"),
    ):
        problem = ur_modes.problem(*modes)
        assert name in problem and ":" in problem


def test_a_missing_library_is_named(
    arm_config: ArmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dashboard_client", None)
    with pytest.raises(ImportError, match="pip install ur-rtde==1.6.5"):
        UrArm(arm_config, UrConfig("192.0.2.1")).connect()
