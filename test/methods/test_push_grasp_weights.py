"""The published weights of push-grasp: a scene turned by 60 degrees turns what they choose."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.geometry.actions import PixelPush
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.push_grasp.networks import PUSH
from equigrasp.methods.push_grasp.policy import PushGraspPolicy
from equigrasp.methods.push_grasp.push_input import push_view
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights
from equigrasp.perception.observation import HEIGHTMAP, LABELS, Observation
from equigrasp.simulation.clutter import open_workspace

pytestmark = pytest.mark.slow

_SIZE, _NUM_SCENES, _NUM_BOXES, _MIN_TARGET_PX = 160, 8, 6, 60
_TURN = np.pi / 3
_NEAR_PX, _NEAR_BINS = 2, 1

Values = Callable[[PushGraspPolicy, Observation, np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def policy() -> PushGraspPolicy:
    method, config = load_method("push_grasp:compact")
    policy: PushGraspPolicy = method.make_policy(config, method.make_networks(config, 0))
    load_trained_weights(policy, find_weights("push_grasp_compact_gantry"), config)
    return policy


@pytest.fixture(scope="module")
def table() -> Workspace:
    return open_workspace(load_cell("gantry"))


def _boxes(rng: np.random.Generator) -> np.ndarray:
    """Return places from the middle [px], half sides [px], yaws [rad] and heights [m], shape (n, 6)."""
    radius, angle = rng.uniform(0, 35, _NUM_BOXES), rng.uniform(0, 2 * np.pi, _NUM_BOXES)
    places = radius * np.cos(angle), radius * np.sin(angle)
    sides = rng.uniform(5, 14, _NUM_BOXES), rng.uniform(3, 7, _NUM_BOXES)
    yaws, heights = rng.uniform(0, np.pi, _NUM_BOXES), rng.uniform(0.02, 0.06, _NUM_BOXES)
    return np.stack([*places, *sides, yaws, heights], axis=1)


def _scene(boxes: np.ndarray, turn: float, table: Workspace) -> Observation:
    """Return boxes turned about the middle, as seen from above, without any resampling."""
    rows, cols = np.mgrid[:_SIZE, :_SIZE] - (_SIZE - 1) / 2.0
    heights, labels = np.zeros((_SIZE, _SIZE), np.float32), np.zeros((_SIZE, _SIZE), np.uint8)
    for number, (x, y, half_a, half_b, yaw, height) in enumerate(boxes, start=1):
        row, col = _turned(np.array([x, y]), turn)
        cos, sin = np.cos(yaw + turn), np.sin(yaw + turn)
        along, across = (
            cos * (rows - row) + sin * (cols - col),
            cos * (cols - col) - sin * (rows - row),
        )
        is_top = (abs(along) <= half_a) & (abs(across) <= half_b) & (height > heights)
        heights[is_top], labels[is_top] = height, number
    return Observation({HEIGHTMAP: heights, LABELS: labels}, table)


def _turned(place: np.ndarray, turn: float) -> np.ndarray:
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([[cos, -sin], [sin, cos]]) @ place


def _shortfall(straight: np.ndarray, turned: np.ndarray, steps: int) -> float:
    """Return what is lacking to the best value of a turned scene within one bin and 2 px of where it should be.

    Args:
        straight: Values of bins and pixels (n, S, S); 0 where nothing may be chosen.
        turned: Those of the turned scene.
        steps: Bins that 60 degrees are.
    """
    middle = (_SIZE - 1) / 2.0
    chosen, row, col = np.unravel_index(int(straight.argmax()), straight.shape)
    row, col = np.round(_turned(np.array([row, col]) - middle, _TURN) + middle).astype(int)
    bins = (chosen + steps + np.arange(-_NEAR_BINS, _NEAR_BINS + 1)) % len(straight)
    near = slice(row - _NEAR_PX, row + _NEAR_PX + 1), slice(col - _NEAR_PX, col + _NEAR_PX + 1)
    return float(turned.max() - turned[bins][:, near[0], near[1]].max())


def _grasp_values(policy: PushGraspPolicy, scene: Observation, target: np.ndarray) -> np.ndarray:
    return np.where(target, policy._grasp_maps.of(scene.heightmap), 0.0)


def _push_values(policy: PushGraspPolicy, scene: Observation, target: np.ndarray) -> np.ndarray:
    """Return PushNet's values in units of their deviation; the lowest where no push may begin."""
    network, labels = policy._config.network, np.where(target, 255, scene.arrays[LABELS])
    size, scale = network.push_crop_px, network.input_scale
    view = push_view(scene.heightmap, labels, 255, size, scale, network.num_directions)
    with torch.inference_mode():
        maps, masks = torch.from_numpy(view.maps[None]), torch.from_numpy(view.masks)
        values = policy._modules[PUSH](maps, [masks])[0].numpy()
    pushes = np.argwhere(policy.push_rule.allowed(target, scene.workspace))
    corner = view.to_crop(PixelPush(0, 0, 0))
    of_pushes = values[pushes[:, 0], pushes[:, 1] + corner.row, pushes[:, 2] + corner.col]
    of_pushes = (of_pushes - of_pushes.min()) / of_pushes.std()
    found = np.zeros((network.num_directions, _SIZE, _SIZE))
    found[tuple(pushes.T)] = of_pushes
    return found


def _shortfalls(
    values: Values, steps: int, policy: PushGraspPolicy, table: Workspace, turn: float
) -> np.ndarray:
    """Return what is lacking for each target of some scenes that are turned, in one look each."""
    found = []
    for seed in range(_NUM_SCENES):
        boxes = _boxes(np.random.default_rng(seed))
        straight, turned = _scene(boxes, 0.0, table), _scene(boxes, turn, table)
        for label in range(1, _NUM_BOXES + 1):
            before, after = straight.arrays[LABELS] == label, turned.arrays[LABELS] == label
            if before.sum() >= _MIN_TARGET_PX:
                both = values(policy, straight, before), values(policy, turned, after)
                found.append(_shortfall(*both, steps))
    assert len(found) > 30
    return np.array(found)


def test_the_best_grasp_turns_with_the_scene(policy: PushGraspPolicy, table: Workspace) -> None:
    # Boxes have equally good grasps: what counts is the value where the best one should have gone.
    found = _shortfalls(_grasp_values, 6, policy, table, _TURN)
    assert np.quantile(found, 0.95) < 0.08
    other = _shortfalls(_grasp_values, 6, policy, table, 0.5)  # turned by less: it is elsewhere
    assert np.median(other) > 0.5


def test_the_best_push_turns_roughly_with_the_scene(
    policy: PushGraspPolicy, table: Workspace
) -> None:
    found = _shortfalls(_push_values, 3, policy, table, _TURN)
    other = _shortfalls(_push_values, 3, policy, table, 0.5)
    assert np.median(found) < 0.5 * np.median(other)
