"""From a heightmap to a grasp: pixel by q1, yaw by q2, height by rule."""

import threading
import time

import cv2
import numpy as np
import torch

from equigrasp.geometry.actions import GraspAction, PixelGrasp
from equigrasp.geometry.angles import bin_to_angle
from equigrasp.learning.exploration import boltzmann_probabilities, sample_index
from equigrasp.learning.interfaces import Decision, EmptyWorkspaceError, Mode
from equigrasp.learning.weight_store import fill_parameters
from equigrasp.methods.asr.config import AsrConfig
from equigrasp.methods.asr.networks import extract_patches, success_probability
from equigrasp.perception.grasp_height import grasp_height
from equigrasp.perception.observation import Observation


class AsrPolicy:
    """Boltzmann selection of the pixel, then of the yaw (paper, sections 3.2 and 5.2).

    The networks stay in evaluation mode, so their filters are expanded once for each version.
    """

    def __init__(self, config: AsrConfig, modules: dict[str, torch.nn.Module]) -> None:
        self._config = config.acting
        self._num_rotations = config.network.num_rotations
        self._modules = modules
        self._lock = threading.Lock()
        self.version = 0
        self._refresh()

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over weights between two choices; see `Policy.load`."""
        with self._lock:
            fill_parameters(self._modules, tensors, source)
            self.version = version
            self._refresh()

    def choose(
        self,
        observation: Observation,
        rng: np.random.Generator,
        mode: Mode,
        num_consecutive_failures: int = 0,
    ) -> Decision:
        """Choose a grasp.

        Args:
            observation: What the camera saw.
            rng: All randomness of the choice.
            mode: `random` (uniform over pixels near objects and over yaws), `train` or `greedy`.
            num_consecutive_failures: Raises the greedy temperature, so that a grasp which failed
                is not repeated for ever.

        Raises:
            EmptyWorkspaceError: if there is nothing to grasp.
        """
        began = time.perf_counter()
        mask = self._object_mask(observation)
        if mode == "random":
            q_map = np.zeros(mask.shape, np.float32)
            rotation_values = np.full(self._num_rotations, 1.0 / self._num_rotations)
            pixel = sample_index(mask / mask.sum(), rng)
            rotation_bin, q_value = int(rng.integers(self._num_rotations)), float("nan")
        else:
            with self._lock, torch.inference_mode():
                temperature = self._temperature(mode, num_consecutive_failures)
                image = torch.from_numpy(observation.heightmap[None, None].astype(np.float32))
                border = observation.workspace.border_px
                inner = slice(border, image.shape[-1] - border)
                q_map = success_probability(self._modules["q1"](image))[0, inner, inner].numpy()
                pixel = sample_index(boltzmann_probabilities(q_map, temperature, mask), rng)
                rotation_values = self._rotation_values(image, pixel, observation)
                probabilities = boltzmann_probabilities(rotation_values, temperature)
                rotation_bin = sample_index(probabilities, rng)[0]
                q_value = float(rotation_values[rotation_bin])
        border = observation.workspace.border_px
        chosen = PixelGrasp(pixel[0] + border, pixel[1] + border, rotation_bin)
        return Decision(
            grasp=self._to_grasp(observation, chosen),
            pixel=chosen,
            q_value=q_value,
            q_map=q_map,
            rotation_values=np.asarray(rotation_values),
            policy_version=self.version,
            decision_time=time.perf_counter() - began,
        )

    def _refresh(self) -> None:
        for module in self._modules.values():
            module.train()  # drops the filters of the old weights
            module.eval()  # expands those of the new ones

    def _temperature(self, mode: Mode, num_consecutive_failures: int) -> float:
        if mode == "train":
            return self._config.train_temperature
        extra = self._config.temperature_per_failure * num_consecutive_failures
        return self._config.greedy_temperature + extra

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

    def _rotation_values(
        self, image: torch.Tensor, pixel: tuple[int, ...], observation: Observation
    ) -> np.ndarray:
        border = observation.workspace.border_px
        rows = torch.tensor([[pixel[0] + border]])
        cols = torch.tensor([[pixel[1] + border]])
        patch = extract_patches(image, rows, cols)
        return success_probability(self._modules["q2"](patch))[0].numpy()  # type: ignore[no-any-return]

    def _to_grasp(self, observation: Observation, pixel: PixelGrasp) -> GraspAction:
        workspace = observation.workspace
        x, y = workspace.pixel_to_xy(pixel.row, pixel.col)
        theta = bin_to_angle(pixel.rotation_bin, self._num_rotations)
        height = grasp_height(
            observation.heightmap,
            pixel.row,
            pixel.col,
            theta,
            pixel_size=workspace.pixel_size,
            finger_depth=self._config.finger_depth,
            width=self._config.width,
            border_px=workspace.border_px,
            edge_depth=self._config.edge_depth,
            wall_depth=self._config.wall_depth,
        )
        return GraspAction(x, y, workspace.floor_z + height, theta, self._config.width)


def make_policy(config: AsrConfig, modules: dict[str, torch.nn.Module]) -> AsrPolicy:
    """Return the policy of a configuration; it owns the modules."""
    return AsrPolicy(config, modules)
