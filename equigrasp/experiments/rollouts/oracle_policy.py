"""The scripted oracle in the place of a policy: the reference that learned ones are held to."""

import itertools
import time

import numpy as np
import torch

from equigrasp.environments.oracle import Oracle
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.geometry.angles import angle_to_bin
from equigrasp.learning.grasping.grasp_step import encode_grasp
from equigrasp.learning.interfaces import Attempt, Context, Decision, EmptyWorkspaceError, Probe
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

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[PlanarGrasp]:
        """Choose the best grasp, after failures the next best; see `Policy.choose`."""
        began = time.perf_counter()
        try:
            grasp = self._next(observation, context.history)
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

    def _next(self, observation: Observation, history: tuple[Attempt, ...]) -> PlanarGrasp:
        name = observation.workspace.name
        here = itertools.takewhile(lambda a: a.workspace in (name, ""), reversed(history))
        tries = sum(1 for _ in here)
        choices = self._oracle.choices(observation, tries + 1)
        if tries >= _MAX_TRIES or tries >= max(_MIN_TRIES, len(choices)):
            raise PerceptionError(f"After {tries} tries nothing is left in workspace '{name}'.")
        return choices[tries % len(choices)]

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over nothing: a script does not learn."""

    def probe(self) -> Probe:
        """Return nothing: a script has no weights."""
        return Probe()
