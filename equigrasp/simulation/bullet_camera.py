"""A PyBullet depth camera on the software renderer."""

import numpy as np

from equigrasp.devices.camera import Camera, CameraFrame
from equigrasp.devices.cell import CameraConfig
from equigrasp.errors import ConfigError, NotConnectedError
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel
from equigrasp.simulation.physics import Physics
from equigrasp.simulation.stereo_noise import add_stereo_noise

_DEPTH_NOISES = ("none", "realsense")


class BulletCamera(Camera):
    """Pinhole camera fixed in the base frame; optional stereo depth noise."""

    def __init__(self, config: CameraConfig, physics: Physics, seed: int) -> None:
        if config.depth_noise not in _DEPTH_NOISES:
            raise ConfigError(
                f"Unknown depth_noise '{config.depth_noise}'. Known: {', '.join(_DEPTH_NOISES)}."
            )
        self._config = config
        self._physics = physics
        self._rng = np.random.default_rng(seed)
        self._is_connected = False
        self._model, self._pose = config.model, config.pose
        client = physics.client
        eye = self._pose.position
        forward = self._pose.rotation.apply([0.0, 0.0, 1.0])
        up = self._pose.rotation.apply([0.0, -1.0, 0.0])
        self._view = client.computeViewMatrix(eye.tolist(), (eye + forward).tolist(), up.tolist())
        self._projection = client.computeProjectionMatrixFOV(
            config.fov_y_deg, config.width_px / config.height_px, config.near, config.far
        )

    @property
    def model(self) -> CameraModel:
        return self._model

    @property
    def T_base_camera(self) -> Transform:  # noqa: N802
        return self._pose

    def connect(self) -> None:
        self._is_connected = True

    def disconnect(self) -> None:
        self._is_connected = False

    def capture(self) -> CameraFrame:
        return self._render(self._physics.client.ER_NO_SEGMENTATION_MASK)[0]

    def capture_bodies(self) -> tuple[CameraFrame, np.ndarray]:
        """Take a picture, and tell which body is seen at each pixel, shape (H, W); -1: none."""
        return self._render(0)

    def _render(self, flags: int) -> tuple[CameraFrame, np.ndarray]:
        if not self._is_connected:
            raise NotConnectedError(f"Camera '{self._config.name}' is not connected.")
        with self._physics.lock:
            client = self._physics.client
            _, _, color, buffer, bodies = client.getCameraImage(
                self._config.width_px,
                self._config.height_px,
                self._view,
                self._projection,
                shadow=0,
                renderer=client.ER_TINY_RENDERER,
                flags=flags,
            )
            stamp = self._physics.now()
        shape = (self._config.height_px, self._config.width_px)
        buffer = np.asarray(buffer, dtype=np.float32).reshape(shape)
        near, far = self._config.near, self._config.far
        depth = far * near / (far - (far - near) * buffer)
        depth[buffer >= 1.0] = 0.0  # nothing within range: no measurement
        if self._config.depth_noise == "realsense":
            depth = add_stereo_noise(depth, self._rng)
        rgb = np.asarray(color, dtype=np.uint8).reshape(*shape, 4)[:, :, :3]
        frame = CameraFrame(stamp, depth.astype(np.float32), np.ascontiguousarray(rgb))
        return frame, np.asarray(bodies, dtype=np.int64).reshape(-1, shape[1])
