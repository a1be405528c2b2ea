"""Choose the source that a configuration names."""

from collections.abc import Callable

from equigrasp.hardware.realsense.bag_source import BagSource
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.device_source import DeviceSource
from equigrasp.hardware.realsense.source import Source
from equigrasp.hardware.realsense.tcp_source import TcpSource

_KINDS: dict[str, Callable[[RealSenseConfig], Source]] = {
    "device": DeviceSource,
    "bag": BagSource,
    "tcp": TcpSource,
}


def make_source(config: RealSenseConfig) -> Source:
    """Return the source; nothing is opened yet."""
    return _KINDS[config.kind](config)
