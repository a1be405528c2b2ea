"""Which pairs of the robot's own links are checked for contact."""

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pinocchio as pin

from equigrasp.devices.cell import ArmConfig, CellConfig, GripperConfig
from equigrasp.devices.robot_description import assemble
from equigrasp.paths import config_dir

_NUM_SAMPLES = 30_000  # a pair that touches in one posture of 10 000 is missed with 5 % chance
_ALWAYS = 0.95  # share of postures in which a pair touches by construction, as MoveIt's assistant


def semantic_file(cell: CellConfig) -> Path:
    """Return where the semantic description (SRDF) of a cell's robot lies, if there is one."""
    return config_dir() / "moveit" / cell.name / f"{cell.name}.srdf"


def unchecked_pairs(cell: CellConfig) -> set[frozenset[str]] | None:
    """Return the pairs of links that no planner checks; None for a cell without an SRDF."""
    path = semantic_file(cell)
    if not path.is_file():
        return None
    pairs = ET.parse(path).getroot().iter("disable_collisions")
    return {frozenset((pair.get("link1", ""), pair.get("link2", ""))) for pair in pairs}


def disabled_pairs(arm: ArmConfig, gripper: GripperConfig) -> dict[tuple[str, str], str]:
    """Return the pairs of links that are not checked, in order, with the reason.

    `Adjacent`: joined by a joint, links without a shape left out of the chain. `Always`: touch in
    nearly all postures. `Never`: touch in none of the sampled postures. The fingers' joints turn
    together. Pairs that are not listed can touch, and are checked.
    """
    urdf = assemble(arm, gripper)
    model = pin.buildModelFromUrdf(str(urdf))
    geometry = pin.buildGeomFromUrdf(model, str(urdf), pin.GeometryType.COLLISION)
    links = [model.frames[o.parentFrame].name for o in geometry.geometryObjects]
    adjacent = _adjacent_links(ET.parse(urdf).getroot(), set(links))
    pairs = [
        (i, j)
        for i, j in itertools.combinations(range(len(links)), 2)
        if frozenset((links[i], links[j])) not in adjacent and links[i] != links[j]
    ]
    for pair in pairs:
        geometry.addCollisionPair(pin.CollisionPair(*pair))
    rates = _contact_rates(model, geometry, arm)
    found = {tuple(sorted(pair)): "Adjacent" for pair in adjacent}
    for (i, j), rate in zip(pairs, rates, strict=True):
        if rate == 0.0 or rate >= _ALWAYS:
            found[min(links[i], links[j]), max(links[i], links[j])] = (
                "Never" if rate == 0.0 else "Always"
            )
    return {(a, b): found[a, b] for a, b in sorted(found)}


def _contact_rates(
    model: "pin.Model", geometry: "pin.GeometryModel", arm: ArmConfig
) -> np.ndarray:
    """Return the share of random postures in which each collision pair touches, shape (P,)."""
    rng = np.random.default_rng(0)
    data, geometry_data = model.createData(), geometry.createData()
    arm_indices = [model.joints[model.getJointId(n)].idx_q for n in arm.joint_names]
    fingers = [i for i in range(model.nq) if i not in arm_indices]
    counts = np.zeros(len(geometry.collisionPairs))
    for _ in range(_NUM_SAMPLES):
        q = np.zeros(model.nq)
        q[arm_indices] = rng.uniform(arm.limits.lower, arm.limits.upper)
        share = rng.uniform()
        q[fingers] = (share * model.upperPositionLimit + (1 - share) * model.lowerPositionLimit)[
            fingers
        ]
        pin.computeCollisions(model, data, geometry, geometry_data, q, False)
        counts += [result.isCollision() for result in geometry_data.collisionResults]
    return counts / _NUM_SAMPLES


def _adjacent_links(root: ET.Element, shaped: set[str]) -> set[frozenset[str]]:
    """Return the pairs of links with shapes that are joined, over links without one."""
    neighbours: dict[str, set[str]] = {}
    for joint in root.iter("joint"):
        parent, child = joint.find("parent"), joint.find("child")
        if parent is None or child is None:
            continue
        a, b = parent.get("link", ""), child.get("link", "")
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    for link in [n for n in neighbours if n not in shaped]:
        around = neighbours.pop(link)
        for other in around:
            neighbours[other] = (neighbours[other] | around) - {link, other}
    return {frozenset((a, b)) for a, around in neighbours.items() for b in around}
