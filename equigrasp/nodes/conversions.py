"""Between messages and our own types, in pairs."""

import array
from collections.abc import Callable

import numpy as np
from builtin_interfaces.msg import Time
from equigrasp_interfaces.msg import Grasp as GraspMsg
from equigrasp_interfaces.msg import Heightmap as HeightmapMsg
from geometry_msgs.msg import Pose, TransformStamped, Vector3, WrenchStamped
from sensor_msgs.msg import CameraInfo, Image
from sensor_msgs.msg import JointState as JointStateMsg

from equigrasp.devices.arm import (
    JointState,
)
from equigrasp.errors import CommandRejectedError, ConfigError, PerceptionError
from equigrasp.geometry.actions import GraspAction, PixelGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.nodes import names
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.observation import Observation

_NO_PIXEL = PixelGrasp(-1, -1, -1)  # of a grasp that was not chosen on a grid


def to_time(seconds: float) -> Time:
    """Return a time message."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def from_time(message: Time) -> float:
    """Return seconds."""
    return float(message.sec + message.nanosec * 1e-9)


def to_heightmap_msg(observation: Observation) -> HeightmapMsg:
    """Return an observation as a message."""
    w = observation.workspace
    message = HeightmapMsg(
        workspace=w.name,
        center_x=w.center_x,
        center_y=w.center_y,
        floor_z=w.floor_z,
        ceiling_z=w.ceiling_z,
        pixel_size=w.pixel_size,
        size_px=w.heightmap_size_px,
        action_size_px=w.action_size_px,
        data=array.array("f", observation.heightmap.astype(np.float32).tobytes()),
    )
    message.header.stamp = to_time(observation.stamp)
    message.header.frame_id = names.BASE_FRAME
    return message


def from_heightmap_msg(message: HeightmapMsg) -> Observation:
    """Return a message as an observation; raise `PerceptionError` or `ConfigError` if it is bad."""
    size = message.size_px
    if len(message.data) != size * size:
        raise PerceptionError(f"Heightmap of {size} px holds {len(message.data)} values.")
    workspace = Workspace(
        message.workspace,
        message.center_x,
        message.center_y,
        message.floor_z,
        message.ceiling_z,
        message.pixel_size,
        size,
        message.action_size_px,
    )
    heightmap = np.frombuffer(message.data, dtype=np.float32).reshape(size, size)
    return Observation(heightmap, workspace, from_time(message.header.stamp))


def to_grasp_msg(
    grasp: GraspAction,
    workspace: str,
    stamp: float,
    pixel: PixelGrasp = _NO_PIXEL,
    q_value: float = float("nan"),
    policy_version: int = 0,
) -> GraspMsg:
    """Return a grasp as a message."""
    message = GraspMsg(
        workspace=workspace,
        theta=grasp.theta,
        width=grasp.width,
        row=pixel.row,
        col=pixel.col,
        rotation_bin=pixel.rotation_bin,
        q_value=q_value,
        policy_version=policy_version,
    )
    message.header.stamp = to_time(stamp)
    message.header.frame_id = names.BASE_FRAME
    message.position.x, message.position.y, message.position.z = grasp.x, grasp.y, grasp.z
    return message


def from_grasp_msg(message: GraspMsg) -> GraspAction:
    """Return a message as a grasp.

    Raises:
        CommandRejectedError: if a number is not finite or the frame is not the base frame.
    """
    if message.header.frame_id not in ("", names.BASE_FRAME):
        raise CommandRejectedError(
            f"Grasps are given in frame '{names.BASE_FRAME}', found '{message.header.frame_id}'."
        )
    p = message.position
    return GraspAction(p.x, p.y, p.z, message.theta, message.width)


def to_joint_state_msg(state: JointState, joint_names: tuple[str, ...]) -> JointStateMsg:
    """Return measured joints as a message."""
    message = JointStateMsg(
        name=list(joint_names),
        position=state.positions.tolist(),
        velocity=state.velocities.tolist(),
        effort=state.efforts.tolist(),
    )
    message.header.stamp = to_time(state.stamp)
    return message


def from_joint_state_msg(
    message: JointStateMsg, joint_names: tuple[str, ...]
) -> JointState | None:
    """Return the named joints in their order, or None if the message does not say where they are.

    Drivers may tell of other joints as well, in any order, and of NaN until their robot answers.
    """
    index = {name: i for i, name in enumerate(message.name)}
    is_whole = len(message.position) == len(message.name)
    if not is_whole or not all(name in index for name in joint_names):
        return None
    order = [index[name] for name in joint_names]

    def pick(values: "array.array[float]") -> np.ndarray:
        return np.array([values[i] if len(values) > i else 0.0 for i in order])

    positions = pick(message.position)
    if not np.isfinite(positions).all():
        return None
    return JointState(
        from_time(message.header.stamp),
        positions,
        np.nan_to_num(pick(message.velocity)),
        np.nan_to_num(pick(message.effort)),
    )


def to_wrench_msg(force: np.ndarray, stamp: float) -> WrenchStamped:
    """Return a force on the TCP in base, shape (3,) [N], as a message without torques."""
    message = WrenchStamped()
    message.header.stamp, message.header.frame_id = to_time(stamp), names.BASE_FRAME
    message.wrench.force = Vector3(x=float(force[0]), y=float(force[1]), z=float(force[2]))
    return message


def from_wrench_msg(message: WrenchStamped, t_base_tcp: Callable[[], Transform]) -> np.ndarray:
    """Return the force of a message in base, shape (3,) [N].

    Args:
        message: In the base frame, as our arm node sends it, or in any other frame, which is taken
            for one that is fixed to the tool, as ur_robot_driver sends it.
        t_base_tcp: Tells where the tool is.
    """
    f = message.wrench.force
    force = np.array([f.x, f.y, f.z])
    if message.header.frame_id == names.BASE_FRAME:
        return force
    return t_base_tcp().rotation.apply(force)


def to_depth_msg(depth: np.ndarray, stamp: float, frame_id: str) -> Image:
    """Return a depth image [m] as 32FC1 (REP-118)."""
    return _image(depth.astype("<f4"), "32FC1", stamp, frame_id)


def from_depth_msg(message: Image) -> np.ndarray:
    """Return a depth image [m], (H, W) float32, from 32FC1 [m] or 16UC1 [mm].

    Raises:
        PerceptionError: for another encoding or a truncated image.
    """
    dtypes = {"32FC1": "f4", "16UC1": "u2"}
    if message.encoding not in dtypes:
        raise PerceptionError(
            f"Depth encoding '{message.encoding}' is not one of {', '.join(dtypes)}."
        )
    dtype = np.dtype((">" if message.is_bigendian else "<") + dtypes[message.encoding])
    row = message.width * dtype.itemsize  # [bytes]; a row may be padded to `step`
    step = message.step or row
    if step < row or len(message.data) != message.height * step:
        raise PerceptionError(
            f"A {message.encoding} image of {message.width} x {message.height} px holds "
            f"{len(message.data)} bytes, {step} a row."
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, step)
    image = np.ascontiguousarray(rows[:, :row]).view(dtype)
    scale = 1.0 if message.encoding == "32FC1" else 0.001
    return image.astype(np.float32) * np.float32(scale)


def to_color_msg(color: np.ndarray, stamp: float, frame_id: str) -> Image:
    """Return an RGB picture (H, W, 3) uint8 as rgb8."""
    return _image(color, "rgb8", stamp, frame_id)


def from_color_msg(message: Image) -> np.ndarray:
    """Return an RGB picture (H, W, 3) uint8 from rgb8, bgr8, rgba8, bgra8 or mono8.

    Raises:
        PerceptionError: for another encoding or a truncated image.
    """
    channels = {"rgb8": (0, 1, 2), "bgr8": (2, 1, 0), "mono8": (0, 0, 0)}
    channels |= {"rgba8": (0, 1, 2), "bgra8": (2, 1, 0)}
    counts = {"rgb8": 3, "bgr8": 3, "mono8": 1, "rgba8": 4, "bgra8": 4}
    if message.encoding not in channels:
        raise PerceptionError(
            f"Colour encoding '{message.encoding}' is not one of {', '.join(channels)}."
        )
    count = counts[message.encoding]
    row = message.width * count  # [bytes]; a row may be padded to `step`
    step = message.step or row
    if step < row or len(message.data) != message.height * step:
        raise PerceptionError(
            f"A {message.encoding} image of {message.width} x {message.height} px holds "
            f"{len(message.data)} bytes, {step} a row."
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, step)[:, :row]
    pixels = rows.reshape(message.height, message.width, count)
    return np.ascontiguousarray(pixels[:, :, channels[message.encoding]])


def _image(pixels: np.ndarray, encoding: str, stamp: float, frame_id: str) -> Image:
    message = Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=array.array("B", np.ascontiguousarray(pixels).tobytes()),
    )
    message.header.stamp, message.header.frame_id = to_time(stamp), frame_id
    return message


def to_camera_info_msg(model: CameraModel, stamp: float, frame_id: str) -> CameraInfo:
    """Return intrinsics as a message (rectified: no distortion)."""
    k = [model.fx_px, 0.0, model.cx_px, 0.0, model.fy_px, model.cy_px, 0.0, 0.0, 1.0]
    message = CameraInfo(
        width=model.width_px,
        height=model.height_px,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=k,
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0],
    )
    message.header.stamp, message.header.frame_id = to_time(stamp), frame_id
    return message


def from_camera_info_msg(message: CameraInfo) -> tuple[CameraModel, tuple[float, ...]]:
    """Return intrinsics, and the distortion of the image as it comes; empty where it is straight.

    A bent image has K. A straight one has P; drivers that fill in K alone then mean the same by it.

    Raises:
        ConfigError: if intrinsics are not positive, or for a distortion model other than plumb_bob
            and rational_polynomial.
    """
    p, k, distortion = message.p, message.k, tuple(float(v) for v in message.d)
    if not any(distortion):
        distortion = ()
    elif message.distortion_model not in ("plumb_bob", "rational_polynomial"):
        raise ConfigError(
            f"Distortion model '{message.distortion_model}' is not one of plumb_bob, "
            "rational_polynomial. Let the camera's driver rectify the images."
        )
    is_straight = not distortion and p[0] > 0.0
    fx, fy, cx, cy = (p[0], p[5], p[2], p[6]) if is_straight else (k[0], k[4], k[2], k[5])
    model = CameraModel(message.width, message.height, float(fx), float(fy), float(cx), float(cy))
    return model, distortion


def to_transform_msg(pose: Transform, stamp: float, parent: str, child: str) -> TransformStamped:
    """Return `T_parent_child` as a message."""
    message = TransformStamped(child_frame_id=child)
    message.header.stamp, message.header.frame_id = to_time(stamp), parent
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = (float(v) for v in pose.position)
    r.x, r.y, r.z, r.w = (float(v) for v in pose.quat_xyzw)
    return message


def from_transform_msg(message: TransformStamped) -> Transform:
    """Return `T_parent_child` from a message."""
    t, r = message.transform.translation, message.transform.rotation
    return Transform(np.array([t.x, t.y, t.z]), np.array([r.x, r.y, r.z, r.w]))


def to_pose_msg(pose: Transform) -> Pose:
    """Return a pose as a message."""
    message = Pose()
    p, o = message.position, message.orientation
    p.x, p.y, p.z = (float(v) for v in pose.position)
    o.x, o.y, o.z, o.w = (float(v) for v in pose.quat_xyzw)
    return message


def from_pose_msg(message: Pose) -> Transform:
    """Return a pose from a message."""
    p, o = message.position, message.orientation
    return Transform(np.array([p.x, p.y, p.z]), np.array([o.x, o.y, o.z, o.w]))
