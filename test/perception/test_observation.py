"""What an observation accepts, and what it says of what it refuses."""

import numpy as np
import pytest

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation

FITTING = {
    "heightmap": np.zeros((128, 128), np.float32),
    "color": np.zeros((128, 128, 3), np.uint8),
    "labels": np.zeros((128, 128), np.int32),
    "gripper": np.zeros(2),
    "force": np.zeros((3, 5)),
}


def test_named_arrays_are_kept(workspace: Workspace) -> None:
    goal = {"embedding": np.ones(4)}
    observation = Observation(FITTING, workspace, 2.5, goal)
    assert observation.heightmap is FITTING["heightmap"]
    assert observation.stamp == 2.5 and observation.goal is goal
    assert not Observation.of_heightmap(FITTING["heightmap"], workspace).goal


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("heightmap", np.zeros((64, 64)), r"Heightmap shape \(64, 64\) .* needs \(128, 128\)"),
        ("color", np.zeros((128, 128)), r"Color shape .* needs \(128, 128, 3\)"),
        ("labels", np.zeros((128, 127)), r"Labels shape \(128, 127\)"),
        ("gripper", np.zeros((2, 1)), r"Gripper state must have shape \(n,\)"),
        ("heightmap", np.full((128, 128), np.nan), "Heightmap holds 16384 values"),
        ("force", np.array([np.inf, 0.0]), "Force holds 1 values"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    workspace: Workspace, name: str, array: np.ndarray, reason: str
) -> None:
    with pytest.raises(PerceptionError, match=reason):
        Observation(FITTING | {name: array}, workspace)


def test_goals_must_be_finite(workspace: Workspace) -> None:
    with pytest.raises(PerceptionError, match="Embedding holds 1 values"):
        Observation(FITTING, workspace, goal={"embedding": np.array([np.nan])})


def test_a_missing_heightmap_is_told(workspace: Workspace) -> None:
    with pytest.raises(PerceptionError, match="no heightmap; it holds gripper"):
        _ = Observation({"gripper": np.zeros(1)}, workspace).heightmap
