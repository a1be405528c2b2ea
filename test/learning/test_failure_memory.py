"""A grasp that failed is not repeated while the scene stays as it was."""

import dataclasses

import numpy as np
import pytest

from equigrasp.geometry.actions import PixelGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.failure_memory import FailureMemory
from equigrasp.perception.observation import Observation

BORDER = 16
FAILED = PixelGrasp(60, 64, 3)


def look(workspace: Workspace, shift: int = 0, noise: float = 0.0) -> Observation:
    """See a block, moved by so many pixels, with normal noise of its heights [m]."""
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[52 + shift : 68 + shift, 60:70] = 0.05
    heightmap += np.random.default_rng(0).normal(0.0, noise, heightmap.shape).astype(np.float32)
    return Observation(heightmap, workspace)


def allowed(memory: FailureMemory, observation: Observation, has_failed: bool) -> np.ndarray:
    return memory.allowed(observation, np.ones((96, 96), bool), has_failed)


@pytest.fixture
def memory(workspace: Workspace) -> FailureMemory:
    """Remember one failure."""
    memory = FailureMemory(radius_px=4)
    assert allowed(memory, look(workspace), False).all()
    memory.note(look(workspace), FAILED)
    return memory


def test_the_disc_about_a_failure_is_forbidden_and_nothing_else(
    memory: FailureMemory, workspace: Workspace
) -> None:
    rows, cols = np.indices((96, 96)) + BORDER
    distance = np.hypot(rows - FAILED.row, cols - FAILED.col)
    for has_failed in (True, False):  # the failure is told once and kept
        found = allowed(memory, look(workspace), has_failed)
        assert np.array_equal(found, distance >= 4.0)


def test_a_success_forbids_nothing(memory: FailureMemory, workspace: Workspace) -> None:
    assert allowed(memory, look(workspace), False).all()
    assert allowed(memory, look(workspace), True).all()  # tells of no choice that was noted


def test_noise_does_not_make_it_forget_but_motion_does(
    memory: FailureMemory, workspace: Workspace
) -> None:
    assert not allowed(memory, look(workspace, noise=0.001), True).all()
    assert not allowed(memory, look(workspace), False).all()
    assert allowed(memory, look(workspace, shift=6), False).all()
    assert allowed(memory, look(workspace), False).all()  # it does not remember again


def test_other_workspaces_know_nothing_of_it(memory: FailureMemory, workspace: Workspace) -> None:
    other = dataclasses.replace(workspace, name="other")
    assert allowed(memory, look(other), True).all()
    assert not allowed(memory, look(workspace), True).all()


def test_where_everything_has_failed_it_begins_again(workspace: Workspace) -> None:
    memory, mask = FailureMemory(radius_px=4), np.zeros((96, 96), bool)
    mask[44, 46:50] = True  # 4 pixels, all within one disc
    memory.note(look(workspace), FAILED)
    assert np.array_equal(memory.allowed(look(workspace), mask, True), mask)
    assert allowed(memory, look(workspace), False).all()


def test_a_radius_of_zero_remembers_nothing(workspace: Workspace) -> None:
    memory = FailureMemory(radius_px=0)
    memory.note(look(workspace), FAILED)
    assert allowed(memory, look(workspace), True).all()


def test_pixels_at_the_rim_are_remembered_too(workspace: Workspace) -> None:
    memory, rim = FailureMemory(radius_px=4), PixelGrasp(BORDER, 127 - BORDER, 0)
    memory.note(look(workspace), rim)
    found = allowed(memory, look(workspace), True)
    assert not found[0, 95] and found[4, 95] and found[0, 91]
