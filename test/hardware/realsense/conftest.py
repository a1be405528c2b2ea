"""Drivers on a loopback frame server."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from realsense_rig import (
    RATE,
    MakeRig,
    PaintedCamera,
    Rig,
    camera_config,
    require_librealsense,
)

from equigrasp.devices.cell import CameraConfig
from equigrasp.hardware.realsense.camera import RealSenseCamera
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.wire import StreamInfo
from equigrasp.virtual.realsense.frame_server import FrameServer


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    """Build rigs that are gone when the test ends; the driver is not connected."""
    require_librealsense()
    with ExitStack() as stack:

        def build(
            scene: PaintedCamera | None = None,
            info: StreamInfo | None = None,
            camera: CameraConfig | None = None,
            **options: object,
        ) -> Rig:
            scene = scene or PaintedCamera()
            server = stack.enter_context(FrameServer(scene, rate=RATE, info=info))
            patient = {"frame_timeout": 5.0, "connect_timeout": 10.0, "reconnect_interval": 0.05}
            values = {"source": server.source} | patient | options
            driver = RealSenseCamera(camera or camera_config(), RealSenseConfig(**values))
            stack.callback(driver.disconnect)
            return Rig(driver, server, scene)

        yield build


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """A connected camera that shows random depths."""
    made = make_rig()
    made.camera.connect()
    return made
