"""Pushes that give an object room: off a wall, off its neighbour, and none where none is needed."""

import functools
import math

import numpy as np
import pytest

from equigrasp.geometry.actions import PixelPush
from equigrasp.geometry.angles import bin_to_direction
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.freeing_push import FreeingPush, FreeingRule, find_freeing_push
from equigrasp.perception.sliding import Fingers, Surroundings, slide

TRAY = Workspace("left", 0.45, 0.21, floor_z=0.002)
RULE = FreeingRule()
WALL = 0.05  # [m]


def tray() -> np.ndarray:
    """Return an empty tray with upright walls about the action square."""
    heightmap = np.full((128, 128), WALL)
    heightmap[16:112, 16:112] = 0.0
    return heightmap


def with_block(
    heightmap: np.ndarray, rows: slice, cols: slice, height: float = 0.03
) -> tuple[np.ndarray, np.ndarray]:
    """Return a heightmap with a block in it, and the block's mask."""
    mask = np.zeros(heightmap.shape, bool)
    mask[rows, cols] = True
    return np.where(mask, height, heightmap), mask


def bar_at_wall(turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a bar flat along a wall, the tray turned by quarters."""
    heightmap, mask = with_block(tray(), slice(16, 24), slice(45, 80), 0.025)
    return np.rot90(heightmap, turns), np.rot90(mask, turns)


@functools.cache
def push_off(turns: int) -> FreeingPush:
    """Return the push for that bar."""
    found = find_freeing_push(*bar_at_wall(turns), TRAY, RULE)
    assert found is not None
    return found


@pytest.mark.parametrize("turns", [0, 1])
def test_a_bar_at_a_wall_is_pushed_off(turns: int) -> None:
    push = push_off(turns).push
    assert push_off(turns).gain >= RULE.min_gain
    off_wall = [(1.0, 0.0), (0.0, 1.0)][turns]  # rows from the top; columns from the left
    assert math.cos(push.direction) * off_wall[0] + math.sin(push.direction) * off_wall[1] > -1e-6


@pytest.mark.parametrize("turns", [0, 1])
def test_fingers_and_stroke_are_free_and_inside(turns: int) -> None:
    heightmap, _ = bar_at_wall(turns)
    push, pixel, fingers = push_off(turns).push, push_off(turns).pixel, RULE.fingers
    ahead = np.array([math.cos(push.direction), math.sin(push.direction)])
    aside = np.array([-ahead[1], ahead[0]])
    start = np.array([push.x, push.y])
    assert TRAY.pixel_to_xy(pixel.row, pixel.col) == (push.x, push.y)
    for u in (-1.0, 0.0, 1.0):
        for v in (-1.0, 0.0, 1.0):
            x, y = start + u * fingers.half_depth * ahead + v * fingers.half_width * aside
            assert heightmap[TRAY.xy_to_pixel(x, y)] < push.z - TRAY.floor_z
    end = start + push.length * ahead
    assert TRAY.contains_xy(*start) and TRAY.contains_xy(*end)
    assert TRAY.floor_z + RULE.clearance <= push.z < TRAY.floor_z + 0.025
    assert RULE.shortest <= push.length <= RULE.length


def test_what_has_room_is_left_alone() -> None:
    heightmap, mask = with_block(tray(), slice(55, 70), slice(55, 70))
    assert find_freeing_push(heightmap, mask, TRAY, RULE) is None


def test_two_touching_boxes_are_parted() -> None:
    heightmap, other = with_block(tray(), slice(60, 68), slice(55, 63), 0.035)
    heightmap, mask = with_block(heightmap, slice(52, 60), slice(55, 63), 0.035)
    found = find_freeing_push(heightmap, mask, TRAY, RULE)
    assert found is not None
    points = np.argwhere(mask) * TRAY.pixel_size
    around = Surroundings(np.zeros((128, 128), bool), TRAY.pixel_size)
    start = np.array([found.pixel.row, found.pixel.col]) * TRAY.pixel_size
    end = slide(points, start, found.push.direction, found.push.length, RULE.fingers, around)
    assert end is not None
    moved = end.points
    nearest = np.abs(moved[:, None] - np.argwhere(other)[None] * TRAY.pixel_size).sum(axis=2).min()
    assert nearest >= TRAY.pixel_size / 2
    middle = np.argwhere(other).mean(axis=0) * TRAY.pixel_size
    before, after = (np.linalg.norm(p.mean(axis=0) - middle) for p in (points, moved))
    assert after > before + 0.01


def test_a_block_in_a_corner_cannot_be_freed() -> None:
    heightmap, mask = with_block(tray(), slice(16, 30), slice(16, 30), 0.04)
    assert find_freeing_push(heightmap, mask, TRAY, RULE) is None


@pytest.mark.parametrize("row", [102, 106])  # at 106 it sticks out from the start
def test_an_object_stays_on_an_open_table_and_in_the_fingers(row: int) -> None:
    heightmap, other = with_block(np.zeros((128, 128)), slice(row - 8, row), slice(55, 63), 0.035)
    heightmap, mask = with_block(heightmap, slice(row, row + 8), slice(55, 63), 0.035)
    found = find_freeing_push(heightmap, mask, TRAY, RULE)
    assert found is not None
    direction, cell = found.push.direction, TRAY.pixel_size
    aside = np.array([-math.sin(direction), math.cos(direction)])
    start = np.array([found.pixel.row, found.pixel.col]) * cell
    other[row - 1] = False  # what touches is no obstacle
    around = Surroundings(other, cell)
    lengths = []
    for error in (0.0, -0.002, 0.002):
        arguments = np.argwhere(mask) * cell, start + error * aside, direction
        end = slide(*arguments, found.push.length, RULE.fingers, around)
        assert end is not None
        assert (np.rint(end.points / cell)[:, 0] >= 112).sum() <= mask[112:].sum()
        farther = slide(*arguments, RULE.length, RULE.fingers, around)
        assert farther is not None
        lengths.append(farther.length)
    assert found.push.length == pytest.approx(max(lengths)) and max(lengths) > RULE.shortest
    assert min(lengths) < RULE.length  # to one side of its path the object is lost before


def test_a_stroke_ends_before_what_the_fingers_would_meet() -> None:
    heightmap, mask = bar_at_wall(0)
    was = push_off(0)
    heightmap[30:32, 70:72] = WALL  # a post in the fingers' way, not in the bar's
    found = find_freeing_push(heightmap, mask, TRAY, RULE)
    assert found is not None and found.pixel == was.pixel
    assert RULE.shortest <= found.push.length < was.push.length
    front = found.push.length + RULE.fingers.half_depth
    ahead = np.array([math.cos(found.push.direction), math.sin(found.push.direction)])
    post = (np.argwhere(heightmap[24:112] == WALL) + [24, 0])[:, None]
    post = post[((post > 16) & (post < 112)).all(axis=(1, 2)), 0]
    way = (post - [found.pixel.row, found.pixel.col]) * TRAY.pixel_size @ ahead
    assert len(way) == 4 and front < way.min()
    heightmap[30:34, 70:74] = WALL  # too near for a stroke
    assert find_freeing_push(heightmap, mask, TRAY, RULE) is None


def test_a_push_that_was_tried_is_not_repeated() -> None:
    heightmap, mask = bar_at_wall(0)
    first = push_off(0).pixel
    found = find_freeing_push(heightmap, mask, TRAY, RULE, [first])
    assert found is None or not _is_near(found.pixel, first)


def _is_near(a: PixelPush, b: PixelPush) -> bool:
    turn = abs(a.direction_bin - b.direction_bin)
    is_same_way = min(turn, RULE.num_directions - turn) <= 1
    way = math.hypot(a.row - b.row, a.col - b.col) * TRAY.pixel_size
    return is_same_way and way < RULE.fingers.half_width


def _block(angle: float = 0.0) -> np.ndarray:
    grid = np.stack(np.meshgrid(np.arange(-20, 21), np.arange(-10, 11), indexing="ij"), axis=-1)
    cos, sin = math.cos(angle), math.sin(angle)
    return grid.reshape(-1, 2) * 1e-3 @ np.array([[cos, sin], [-sin, cos]]) + 0.2


@pytest.mark.parametrize("k", [0, 3, 7, 12])
def test_a_push_through_the_middle_turns_nothing(k: int) -> None:
    direction = bin_to_direction(k, 16)
    ahead = np.array([math.cos(direction), math.sin(direction)])
    free = Surroundings(np.zeros((128, 128), bool), TRAY.pixel_size)
    points = _block(direction)
    end = slide(points, points.mean(axis=0) - 0.05 * ahead, direction, 0.06, Fingers(), free)
    assert end is not None and end.length == 0.06
    way = 0.06 - (0.05 - 0.020 - Fingers().half_depth)
    assert np.abs(end.points - points - way * ahead).max() < 4e-3


def test_an_object_pushed_at_its_end_turns_about_its_middle() -> None:
    free = Surroundings(np.zeros((128, 128), bool), TRAY.pixel_size)
    points = _block()
    end = slide(points, np.array([0.215, 0.17]), math.pi / 2, 0.03, Fingers(), free)
    assert end is not None
    moved = end.points
    far, near = points[:, 0].argmin(), points[:, 0].argmax()
    assert moved[near, 1] - points[near, 1] > moved[far, 1] - points[far, 1] + 0.004
    sides = np.linalg.norm(moved[near] - moved[far]), np.linalg.norm(points[near] - points[far])
    assert sides[0] == pytest.approx(sides[1])


def test_a_push_into_a_wall_jams() -> None:
    is_wall = np.zeros((128, 128), bool)
    is_wall[72:] = True  # from 0.225 m
    around = Surroundings(is_wall, TRAY.pixel_size)
    assert slide(_block(), np.array([0.15, 0.2]), 0.0, 0.06, Fingers(), around) is None
    off = slide(_block(), np.array([0.25, 0.2]), math.pi, 0.06, Fingers(), around)
    assert off is not None and off.points[:, 0].max() < 0.2


def test_a_slide_ends_where_the_fingers_lose_the_object() -> None:
    free = Surroundings(np.zeros((128, 128), bool), TRAY.pixel_size)
    points = _block()
    end = slide(points, np.array([0.228, 0.17]), math.pi / 2, 0.10, Fingers(), free)
    assert end is not None and 0.0 < end.length < 0.06
    again = slide(points, np.array([0.228, 0.17]), math.pi / 2, end.length, Fingers(), free)
    assert again is not None and again.length == end.length
    assert np.array_equal(again.points, end.points)
    missed = slide(points, np.array([0.26, 0.17]), math.pi / 2, 0.10, Fingers(), free)
    assert missed is not None and missed.length == 0.0
