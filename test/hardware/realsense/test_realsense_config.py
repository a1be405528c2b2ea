"""The camera's settings are checked, and a missing library is named."""

import sys

import pytest
from realsense_rig import camera_config

from equigrasp.config import load_config
from equigrasp.errors import ConfigError
from equigrasp.hardware.realsense.camera import RealSenseCamera
from equigrasp.hardware.realsense.config import FilterConfig, RealSenseConfig


def test_the_shipped_configuration_is_the_default() -> None:
    assert load_config(RealSenseConfig, "camera_drivers", "realsense") == RealSenseConfig()


def test_a_source_tells_its_kind() -> None:
    assert RealSenseConfig(source="device").kind == "device"
    bag = RealSenseConfig(source="bag:/data/cell: one.bag")
    assert (bag.kind, bag.bag_file) == ("bag", "/data/cell: one.bag")
    tcp = RealSenseConfig(source="tcp://127.0.0.1:5500")
    assert (tcp.kind, tcp.address) == ("tcp", ("127.0.0.1", 5500))


@pytest.mark.parametrize(
    "source",
    ["", "usb", "tcp:host:1", "tcp://host", "tcp://:1", "tcp://host:0", "bag", "bag:", "device:1"],
)
def test_a_source_of_another_form_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="source|port"):
        RealSenseConfig(source=source)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate", 0),
        ("frame_timeout", -1.0),
        ("connect_timeout", float("nan")),
        ("reconnect_timeout", float("inf")),
        ("depth_size_px", (0, 480)),
        ("focal_tolerance", 1.5),
        ("median_frames", 0),
        ("visual_preset", "best"),
        ("record_to", "cell.bag"),
    ],
)
def test_a_setting_out_of_range_is_named(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        RealSenseConfig(**{key: value})


def test_a_decimation_out_of_range_is_named() -> None:
    with pytest.raises(ConfigError, match="decimation must be in .1, 8., found 9"):
        FilterConfig(decimation=9)


def test_a_replay_is_not_recorded() -> None:
    with pytest.raises(ConfigError, match="record_to must be empty while bag:a.bag is replayed"):
        RealSenseConfig(source="bag:a.bag", record_to="b.db3")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(ImportError, match="pip install pyrealsense2=="):
        RealSenseCamera(camera_config(), RealSenseConfig()).connect()
