"""Forward and inverse kinematics of an arm with its gripper, by Pinocchio."""

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import eigenpy
import numpy as np
import pinocchio as pin

from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.devices.robot_description import assemble, find_description
from equigrasp.errors import UnreachableError
from equigrasp.geometry.transform import Transform

__all__ = ["Kinematics", "tool_points"]

_POSITION_TOLERANCE = 1e-5  # [m]
_ROTATION_TOLERANCE = 1e-4  # [rad]
_MAX_ITERATIONS = 60
_MAX_STEP = 0.4  # [rad] per iteration
_DAMPING = 1e-4
_NUM_RANDOM_SEEDS = 24
_LIMIT_MARGIN = 0.02  # [rad] to the joint limits: an arm that rests on one overshoots it


def tool_points(gripper: GripperConfig) -> np.ndarray:
    """Return TCP, both fingertips of opened fingers and flange in the frame of the TCP, (4, 3) [m]."""
    reach = 0.5 * gripper.limits.stroke  # the fingers open along the TCP's x axis
    return np.array([[0, 0, 0], [reach, 0, 0], [-reach, 0, 0], [0, 0, -gripper.tcp_offset]])


class Kinematics:
    """Kinematic and dynamic model; the gripper's joints are locked.

    `gripper_links` are the gripper's links that have a shape; `foot_links` stand or turn on the table.

    Args:
        arm: Of the cell.
        gripper: Of the cell.
        width: Opening of the fingers [m]; None: all open.
    """

    def __init__(self, arm: ArmConfig, gripper: GripperConfig, width: float | None = None) -> None:
        self.arm = arm
        urdf = str(assemble(arm, gripper))
        model = pin.buildModelFromUrdf(urdf)
        geometry = pin.buildGeomFromUrdf(model, urdf, pin.GeometryType.COLLISION)
        locked = [model.getJointId(n) for n in model.names[1:] if n not in arm.joint_names]
        posture = pin.neutral(model)
        if width is not None:
            for name, position in finger_joints(urdf, gripper, width).items():
                posture[model.joints[model.getJointId(name)].idx_q] = position
        self.model, self.geometry = pin.buildReducedModel(model, geometry, locked, posture)
        links = [self.model.frames[o.parentFrame].name for o in self.geometry.geometryObjects]
        parents = [o.parentJoint for o in self.geometry.geometryObjects]
        self.foot_links = tuple(n for n, p in zip(links, parents, strict=True) if p <= 1)
        tool = ET.parse(find_description(gripper.urdf)).getroot()
        of_tool = {link.get("name") for link in tool.iter("link")}
        self.gripper_links = tuple(n for n in links if n in of_tool)
        self.data = self.model.createData()
        self._tcp = self.model.getFrameId("tcp")
        self._lower = np.asarray(arm.limits.lower) + _LIMIT_MARGIN
        self._upper = np.asarray(arm.limits.upper) - _LIMIT_MARGIN

    def forward(self, positions: np.ndarray) -> Transform:
        """Return `T_base_tcp` at joint positions (n,) [rad]."""
        placement = self._placement(positions)
        return Transform(placement.translation, pin.Quaternion(placement.rotation).coeffs())

    def solve(self, target: Transform, seed: np.ndarray) -> np.ndarray | None:
        """Return joint positions (n,) within the limits that reach `target`, from one seed.

        Damped least squares on the pose error in the TCP frame (Lynch and Park, Modern Robotics,
        section 6.2); None where it does not converge.
        """
        goal = pin.SE3(target.matrix())
        q = np.array(seed, dtype=float)
        for _ in range(_MAX_ITERATIONS):
            error = pin.log6(self._placement(q).actInv(goal)).vector
            if (
                np.linalg.norm(error[:3]) < _POSITION_TOLERANCE
                and np.linalg.norm(error[3:]) < _ROTATION_TOLERANCE
            ):
                return q
            jacobian = pin.computeFrameJacobian(
                self.model, self.data, q, self._tcp, pin.ReferenceFrame.LOCAL
            )
            square = jacobian @ jacobian.T + _DAMPING * np.eye(6)
            # Not numpy's solver: for 6 x 6 its BLAS wakes, and keeps spinning, a thread on every core.
            step = jacobian.T @ eigenpy.LLT(square).solve(error)
            largest = float(np.abs(step).max())
            step *= min(1.0, _MAX_STEP / max(largest, 1e-12))
            q = np.clip(q + step, self._lower, self._upper)
        return None

    def solutions(self, target: Transform, seed: np.ndarray) -> list[np.ndarray]:
        """Return joint positions that reach `target`, nearest to `seed` first.

        The seed and the home position are tried; random seeds only if both fail.

        Raises:
            UnreachableError: if there are none within the joint limits.
        """
        seeds = [np.asarray(seed), np.asarray(self.arm.home_positions)]
        found = [q for q in (self.solve(target, s) for s in seeds) if q is not None]
        if not found:
            found = list(itertools.islice(self.more_solutions(target), 1))
        if not found:
            x, y, z = target.position
            raise UnreachableError(
                f"Arm '{self.arm.name}' cannot reach TCP position ({x:.3f}, {y:.3f}, {z:.3f}) m "
                "with the gripper pointing down."
            )
        return sorted(found, key=lambda q: float(np.abs(q - seed).max()))

    def more_solutions(self, target: Transform) -> Iterator[np.ndarray]:
        """Yield joint positions (n,) that reach `target` from random seeds about home."""
        rng = np.random.default_rng(0)  # the same answer to the same question
        home = np.asarray(self.arm.home_positions)
        for _ in range(_NUM_RANDOM_SEEDS):
            noise = rng.normal(scale=0.8, size=self._lower.size)
            q = self.solve(target, np.clip(home + noise, self._lower, self._upper))
            if q is not None:
                yield q

    def jacobian(self, positions: np.ndarray) -> np.ndarray:
        """Return the TCP's Jacobian, shape (6, n): linear over angular velocity, axes of base."""
        return np.asarray(
            pin.computeFrameJacobian(
                self.model,
                self.data,
                np.asarray(positions, dtype=float),
                self._tcp,
                pin.ReferenceFrame.LOCAL_WORLD_ALIGNED,
            )
        )

    def external_force(
        self, positions: np.ndarray, velocities: np.ndarray, efforts: np.ndarray
    ) -> np.ndarray:
        """See `MotionPlanner.external_force`."""
        expected = pin.rnea(self.model, self.data, positions, velocities, np.zeros_like(positions))
        wrench, *_ = np.linalg.lstsq(self.jacobian(positions).T, expected - efforts, rcond=None)
        return np.asarray(wrench[:3])

    def _placement(self, positions: np.ndarray) -> "pin.SE3":
        pin.forwardKinematics(self.model, self.data, np.asarray(positions, dtype=float))
        return pin.updateFramePlacement(self.model, self.data, self._tcp)


def finger_joints(urdf: str, gripper: GripperConfig, width: float) -> dict[str, float]:
    """Return the positions of the driven joint and of those that follow it, at an opening [m], by name."""
    driver = gripper.joint_position(width)
    positions = {gripper.joint_name: driver}
    for joint in ET.parse(urdf).getroot().findall("joint"):
        mimic = joint.find("mimic")
        if mimic is not None and mimic.get("joint") == gripper.joint_name:
            share, offset = (float(mimic.get(k, d)) for k, d in (("multiplier", 1), ("offset", 0)))
            positions[joint.get("name", "")] = share * driver + offset
    return positions
