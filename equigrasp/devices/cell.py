"""A robot cell: arm, gripper, cameras and trays, grouped and configured."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from equigrasp.config import check_distinct, load_config
from equigrasp.devices.arm import Arm
from equigrasp.devices.camera import Camera
from equigrasp.devices.clock import Clock
from equigrasp.devices.gripper import Gripper, GripperLimits
from equigrasp.devices.limits import JointLimits
from equigrasp.devices.obstacle import Obstacle
from equigrasp.devices.safety import SafetyLimits
from equigrasp.errors import ConfigError
from equigrasp.geometry import four_bar
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel

OVERHEAD = "overhead"  # the camera that sees every tray from above
FRONT = (
    "front"  # the camera that sees fingers and objects from the side, for methods in closed loop
)
_CAMERA_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class ArmConfig:
    """An arm, as `config/arms/<name>.yaml` describes it.

    Args:
        name: Robot name, also the key of the registry.
        urdf: Where the description lies: `package:relative/path`, an absolute path, or a path
            below `urdf/`.
        joint_names: The n joints, as joint states and trajectories name them.
        limits: Limits from the data sheet.
        home_positions: Joint positions out of the camera's view [rad].
        base_frame: Frame of the arm's foot in its URDF.
        flange_frame: Frame that the gripper is mounted to in its URDF.
        urdf_joint_names: What the URDF calls the joints, where that differs from `joint_names`.
        flange_length: From the flange frame along its z axis to where the gripper is mounted [m].
    """

    name: str
    urdf: str
    joint_names: tuple[str, ...]
    limits: JointLimits
    home_positions: tuple[float, ...]
    base_frame: str
    flange_frame: str
    urdf_joint_names: tuple[str, ...] = ()
    flange_length: float = 0.0

    def __post_init__(self) -> None:
        check_distinct("joint_names", self.joint_names)
        check_distinct("urdf_joint_names", self.urdf_joint_names)
        lists = {
            "home_positions": self.home_positions,
            "limits": self.limits.lower,
            "urdf_joint_names": self.urdf_joint_names or self.joint_names,
        }
        for key, values in lists.items():
            if len(values) != len(self.joint_names):
                raise ConfigError(
                    f"{key}: {len(values)} values for {len(self.joint_names)} joints."
                )


@dataclass(frozen=True)
class GripperConfig:
    """A gripper, as `config/grippers/<name>.yaml` describes it.

    Args:
        name: Gripper name.
        urdf: Path below `urdf/`.
        joint_name: The driven joint.
        linkage: `four_bar` (a 2F-85: the joint turns, see `four_bar`) or `prismatic` (the joint's
            position is the opening).
        limits: Ranges from the data sheet.
        tcp_offset: Distance from flange to TCP along the flange's z axis [m].
        finger_depth: How far the pads reach over an object's top in a grasp [m].
        held_width: An opening above this after closing means that an object is held [m].
        command: ROS action by which it is commanded: `gripper_command` or `parallel_gripper_command`.
        command_unit: What the positions of these commands are: `opening` [m], or `joint`, the driven
            joint's own [rad or m]. Joint states are always the joint's own.
    """

    name: str
    urdf: str
    joint_name: str
    limits: GripperLimits
    tcp_offset: float
    finger_depth: float = 0.04
    held_width: float = 0.003
    linkage: str = "prismatic"
    command: str = "gripper_command"
    command_unit: str = "opening"

    def __post_init__(self) -> None:
        for key, choices in (
            ("linkage", ("four_bar", "prismatic")),
            ("command", ("gripper_command", "parallel_gripper_command")),
            ("command_unit", ("opening", "joint")),
        ):
            if getattr(self, key) not in choices:
                raise ConfigError(
                    f"{key} '{getattr(self, key)}' is not one of {', '.join(choices)}."
                )

    def joint_position(self, width: float) -> float:
        """Return the joint's position [rad or m] at an opening [m]."""
        return four_bar.driver_of(width) if self.linkage == "four_bar" else width

    def joint_velocity(self, width: float, speed: float) -> float:
        """Return the joint's velocity [rad/s or m/s] where the opening changes by `speed` [m/s]."""
        if self.linkage == "prismatic":
            return speed
        return -four_bar.driver_speed_of(speed, four_bar.driver_of(width))

    def joint_effort(self, width: float, force: float) -> float:
        """Return the joint's effort [N·m or N] at which the fingers press with `force` [N]."""
        if self.linkage == "prismatic":
            return force
        return four_bar.torque_of(force, four_bar.driver_of(width))

    def width(self, joint_position: float) -> float:
        """Return the opening [m] at a joint position [rad or m]."""
        if self.linkage == "prismatic":
            return joint_position
        return min(self.limits.stroke, max(0.0, four_bar.width_of(joint_position)))


@dataclass(frozen=True)
class CameraConfig:
    """A camera, as `config/cameras/<name>.yaml` describes it.

    Args:
        name: Camera name; its optical frame is `<name>_optical_frame`.
        width_px: Image width.
        height_px: Image height.
        fov_y_deg: Vertical field of view.
        near: Nearest depth [m].
        far: Farthest depth [m].
        position: Optical centre in base [m].
        rpy: Fixed-axis angles of the optical frame in base [rad].
        depth_noise: Noise model: `none`, or `realsense` (distance-squared noise, quantisation,
            missing pixels at edges).
    """

    name: str
    width_px: int
    height_px: int
    fov_y_deg: float
    near: float
    far: float
    position: tuple[float, float, float]
    rpy: tuple[float, float, float]
    depth_noise: str = "none"

    @property
    def model(self) -> CameraModel:
        """Intrinsics of an ideal camera with this field of view."""
        focal = self.height_px / 2.0 / math.tan(math.radians(self.fov_y_deg) / 2.0)
        middle = (self.width_px - 1) / 2.0, (self.height_px - 1) / 2.0
        return CameraModel(self.width_px, self.height_px, focal, focal, *middle)

    @property
    def pose(self) -> Transform:
        """`T_base_camera` of the optical frame."""
        return Transform.from_rpy(np.array(self.position), np.array(self.rpy))


@dataclass(frozen=True)
class MotionConfig:
    """How fast and how high the primitives move.

    Args:
        speed_scale: Share of the joint speed and acceleration limits that planned motion uses.
        approach_height: TCP height above the grasp at which the straight descent begins [m].
        approach_speed: TCP speed of descent and lift [m/s].
        descent_speed: The descent, which may end in contact, is no faster [m/s]; the force of a contact
            grows with it.
        push_speed: TCP speed of a push [m/s].
        lift_height: How far the straight lift rises from the grasp [m].
        place_height: TCP height above the tray floor at which an object is let go [m].
        place_spread: Standard deviation of the drop position about the tray's centre [m].
        grasp_force: Grip force [N].
        grasp_speed: Speed of the fingers [m/s].
        motion_timeout: Bound on one motion beyond its planned duration [s].
        avoid_objects: Plan round the objects in the tray, where a heightmap comes with the grasp.
            Off by default: what it does to the success of grasps has not been measured.
    """

    speed_scale: float = 0.8
    approach_height: float = 0.10
    approach_speed: float = 0.25
    descent_speed: float = 0.25
    push_speed: float = 0.05
    lift_height: float = 0.20
    place_height: float = 0.15
    place_spread: float = 0.042
    grasp_force: float = 40.0
    grasp_speed: float = 0.15
    motion_timeout: float = 3.0
    avoid_objects: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.speed_scale <= 1.0:
            raise ConfigError(f"speed_scale must be in (0, 1], found {self.speed_scale}.")
        positive = (
            "approach_height",
            "approach_speed",
            "descent_speed",
            "push_speed",
            "lift_height",
        )
        for key in (*positive, "motion_timeout"):
            if getattr(self, key) <= 0.0:
                raise ConfigError(f"{key} must be positive, found {getattr(self, key)}.")


@dataclass(frozen=True)
class CellCamera:
    """A camera of a cell.

    Args:
        config: Names the file in `config/cameras/` that describes it.
        driver: Names the file in `config/camera_drivers/` that tells how the real one is reached
            (see `hardware/registry.py`); empty: by nothing of ours.
    """

    config: str
    driver: str = ""


@dataclass(frozen=True)
class CellConfig:
    """A cell, as `config/cells/<name>.yaml` describes it; parts are named by their YAML file.

    `workspaces` are trays, but for those that `open_workspaces` names: there objects lie on the bare table.
    `cameras` are those of the cell by their name in it; `overhead` is the one that sees every tray, `front`,
    where there is one, what the hand hides from it.
    `safety` names the file in `config/safety/` with what no command may exceed. `arm_driver` and
    `gripper_driver` name the files in `config/arm_drivers/` and `gripper_drivers/` that tell how the
    real devices are reached (see `hardware/registry.py`); empty: by nothing of ours.
    `calibration` names the file that `equigrasp calibrate` wrote (in `config/calibrations/`, or a
    path); `calibrated_cell.load_cell` applies it. `obstacles` are what stands in the cell besides
    table and trays, such as the camera's mount. `success_detection` is `finger_width`, `object_bits`
    or `image_difference` (see `primitives/success.py`); for the last, a tray that lost more than
    `min_object_volume` [m³] lost an object.
    """

    name: str
    arm: str
    gripper: str
    cameras: dict[str, CellCamera]
    workspaces: tuple[Workspace, ...]
    safety: SafetyLimits
    motion: MotionConfig = field(default_factory=MotionConfig)
    open_workspaces: tuple[str, ...] = ()
    arm_driver: str = ""
    gripper_driver: str = ""
    calibration: str = ""
    obstacles: tuple[Obstacle, ...] = ()
    success_detection: str = "finger_width"
    min_object_volume: float = 30e-6

    def __post_init__(self) -> None:
        if not self.workspaces:
            raise ConfigError("workspaces must be at least one, found none.")
        if OVERHEAD not in self.cameras:
            named = ", ".join(self.cameras) or "none"
            raise ConfigError(f"cameras must hold '{OVERHEAD}', found {named}.")
        for camera in self.cameras:
            if not _CAMERA_NAME.fullmatch(camera):  # topics are named after it
                raise ConfigError(
                    f"A camera's name is lower-case letters, digits and '_', found '{camera}'."
                )
        check_distinct("workspaces", (w.name for w in self.workspaces))
        for name in self.open_workspaces:
            self.workspace(name)
        check_distinct("obstacles", (o.name for o in self.obstacles))
        allowed = {
            "grasp_force": self.safety.grip_force,
            "grasp_speed": self.safety.finger_speed,
            "approach_speed": self.safety.tcp_speed,
            "push_speed": self.safety.tcp_speed,
        }
        for key, limit in allowed.items():
            if getattr(self.motion, key) > limit:
                raise ConfigError(
                    f"motion: {key} = {getattr(self.motion, key)} exceeds the cell's safety limit "
                    f"of {limit}."
                )

    @property
    def trays(self) -> tuple[Workspace, ...]:
        """The workspaces that have walls."""
        return tuple(w for w in self.workspaces if w.name not in self.open_workspaces)

    def load_arm(self) -> ArmConfig:
        """Load the arm, its limits narrowed to the cell's; raise `ConfigError` if they are looser."""
        arm = load_config(ArmConfig, "arms", self.arm)
        return replace(arm, limits=self.safety.narrow_joints(arm.limits))

    def load_gripper(self) -> GripperConfig:
        """Load the gripper, its limits narrowed to the cell's; raise `ConfigError` as `load_arm`."""
        gripper = load_config(GripperConfig, "grippers", self.gripper)
        return replace(gripper, limits=self.safety.narrow_fingers(gripper.limits))

    def workspace(self, name: str) -> Workspace:
        """Return a workspace by name; raise `ConfigError` that lists the known ones."""
        for workspace in self.workspaces:
            if workspace.name == name:
                return workspace
        known = ", ".join(w.name for w in self.workspaces)
        raise ConfigError(
            f"Unknown workspace '{name}'. Workspaces of cell '{self.name}': {known}."
        )


@dataclass(frozen=True, eq=False)
class RobotCell:
    """The live devices of a cell with what describes them; the same in simulation and hardware."""

    config: CellConfig
    arm_config: ArmConfig
    gripper_config: GripperConfig
    arm: Arm
    gripper: Gripper
    cameras: Mapping[str, Camera]
    clock: Clock

    @property
    def camera(self) -> Camera:
        """The camera that sees every tray from above.

        Raises:
            ConfigError: if nobody looks.
        """
        if OVERHEAD not in self.cameras:
            raise ConfigError(f"There is no camera '{OVERHEAD}'.")
        return self.cameras[OVERHEAD]

    def with_camera(self, camera: Camera) -> "RobotCell":
        """Return the cell with another overhead camera."""
        return replace(self, cameras={**self.cameras, OVERHEAD: camera})
