"""A method of your own, whole: it rates grasps at some pixels of objects and takes the best.

Steps, their encoding and minibatches are those that all methods of single grasps share;
docs/add_a_method.md goes through every field. Python must find this file:

    export PYTHONPATH=examples
    .venv/bin/equigrasp train --method examples/write_a_method.yaml --out results/own
    .venv/bin/equigrasp up sim --method examples/write_a_method.yaml --out results/own_graph
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, grid_sample

from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.geometry.angles import bin_to_angle
from equigrasp.learning.grasping.grasp_step import encode_grasp, encode_observation
from equigrasp.learning.grasping.method_parts import make_grasp_batches, make_grasp_spec
from equigrasp.learning.interfaces import Context, Decision, EmptyWorkspaceError, Probe
from equigrasp.learning.method import Method
from equigrasp.learning.method_config import ActingConfig, TrainingConfig
from equigrasp.learning.weight_store import fill_parameters
from equigrasp.perception.observation import Observation

NUM_TRIED = {"random": 1, "train": 4, "greedy": 64}  # pixels that are rated, at all yaws


@dataclass(frozen=True)
class NetworkConfig:
    """Grasps are tried at `num_rotations` yaws in half a turn."""

    num_rotations: int = 8


@dataclass(frozen=True)
class Config:
    """What the YAML file may set."""

    method: str = "write_a_method:METHOD"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    acting: ActingConfig = field(default_factory=ActingConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


class GraspRater(torch.nn.Module):
    """Rates a grasp by the heights around it, seen turned as the gripper is."""

    def __init__(self, num_rotations: int) -> None:
        super().__init__()
        self.num_rotations = num_rotations
        first, last = torch.nn.Linear(17 * 17, 64), torch.nn.Linear(64, 1)
        self.layers = torch.nn.Sequential(first, torch.nn.ReLU(), last)

    def forward(self, heightmaps, rows, cols, rotation_bins):
        """Return logits (B,) of heightmaps (B, 1, S, S) [m], and rows, columns and bins (B,)."""
        line = torch.arange(-16, 17, 2)  # 0.1 m
        u, v = torch.meshgrid(line, line, indexing="ij")  # along and across the opening [px]
        theta = (rotation_bins * math.pi / self.num_rotations)[:, None, None]
        row = rows[:, None, None] + u * theta.cos() - v * theta.sin()
        col = cols[:, None, None] + u * theta.sin() + v * theta.cos()
        grid = torch.stack([col, row], -1) * (2 / (heightmaps.shape[-1] - 1)) - 1  # (B, 17, 17, 2)
        seen = grid_sample(heightmaps, grid, align_corners=True)  # (B, 1, 17, 17)
        return self.layers(10.0 * seen.flatten(1))[:, 0]


class Policy:
    """Chooses grasps; keeps nothing but its weights."""

    version = 0

    def __init__(self, config: Config, modules: dict[str, torch.nn.Module]) -> None:
        self._config, self._modules = config, modules

    def choose(self, observation: Observation, context: Context, rng: np.random.Generator):
        """Rate some grasps at pixels of objects, and return the best."""
        acting, n = self._config.acting, self._config.network.num_rotations
        workspace, heights = observation.workspace, observation.heightmap
        border, size = workspace.border_px, workspace.action_size_px
        inner = heights[border : border + size, border : border + size]
        places = np.argwhere(inner > acting.height_threshold)
        if len(places) < acting.min_object_pixels:
            raise EmptyWorkspaceError(f"Nothing lies in workspace '{workspace.name}'.")
        tried = rng.choice(places, NUM_TRIED[context.mode])  # (T, 2)
        rows, cols = torch.from_numpy((tried + border).repeat(n, 0).T)  # (T n,)
        bins = torch.arange(n).repeat(len(tried))
        maps = torch.from_numpy(heights).expand(len(bins), 1, -1, -1)
        with torch.no_grad():
            values = self._modules["q"](maps, rows, cols, bins).sigmoid().numpy().reshape(-1, n)
        is_random = context.mode == "random"
        best = int(rng.integers(n) if is_random else values.argmax())
        pixel = PixelGrasp(int(rows[best]), int(cols[best]), int(bins[best]))
        around = heights[pixel.row - 3 : pixel.row + 4, pixel.col - 3 : pixel.col + 4]
        grasp = PlanarGrasp(
            *workspace.pixel_to_xy(pixel.row, pixel.col),
            z=workspace.floor_z + max(0.012, float(around.max()) - acting.finger_depth),
            theta=bin_to_angle(pixel.rotation_bin, n),
            width=acting.width,
        )
        q_map = np.zeros((size, size), np.float32)  # for pictures: what was rated, and how
        q_map[tuple(tried.T)] = values.max(1)
        views = {"q_map": q_map, "rotation_values": values[best // n]}
        value = math.nan if is_random else float(values.flat[best])
        return Decision(grasp, encode_grasp(pixel), value, views, self.version)

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over weights."""
        fill_parameters(self._modules, tensors, source)
        self.version = version

    def probe(self) -> Probe:
        """Claim nothing of the weights."""
        return Probe()


class Learner:
    """Logistic regression of success."""

    def __init__(self, config: Config, modules: dict[str, torch.nn.Module], workspace) -> None:
        self.modules = modules
        self.optimizer = torch.optim.Adam(modules["q"].parameters(), config.training.learning_rate)

    def train_step(self, batch, seed: int) -> dict[str, float]:
        """Take one SGD step on a `GraspBatch`."""
        logits = self.modules["q"](batch.heightmaps, batch.rows, batch.cols, batch.rotation_bins)
        loss = binary_cross_entropy_with_logits(logits, batch.rewards)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": float(loss.detach())}


def make_networks(config: Config, seed: int) -> dict[str, torch.nn.Module]:
    """Build `q`; its first weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {"q": GraspRater(config.network.num_rotations)}


METHOD = Method(
    name="write_a_method:METHOD",  # as the key `method` of the YAML file
    config=Config,
    metrics={"loss": "Cross-entropy of success at the tried grasps."},
    make_spec=make_grasp_spec,
    encode=encode_observation,
    make_networks=make_networks,
    make_policy=Policy,
    make_batches=make_grasp_batches,
    make_learner=Learner,
)
