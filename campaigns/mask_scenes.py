"""Scenes for `mask_quality.py`: clutter that is pushed about, seen with true labels, clean and noisy."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigrasp.experiments.push_grasp.grasp_labels import targets_of
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.geometry.actions import PixelPush
from equigrasp.methods.push_grasp.policy import PushGraspPolicy
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.stereo_noise import add_stereo_noise

_NUM_TRIES = 8  # pushes drawn until one is not refused


@dataclass(frozen=True, eq=False)
class MaskScene:
    """Looks at one scene, a push between two of them.

    Args:
        labels: True labels of K + 1 looks, shape (K + 1, S, S), uint8.
        heightmaps: Without noise, the same shape, float32 [m].
        noisy: With a stereo camera's noise.
        pushes: Row, column, direction bin and label of the target of K pushes, shape (K, 4).
    """

    labels: np.ndarray
    heightmaps: np.ndarray
    noisy: np.ndarray
    pushes: np.ndarray

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        trial = path.with_suffix(".part")
        with trial.open("wb") as file:
            np.savez_compressed(file, **vars(self))
        trial.replace(path)

    @staticmethod
    def load(path: Path) -> "MaskScene":
        """Read one."""
        with np.load(path, allow_pickle=False) as arrays:
            return MaskScene(**{name: arrays[name] for name in arrays.files})


class MaskScenes:
    """Makes scenes.

    Args:
        simulation: With a gantry above an open table, its camera without noise.
        policy: Draws pushes; it needs no weights.
        split: Part of the object set.
    """

    def __init__(self, simulation: SimulatedCell, policy: PushGraspPolicy, split: str) -> None:
        self._camera, self._policy = simulation.cell.camera, policy
        self._trials = Trials(simulation, policy.rule, split)

    def make(
        self, num_objects: int, spread: float, num_pushes: int, seed: int, number: int
    ) -> MaskScene:
        """Return the scene of a number, drawn by it and the seed.

        Args:
            num_objects: Dropped.
            spread: Half side of the square that they are dropped over [m].
            num_pushes: At most; fewer if there is no room for any.
            seed: Of all scenes.
            number: Of this one.
        """
        rng = np.random.default_rng(derive_seed(seed, Stream.MASK_SCENES, num_objects, number))
        self._trials.drop(num_objects, spread, int(rng.integers(2**31)))
        looks, pushes = [self._look(rng)], []
        for _ in range(num_pushes):
            push = self._push(looks[-1][0], rng)
            if push is None:
                break
            pushes.append(push)
            looks.append(self._look(rng))
        return MaskScene(
            np.stack([seen.arrays[LABELS] for seen, _ in looks]),
            np.stack([seen.heightmap for seen, _ in looks]),
            np.stack([noisy for _, noisy in looks]),
            np.array(pushes, dtype=np.int64).reshape(-1, 4),
        )

    def _look(self, rng: np.random.Generator) -> tuple[Observation, np.ndarray]:
        """Return what is seen, and the heightmap with noise."""
        workspace, camera = self._trials.workspace, self._camera
        depth = add_stereo_noise(camera.capture().depth, rng)
        noisy = heightmap_from_depth(depth, camera.model, camera.T_base_camera, workspace)
        return self._trials.look()[0], noisy

    def _push(
        self, seen: Observation, rng: np.random.Generator
    ) -> tuple[int, int, int, int] | None:
        """Push at random near a random target; return the push, None: all were refused."""
        targets = targets_of(seen)
        with self._trials.kept() as state:
            for _ in range(_NUM_TRIES if targets else 0):
                target = int(rng.choice(targets))
                mask = seen.arrays[LABELS] == target
                pixel: PixelPush | None = self._policy.random_push(seen, mask, rng)
                if pixel and self._trials.push(state, seen, pixel, self._policy.push_rule):
                    return pixel.row, pixel.col, pixel.direction_bin, target
        return None
