"""Augmentation and buffer of grasps."""

import numpy as np
import pytest

from equigrasp.errors import ReplayError
from equigrasp.learning.grasping.augment import GridTransform, apply_transform, draw_transform
from equigrasp.learning.grasping.grasp_buffer import GraspBuffer
from equigrasp.learning.grasping.grasp_step import dequantize, grasp_of, grasp_step, quantize
from equigrasp.replay.step import Step


def make_transition(attempt: int, reward: float = 0.0) -> Step:
    rng = np.random.default_rng(attempt)
    heightmap = quantize(rng.uniform(0, 0.1, (128, 128)))
    return grasp_step(heightmap, 40 + attempt % 40, 64, attempt % 8, reward, attempt)


def test_quantizing_keeps_a_twentieth_of_a_millimetre(rng: np.random.Generator) -> None:
    heights = rng.uniform(0, 0.3, (128, 128)).astype(np.float32)
    assert np.abs(dequantize(quantize(heights)) - heights).max() <= 0.51e-4
    with pytest.raises(ReplayError, match="finite"):
        quantize(np.full((4, 4), np.nan))


def test_a_quarter_turn_equals_rot90() -> None:
    t = grasp_of(make_transition(3))
    turned = apply_transform(t.heightmap, t.row, t.col, 1, 8, GridTransform(4, 0.0, 0.0, False))
    assert np.array_equal(turned.heightmap, np.rot90(t.heightmap))
    assert (turned.row, turned.col) == (127 - t.col, t.row)
    assert turned.rotation_bin == 5


def test_a_flip_mirrors_rows_and_yaw() -> None:
    t = grasp_of(make_transition(3))
    flipped = apply_transform(t.heightmap, t.row, t.col, 3, 8, GridTransform(0, 0.0, 0.0, True))
    assert np.array_equal(flipped.heightmap, t.heightmap[::-1])
    assert (flipped.row, flipped.col, flipped.rotation_bin) == (127 - t.row, t.col, 5)


@pytest.mark.parametrize("steps", range(16))
def test_what_lies_under_the_grasp_moves_with_it(steps: int) -> None:
    heightmap = np.zeros((128, 128), np.uint16)
    row, col, rotation_bin = 55, 75, 2
    theta = rotation_bin * np.pi / 8
    for u in np.arange(-12, 13):  # a bar along the opening direction
        heightmap[round(row + u * np.cos(theta)), round(col + u * np.sin(theta))] = 900
    moved = apply_transform(
        heightmap, row, col, rotation_bin, 8, GridTransform(steps, 5.0, -3.0, steps % 2 == 1)
    )
    angle = moved.rotation_bin * np.pi / 8
    rows = [round(moved.row + u * np.cos(angle)) for u in (-8, -4, 0, 4, 8)]
    cols = [round(moved.col + u * np.sin(angle)) for u in (-8, -4, 0, 4, 8)]
    near = [
        moved.heightmap[r - 1 : r + 2, c - 1 : c + 2].max()
        for r, c in zip(rows, cols, strict=True)
    ]
    assert min(near) == 900


def test_drawn_transforms_keep_the_grasp_in_the_action_square() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        row, col = int(rng.integers(16, 112)), int(rng.integers(16, 112))
        transform = draw_transform(row, col, 128, 96, 8, rng)
        moved = apply_transform(np.zeros((128, 128), np.uint16), row, col, 0, 8, transform)
        assert 16 <= moved.row < 112 and 16 <= moved.col < 112


def _buffer(num_copies: int = 8, capacity: int = 10) -> GraspBuffer:
    return GraspBuffer(capacity, num_copies, 8, 96, seed=5)


def test_copies_are_fixed_and_differ() -> None:
    a, b = _buffer(), _buffer()
    for buffer in (a, b):
        buffer.add(make_transition(0))
    copies = [a.read(0, k) for k in range(8)]
    assert all(np.array_equal(c.heightmap, b.read(0, k).heightmap) for k, c in enumerate(copies))
    assert len({c.heightmap.tobytes() for c in copies}) == 8


def test_without_copies_the_attempt_is_read_as_it_was() -> None:
    buffer = _buffer(num_copies=0)
    step = make_transition(0)
    buffer.add(step)
    assert np.array_equal(buffer.read(0, 3).heightmap, step.observation["heightmap"])


def test_a_fresh_view_is_one_more_transform_of_the_copy() -> None:
    buffer = _buffer()
    buffer.add(make_transition(0))
    copy = buffer.read(0, 2)
    view = buffer.read(0, 2, np.random.default_rng(1))
    transform = draw_transform(copy.row, copy.col, 128, 96, 8, np.random.default_rng(1))
    expected = apply_transform(copy.heightmap, copy.row, copy.col, copy.rotation_bin, 8, transform)
    assert np.array_equal(view.heightmap, expected.heightmap)
    assert (view.row, view.col) == (expected.row, expected.col) != (copy.row, copy.col)
    assert view.rotation_bin == expected.rotation_bin
    assert np.array_equal(buffer.read(0, 2).heightmap, copy.heightmap)  # the copy stays


def test_a_transform_and_its_inverse_return_the_grasp() -> None:
    heightmap = np.zeros((128, 128), np.uint16)
    heightmap[58:71, 49:74] = 900
    for steps in range(8):
        there = apply_transform(heightmap, 64, 60, 3, 8, GridTransform(steps, 0.0, 0.0, False))
        back = apply_transform(
            there.heightmap, there.row, there.col, there.rotation_bin, 8,
            GridTransform(-steps, 0.0, 0.0, False),
        )  # fmt: skip
        assert abs(back.row - 64) <= 1 and abs(back.col - 60) <= 1 and back.rotation_bin == 3
        assert (back.heightmap != heightmap).mean() < 0.005  # nearest pixels, along edges


def test_sampling_is_uniform_but_for_the_slots_of_a_failure() -> None:
    buffer = _buffer(capacity=100)
    for i in range(4):
        buffer.add(make_transition(i, reward=float(i < 3)))
    rng = np.random.default_rng(0)
    drawn = np.array([[a for a, _ in buffer.sample(3, 8, 4, rng)] for _ in range(2000)])
    shares = np.bincount(drawn.ravel(), minlength=4) / drawn.size
    # Half of the slots are the failure's; the other half falls on four attempts alike.
    assert shares == pytest.approx([0.125, 0.125, 0.125, 0.625], abs=0.01)
    even = np.array([a for _ in range(2000) for a, _ in buffer.sample(3, 8, 0, rng)])
    assert np.bincount(even) / even.size == pytest.approx([0.25] * 4, abs=0.015)


def test_a_failed_newest_attempt_fills_the_last_slots() -> None:
    buffer = _buffer()
    for i in range(6):
        buffer.add(make_transition(i, reward=float(i == 4)))
    rng = np.random.default_rng(0)
    pairs = buffer.sample(5, 8, 4, rng)
    assert [a for a, _ in pairs[4:]] == [5] * 4 and len(set(pairs[4:])) == 4
    many = [a for _ in range(100) for a, _ in buffer.sample(4, 8, 4, rng)]
    assert max(many) == 4 and np.mean(np.array(many) == 4) < 0.4  # a success has no priority


def test_memory_stays_below_150_kb_an_attempt_and_within_capacity() -> None:
    buffer = _buffer(capacity=4)
    for i in range(9):
        buffer.add(make_transition(i))
    assert len(buffer) == 4 and buffer.num_bytes / 4 == 32768
    with pytest.raises(ReplayError, match="Attempt 2"):
        buffer.get(2)
