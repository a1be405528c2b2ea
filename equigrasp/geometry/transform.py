"""Rigid transforms with names that chain: `T_a_c = T_a_b * T_b_c`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.errors import PoseError


@dataclass(frozen=True, eq=False)
class Transform:
    """Pose of frame b in frame a; maps b-coordinates to a.

    Args:
        position: Origin of b in a, shape (3,) [m].
        quat_xyzw: Unit quaternion of b in a, shape (4,); normalised on construction.

    Raises:
        PoseError: if a number is not finite or the quaternion is zero.
    """

    position: np.ndarray
    quat_xyzw: np.ndarray

    def __post_init__(self) -> None:
        position = np.asarray(self.position, dtype=np.float64).reshape(3)
        quat = np.asarray(self.quat_xyzw, dtype=np.float64).reshape(4)
        norm = float(np.linalg.norm(quat))
        if not (np.isfinite(position).all() and np.isfinite(norm) and norm > 1e-9):
            raise PoseError(f"Not a finite pose: position {position}, quat_xyzw {quat}.")
        object.__setattr__(self, "position", position)
        object.__setattr__(self, "quat_xyzw", quat / norm)

    @staticmethod
    def identity() -> Transform:
        """Return the transform that changes nothing."""
        return Transform(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))

    @staticmethod
    def from_matrix(matrix: np.ndarray) -> Transform:
        """Build from a homogeneous matrix, shape (4, 4)."""
        return Transform(matrix[:3, 3], Rotation.from_matrix(matrix[:3, :3]).as_quat())

    @staticmethod
    def from_rpy(position: np.ndarray, rpy: np.ndarray) -> Transform:
        """Build from a position [m] and fixed-axis roll, pitch, yaw [rad], as URDF defines them."""
        return Transform(np.asarray(position), Rotation.from_euler("xyz", rpy).as_quat())

    @staticmethod
    def top_down(x: float, y: float, z: float, theta: float) -> Transform:
        """Return `T_base_tcp` of a gripper that points down with yaw `theta` about base +z.

        The TCP's z axis points along base -z; its x axis (the direction in which the fingers
        open) lies at angle `theta` from base +x.
        """
        rotation = Rotation.from_euler("z", theta) * Rotation.from_euler("x", np.pi)
        return Transform(np.array([x, y, z]), rotation.as_quat())

    @property
    def rotation(self) -> Rotation:
        """The orientation as a scipy rotation."""
        return Rotation.from_quat(self.quat_xyzw)

    def matrix(self) -> np.ndarray:
        """Return the homogeneous matrix, shape (4, 4)."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation.as_matrix()
        matrix[:3, 3] = self.position
        return matrix

    def inverse(self) -> Transform:
        """Return the transform from b to a's coordinates turned round."""
        inverse = self.rotation.inv()
        return Transform(-inverse.apply(self.position), inverse.as_quat())

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Map points from b to a, shape (..., 3) [m]."""
        flat = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        return (self.rotation.apply(flat) + self.position).reshape(np.shape(points))

    def __mul__(self, other: Transform) -> Transform:
        return Transform(self.apply(other.position), (self.rotation * other.rotation).as_quat())
