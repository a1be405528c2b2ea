"""The scripted oracle in the place of a policy: the reference that learned ones are held to."""

import time

import numpy as np
import torch

from equigrasp.environments.oracle import Oracle
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.learning.interfaces import Decision, EmptyWorkspaceError, Mode
from equigrasp.perception.observation import Observation

_MIN_TRIES = 20  # failures and refusals in a row in one tray, after which it may be left …
_MAX_TRIES = 40  # … and after which it is left, before the loop says that the cell is at fault


class OraclePolicy:
    """Chooses by script, from the heightmap and perhaps the true places of the objects.

    What fails or is refused gives way to the next grasp, so to the next object. A tray in which nothing
    is left to try counts as empty: the loop goes on with the other one.
    """

    version = 0

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._tray = ""
        self._first = self._last = 0  # failures in a row when it came to the tray, and now

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
            grasp = self._next(observation, num_consecutive_failures)
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

    def _next(self, observation: Observation, failures: int) -> PlanarGrasp:
        name = observation.workspace.name
        if failures < self._last:
            self._first = 0
        elif name != self._tray:
            self._first = failures
        self._tray, self._last = name, failures
        tries = failures - self._first
        choices = self._oracle.choices(observation, tries + 1)
        if tries >= _MAX_TRIES or tries >= max(_MIN_TRIES, len(choices)):
            raise PerceptionError(f"After {tries} tries nothing is left in workspace '{name}'.")
        return choices[tries % len(choices)]

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over nothing: a script does not learn."""
