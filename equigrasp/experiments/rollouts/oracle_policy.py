"""The scripted oracle in the place of a policy: the reference that learned ones are held to."""

import time

import numpy as np
import torch

from equigrasp.environments.oracle import Oracle
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.geometry.angles import angle_to_bin
from equigrasp.learning.grasping.grasp_step import encode_grasp
from equigrasp.learning.interfaces import Context, Decision, EmptyWorkspaceError, Probe
from equigrasp.perception.observation import Observation


class OraclePolicy:
    """Chooses by script, from the heightmap and the true places of the objects."""

    version = 0

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[PlanarGrasp]:
        """Choose the best grasp, after failures the next best; see `Policy.choose`."""
        began = time.perf_counter()
        try:
            grasp = self._oracle.choose(observation, len(context.history))
        except PerceptionError as error:
            raise EmptyWorkspaceError(str(error)) from error
        row, col = observation.workspace.xy_to_pixel(grasp.x, grasp.y)
        rotation_bin = angle_to_bin(grasp.theta, self._oracle.config.num_rotations)
        return Decision(
            action=grasp,
            encoded=encode_grasp(PixelGrasp(row, col, rotation_bin)),
            value=float("nan"),
            decision_time=time.perf_counter() - began,
        )

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over nothing: a script does not learn."""

    def probe(self) -> Probe:
        """Return nothing: a script has no weights."""
        return Probe()
