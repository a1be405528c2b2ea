"""Where the links of a robot description are in their parents, as its joints turn."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform

_TURNING = ("revolute", "continuous")


@dataclass(frozen=True, eq=False)
class LinkPose:
    """`T_parent_child` of a link in the link that it hangs from."""

    parent: str
    child: str
    pose: Transform


@dataclass(frozen=True, eq=False)
class _Moving:
    """A joint that moves: by `multiplier * position + offset` of the joint `leader`."""

    zero: LinkPose
    axis: np.ndarray
    turns: bool
    leader: str
    multiplier: float
    offset: float

    def at(self, position: float) -> LinkPose:
        way = (self.multiplier * position + self.offset) * self.axis
        still = np.zeros(3)
        moved = (
            Transform(still, Rotation.from_rotvec(way).as_quat())
            if self.turns
            else Transform(way, np.array([0.0, 0.0, 0.0, 1.0]))
        )
        return LinkPose(self.zero.parent, self.zero.child, self.zero.pose * moved)


class LinkFrames:
    """The frames of a URDF, as ROS's robot_state_publisher tells of them.

    Args:
        urdf: Text of the description.

    Raises:
        ConfigError: if it cannot be read, or has a joint that is neither fixed nor turns nor slides.
    """

    def __init__(self, urdf: str) -> None:
        self.fixed: list[LinkPose] = []
        self._moving: list[_Moving] = []
        try:
            joints = ET.fromstring(urdf).findall("joint")
            for joint in joints:
                self._add(joint)
        except (ET.ParseError, ValueError) as error:
            raise ConfigError(f"The robot description cannot be read: {error}.") from error

    @property
    def joint_names(self) -> frozenset[str]:
        """Joints whose positions are needed; those that follow another are not among them."""
        return frozenset(joint.leader for joint in self._moving)

    def moving(self, positions: Mapping[str, float]) -> list[LinkPose]:
        """Return the links that the given joints move, at positions [rad or m]; others are ignored."""
        return [j.at(positions[j.leader]) for j in self._moving if j.leader in positions]

    def _add(self, joint: ET.Element) -> None:
        name, kind = joint.get("name", ""), joint.get("type", "")
        parent, child = joint.find("parent"), joint.find("child")
        if parent is None or child is None:
            raise ConfigError(f"Joint '{name}' of the robot description lacks parent or child.")
        origin = joint.find("origin")
        origin = ET.Element("origin") if origin is None else origin
        pose = Transform.from_rpy(_numbers(origin.get("xyz")), _numbers(origin.get("rpy")))
        zero = LinkPose(parent.get("link", ""), child.get("link", ""), pose)
        if kind == "fixed":
            self.fixed.append(zero)
            return
        if kind not in (*_TURNING, "prismatic"):
            raise ConfigError(
                f"Joint '{name}' of the robot description is {kind or 'of no type'}; joints are fixed, "
                "revolute, continuous or prismatic."
            )
        axis_of = joint.find("axis")
        axis = _numbers("1 0 0" if axis_of is None else axis_of.get("xyz", "1 0 0"))
        length = float(np.linalg.norm(axis))
        if length == 0.0:
            raise ConfigError(f"Joint '{name}' of the robot description has an axis of length 0.")
        mimic = joint.find("mimic")
        found = {} if mimic is None else mimic.attrib
        moving = _Moving(
            zero,
            axis / length,
            kind in _TURNING,
            found.get("joint", name),
            float(found.get("multiplier", 1.0)),
            float(found.get("offset", 0.0)),
        )
        self._moving.append(moving)


def _numbers(text: str | None) -> np.ndarray:
    values = np.array([float(v) for v in (text or "0 0 0").split()])
    if values.shape != (3,) or not np.isfinite(values).all():
        raise ValueError(f"'{text}' is not three finite numbers")
    return values
