"""From a heightmap to a grasp: pixel and yaw by learned values, height and opening by rule."""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.exploration import (
    annealed_epsilon,
    boltzmann_probabilities,
    sample_index,
    spread_maxima,
)
from equigrasp.learning.grasping.failed_places import failed_pixels, nearness
from equigrasp.learning.grasping.grasp_step import encode_grasp
from equigrasp.learning.grasping.pixel_probe import probe_pixels
from equigrasp.learning.interfaces import (
    Q_MAP,
    ROTATION_VALUES,
    Attempt,
    Context,
    Decision,
    EmptyWorkspaceError,
    Mode,
    Probe,
)
from equigrasp.learning.method_config import ActingConfig, TrainingConfig
from equigrasp.learning.network_policy import NetworkPolicy
from equigrasp.perception.grasp_height import HandGeometry
from equigrasp.perception.grasp_rule import GraspRule
from equigrasp.perception.observation import Observation

_BEST_TEMPERATURE = 1e-9  # all but the best of float32 values get no weight
_NUM_PIXELS, _NUM_YAWS = 12, 2  # the best of them that a script rates; yaws at each pixel
_SPREAD_PER_FAILURE = 2  # pixels by which these stand further apart: not all on what always fails


@dataclass(frozen=True, eq=False)
class Selection:
    """A pixel and yaw in the action square, and the values that chose them.

    Args:
        row: Of the pixel in the action square.
        col: Of the pixel in the action square.
        rotation_bin: Index of the yaw.
        q_value: Predicted probability of success; NaN for a random choice.
        q_map: Probability of success for each pixel of the action square, shape (A, A), float32; zeros for
            a random choice.
        rotation_values: Probability of success for each yaw at the pixel, shape (n,).
    """

    row: int
    col: int
    rotation_bin: int
    q_value: float
    q_map: np.ndarray
    rotation_values: np.ndarray


class PixelPolicy(NetworkPolicy, ABC):
    """Chooses among pixels near objects and yaws; a method says how (`_select`).

    Args:
        acting: How grasps are chosen.
        training: Tells how many attempts a version has learned from.
        num_rotations: Yaw bins in [0, pi).
        modules: See `NetworkPolicy`.
        is_equivariant: Whether turning the scene by a quarter turns all values with it.
    """

    def __init__(
        self,
        acting: ActingConfig,
        training: TrainingConfig,
        num_rotations: int,
        modules: dict[str, torch.nn.Module],
        is_equivariant: bool = False,
    ) -> None:
        super().__init__(modules)
        self.is_equivariant = is_equivariant
        self._config = acting
        self._steps_per_attempt = training.steps_per_attempt
        self._num_rotations = num_rotations
        hand = HandGeometry(acting.finger_depth, acting.edge_depth, acting.wall_depth)
        self._rule = GraspRule(hand, acting.width, acting.min_width, num_rotations)

    @abstractmethod
    def _select(
        self,
        image: torch.Tensor,
        mask: np.ndarray,
        temperature: float,
        rng: np.random.Generator,
    ) -> Selection:
        """Choose by the networks' values.

        Args:
            image: Heightmap, shape (1, 1, S, S) [m].
            mask: True where a grasp is allowed, shape (A, A), the middle of the heightmap.
            temperature: Of the Boltzmann selection.
            rng: All randomness of the choice.
        """

    @abstractmethod
    def _q_map(self, image: torch.Tensor, border: int) -> np.ndarray:
        """Return the values of the action square's pixels, shape (A, A)."""

    @abstractmethod
    def _rotation_values(self, image: torch.Tensor, pixels: np.ndarray) -> np.ndarray:
        """Return the values of the yaws at heightmap pixels (K, 2), shape (K, n)."""

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[PlanarGrasp]:
        """Choose a grasp.

        Args:
            observation: What the camera saw.
            context: Its mode `random` is uniform over pixels near objects and over yaws. Each attempt of
                its history raises the temperature as configured, spreads what the script rates and
                makes its place worth less, so that a grasp which failed is not repeated for ever.
            rng: All randomness of the choice.

        Raises:
            EmptyWorkspaceError: if there is nothing to grasp.
        """
        began = time.perf_counter()
        mask, mode = self._object_mask(observation), context.mode
        if mode == "random" or self._is_random(mode, rng):
            selection = self._select_uniformly(mask, rng)
        else:
            with self._lock, torch.inference_mode():
                temperature = self._temperature(mode, len(context.history))
                heightmap = observation.heightmap[None, None].astype(np.float32)
                image = torch.from_numpy(heightmap).to(self._device)
                if self._config.script_weight:
                    selection = self._select_rated(
                        observation, image, mask, temperature, context.history, rng
                    )
                else:
                    selection = self._select(image, mask, temperature, rng)
        border = observation.workspace.border_px
        chosen = PixelGrasp(selection.row + border, selection.col + border, selection.rotation_bin)
        return Decision(
            action=self._rule.grasp(observation.heightmap, chosen, observation.workspace),
            encoded=encode_grasp(chosen),
            value=selection.q_value,
            views={Q_MAP: selection.q_map, ROTATION_VALUES: selection.rotation_values},
            policy_version=self.version,
            decision_time=time.perf_counter() - began,
        )

    def probe(self) -> Probe:
        """Return some values of a fixed scene, and how they follow a turn of it; see `Policy.probe`."""
        return probe_pixels(self.values, self.is_equivariant)

    def values(
        self, heightmap: np.ndarray, action_size_px: int, row: int, col: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the Q-map of the action square, shape (A, A), and the values of the yaws at a pixel.

        Args:
            heightmap: Shape (S, S), float32 [m].
            action_size_px: A.
            row: Of the pixel in the action square.
            col: Of the pixel in the action square.
        """
        mask = np.zeros((action_size_px, action_size_px), bool)
        mask[row, col] = True
        image = torch.from_numpy(heightmap[None, None]).to(self._device)
        with self._lock, torch.inference_mode():
            chosen = self._select(image, mask, 1.0, np.random.default_rng(0))
        return chosen.q_map, chosen.rotation_values

    def _is_random(self, mode: Mode, rng: np.random.Generator) -> bool:
        if mode != "train" or self._config.exploration != "epsilon_greedy":
            return False
        attempts = self.version / self._steps_per_attempt
        return bool(rng.random() < annealed_epsilon(self._config, attempts))

    def _temperature(self, mode: Mode, num_failures: int) -> float:
        config = self._config
        if mode != "train":
            extra = config.temperature_per_failure * num_failures
            return config.greedy_temperature + extra
        if config.exploration != "boltzmann":
            return _BEST_TEMPERATURE
        extra = config.train_temperature_per_failure * num_failures
        return config.train_temperature + extra

    def _select_rated(
        self,
        observation: Observation,
        image: torch.Tensor,
        mask: np.ndarray,
        temperature: float,
        history: tuple[Attempt, ...],
        rng: np.random.Generator,
    ) -> Selection:
        """Choose among the best pixels' best yaws by their values and the script's scores.

        Where grasps failed pixels lose value, and those that are rated stand further apart with each
        failure in a row, as far as all of them find room.
        """
        config, workspace = self._config, observation.workspace
        q_map = self._q_map(image, workspace.border_px)
        losses = config.failure_penalty * _nearness_to_failures(mask, workspace, history)
        liked = q_map - losses
        # After failures the best pixels lie on one object that cannot be had: spread them until other
        # objects are among them, but never so far that some find no room.
        for failures in range(len(history), -1, -1):
            radius = 1 + _SPREAD_PER_FAILURE * failures
            places = spread_maxima(liked, mask, _NUM_PIXELS, radius)
            if len(places) == _NUM_PIXELS:
                break
        pixels = places + workspace.border_px
        rotation_values = self._rotation_values(image, pixels)
        # The network ranks yaws well and neighbours of the best by little; the heuristic sees what the
        # pads would meet. Their sum chooses among the few that the network likes.
        yaws = np.argsort(-rotation_values, axis=1, kind="stable")[:, :_NUM_YAWS]
        values = np.take_along_axis(rotation_values, yaws, axis=1)
        candidates = np.repeat(pixels, yaws.shape[1], axis=0)
        scores = self._rule.scores(observation.heightmap, candidates, yaws.ravel(), workspace)
        total = (
            values
            + config.script_weight * scores.reshape(yaws.shape)
            - losses[tuple(places.T)][:, None]
        )
        i, j = sample_index(boltzmann_probabilities(total, temperature), rng)
        row, col = places[i].tolist()
        return Selection(row, col, int(yaws[i, j]), float(values[i, j]), q_map, rotation_values[i])

    def _select_uniformly(self, mask: np.ndarray, rng: np.random.Generator) -> Selection:
        row, col = sample_index(mask / mask.sum(), rng)
        rotation_bin = int(rng.integers(self._num_rotations))
        values = np.full(self._num_rotations, 1.0 / self._num_rotations)
        q_map = np.zeros(mask.shape, np.float32)
        return Selection(row, col, rotation_bin, float("nan"), q_map, values)

    def _object_mask(self, observation: Observation) -> np.ndarray:
        """Return True for action pixels within `mask_radius_px` of an object pixel, (A, A)."""
        border = observation.workspace.border_px
        inner = slice(border, observation.heightmap.shape[0] - border)
        is_object = observation.heightmap[inner, inner] > self._config.height_threshold
        if int(is_object.sum()) < self._config.min_object_pixels:
            raise EmptyWorkspaceError(
                f"Workspace '{observation.workspace.name}' is empty: {int(is_object.sum())} pixels "
                f"rise above {self._config.height_threshold} m; at least "
                f"{self._config.min_object_pixels} are needed."
            )
        side = 2 * self._config.mask_radius_px + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        return np.asarray(cv2.dilate(is_object.astype(np.uint8), disc) > 0)


def _nearness_to_failures(
    mask: np.ndarray, workspace: Workspace, history: tuple[Attempt, ...]
) -> np.ndarray:
    """Return how near allowed pixels are to the last failures, see `nearness`, shape (A, A)."""
    pixels = np.argwhere(mask) + workspace.border_px
    found = np.zeros(mask.shape)
    found[mask] = nearness(pixels, failed_pixels(history, workspace.name), workspace.pixel_size)
    return found
