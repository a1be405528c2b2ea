"""Objects of a heightmap as a field, as columns, and against the links of the robot."""

import coal
import numpy as np
import pinocchio as pin
import pytest
from scipy.spatial.transform import Rotation

from equigrasp.devices.cell import RobotCell
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.planning.field_contact import FieldContact
from equigrasp.planning.kinematics import Kinematics
from equigrasp.planning.link_hull import hull_corners, hull_surface
from equigrasp.planning.object_field import ObjectField
from equigrasp.planning.ompl_planner import OmplPlanner

_WORKSPACE = Workspace("left", 0.45, 0.21, 0.002)
_FAR = PlanarGrasp(0.36, 0.12, 0.02, 0.0, 0.085)  # a corner of the tray


def _observation(*boxes: tuple[float, float, float, float]) -> Observation:
    """Return a heightmap of boxes: centre x and y, side and height [m]."""
    heights = np.zeros((128, 128), np.float32)
    for x, y, side, height in boxes:
        (low, left), (high, right) = (
            _WORKSPACE.xy_to_pixel(x + s * side / 2, y + s * side / 2) for s in (-1, 1)
        )
        heights[low : high + 1, left : right + 1] = height
    return Observation.of_heightmap(heights, _WORKSPACE)


def _random_field(rng: np.random.Generator) -> ObjectField:
    boxes = [
        (*rng.uniform([0.35, 0.11, 0.02, 0.02], [0.55, 0.31, 0.06, 0.15]).tolist(),)
        for _ in range(6)
    ]
    return ObjectField.about(_FAR, 0.085, _observation(*boxes))


def test_walls_and_noise_of_the_floor_are_no_objects() -> None:
    observation = _observation((0.45, 0.21, 0.04, 0.05))
    observation.heightmap[:16] = 0.05  # the tray's wall
    observation.heightmap[100, 100] = 0.008
    field = ObjectField.about(_FAR, 0.085, observation)
    assert set(np.unique(field.heights).round(4)) == {0.0, 0.05}
    assert field.heights[64, 64] > 0 and not field.heights[:16].any()


def test_the_target_is_the_disc_that_the_open_fingers_reach() -> None:
    grasp = PlanarGrasp(0.47, 0.19, 0.02, 0.7, 0.085)
    field = ObjectField.about(grasp, 0.085, _observation())
    rows, cols = np.nonzero(field.is_target)
    places = np.array([_WORKSPACE.pixel_to_xy(r, c) for r, c in zip(rows, cols, strict=True)])
    distances = np.hypot(*(places - [0.47, 0.19]).T)
    assert distances.max() <= 0.0725
    assert len(rows) * _WORKSPACE.pixel_size**2 == pytest.approx(np.pi * 0.0725**2, rel=0.02)


def test_columns_enclose_every_object_closely_and_never_overlap(rng: np.random.Generator) -> None:
    for is_target in (False, True) * 3:
        field = _random_field(rng)
        columns = field.columns(is_target=is_target)
        tops = np.zeros((128, 128))
        for body in columns:
            corner = np.array(body.center) - np.array(body.size) / 2
            assert corner[2] == pytest.approx(_WORKSPACE.floor_z)
            row, col = _WORKSPACE.xy_to_pixel(corner[0] + 1e-6, corner[1] + 1e-6)
            rows, cols = (round(s / _WORKSPACE.pixel_size) for s in body.size[:2])
            assert not tops[row : row + rows, col : col + cols].any()
            tops[row : row + rows, col : col + cols] = body.size[2]
        heights = np.where(field.is_target == is_target, field.heights, 0.0)
        assert (tops >= heights - 1e-9).all()
        blocks = heights.reshape(32, 4, 32, 4).max(axis=(1, 3)).repeat(4, 0).repeat(4, 1)
        assert (tops <= blocks + 0.01 + 1e-9).all()
        assert len(columns) < 150


def test_points_on_a_hull_leave_no_gap(rng: np.random.Generator) -> None:
    for shape in (coal.Box(0.03, 0.2, 0.05), coal.Cylinder(0.04, 0.1)):
        corners = hull_corners(shape)
        kept = hull_surface(corners, 0.005)
        low, high = corners.min(axis=0), corners.max(axis=0)
        faces = rng.uniform(low, high, (500, 3))
        axes = rng.integers(0, 3, 500)
        faces[np.arange(500), axes] = np.where(rng.random(500) < 0.5, low[axes], high[axes])
        gaps = np.linalg.norm(faces[:, None] - kept[None], axis=2).min(axis=1)
        assert gaps.max() <= (3**0.5 / 2 + 0.3) * 0.005


def test_no_contact_with_exact_columns_is_missed_and_what_is_clear_is_free(
    planner: OmplPlanner, cell: RobotCell, rng: np.random.Generator
) -> None:
    """HPP-FCL's distance between links and columns, which here fill their cells, is the reference."""
    contact = FieldContact(planner.kinematics)
    kinematics, home = planner.kinematics, np.array(cell.arm_config.home_positions)
    data = kinematics.model.createData()
    geometry_data = kinematics.geometry.createData()
    num_touching = num_clear = 0
    while min(num_touching, num_clear) < 5:
        field = _field_of_whole_blocks(rng)
        contact.set_field(field)
        x, y, z = rng.uniform([0.36, 0.12, 0.06], [0.54, 0.30, 0.35])
        tilt = Rotation.from_euler("xyz", [np.pi + rng.normal(0, 0.3), rng.normal(0, 0.3), 0.5])
        pose = Transform(np.array([x, y, z]), tilt.as_quat())
        posture = kinematics.solve(pose, home)
        if posture is None:
            continue
        pin.updateGeometryPlacements(
            kinematics.model, data, kinematics.geometry, geometry_data, posture
        )
        found = contact.find(geometry_data.oMg)
        if _is_nearer(0.0, kinematics, geometry_data.oMg, field):
            num_touching += 1
            assert found is not None
        elif not _is_nearer(0.03, kinematics, geometry_data.oMg, field):
            num_clear += 1
            assert found is None


def _field_of_whole_blocks(rng: np.random.Generator) -> ObjectField:
    heights = np.zeros((32, 32))
    for row, col, level in rng.integers([9, 9, 2], [21, 21, 13], (3, 3)):
        heights[row : row + 3, col : col + 3] = 0.01 * level
    whole = heights.repeat(4, axis=0).repeat(4, axis=1)
    return ObjectField(_WORKSPACE, whole, np.zeros_like(whole, dtype=bool))


def _is_nearer(
    margin: float, kinematics: Kinematics, poses: "pin.StdVec_SE3", field: ObjectField
) -> bool:
    """Tell whether a moving link comes nearer than `margin` [m] to the columns."""
    request = coal.CollisionRequest()
    request.security_margin = margin
    for thing, pose in zip(kinematics.geometry.geometryObjects, poses, strict=True):
        link = coal.Transform3s(pose.rotation, pose.translation)
        for body in field.columns(is_target=False) if thing.parentJoint > 1 else ():
            place = coal.Transform3s(np.eye(3), np.array(body.center))
            box, result = coal.Box(*body.size), coal.CollisionResult()
            if coal.collide(thing.geometry, link, box, place, request, result):
                return True
    return False
