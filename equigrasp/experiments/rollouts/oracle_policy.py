"""The scripted oracle in the place of a policy: the reference that learned ones are held to."""

import time

import numpy as np
import torch

from equigrasp.environments.oracle import Oracle
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelGrasp
from equigrasp.learning.interfaces import Decision, EmptyWorkspaceError, Mode
from equigrasp.perception.observation import Observation


class OraclePolicy:
    """Chooses by script, from the heightmap and the true places of the objects."""

    version = 0

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def choose(
        self,
        observation: Observation,
        rng: np.random.Generator,
        mode: Mode,
        num_consecutive_failures: int = 0,
    ) -> Decision:
        """Choose the best grasp, after failures the next best; see `Policy.choose`."""
        began = time.perf_counter()
        try:
            grasp = self._oracle.choose(observation, num_consecutive_failures)
        except PerceptionError as error:
            raise EmptyWorkspaceError(str(error)) from error
        return Decision(
            grasp=grasp,
            pixel=PixelGrasp(0, 0, 0),
            q_value=float("nan"),
            q_map=np.zeros((1, 1), np.float32),
            rotation_values=np.zeros(1),
            policy_version=self.version,
            decision_time=time.perf_counter() - began,
        )

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over nothing: a script does not learn."""
