"""A script in the place of a policy of the closed loop: a reference, and a source of first experience."""

import time

import numpy as np
import torch

from equigrasp.environments.servo_script import ServoScript
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import Context, Decision, Probe
from equigrasp.perception.observation import Observation


class ScriptPolicy:
    """Chooses by script.

    Its decisions hold no encoded action: who logs them encodes asked and executed step as the method does.

    Args:
        script: Chooses.
    """

    version = 0

    def __init__(self, script: ServoScript) -> None:
        self._script = script

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[GripperStep]:
        """Choose a step; see `Policy.choose`."""
        began = time.perf_counter()
        step = self._script.choose(observation, rng)
        return Decision(step, {}, float("nan"), decision_time=time.perf_counter() - began)

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over nothing: a script does not learn."""

    def probe(self) -> Probe:
        """Return nothing: a script has no weights."""
        return Probe()
