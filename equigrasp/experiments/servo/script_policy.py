"""A script in the place of a policy of the closed loop: a reference, and a source of first experience."""

import time
from collections.abc import Callable

import numpy as np
import torch

from equigrasp.environments.servo_script import ServoScript
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import Context, Decision, Probe
from equigrasp.perception.observation import Observation
from equigrasp.replay.step import Arrays


class ScriptPolicy:
    """Chooses by script.

    Args:
        script: Chooses.
        encode: Returns a step as the method encodes it, by what it was chosen on; None: nobody logs it.
    """

    version = 0

    def __init__(
        self,
        script: ServoScript,
        encode: Callable[[Observation, GripperStep], Arrays] | None = None,
    ) -> None:
        self._script, self._encode = script, encode

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[GripperStep]:
        """Choose a step; see `Policy.choose`."""
        began = time.perf_counter()
        step = self._script.choose(observation, rng)
        encoded = self._encode(observation, step) if self._encode else {}
        return Decision(step, encoded, float("nan"), decision_time=time.perf_counter() - began)

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over nothing: a script does not learn."""

    def probe(self) -> Probe:
        """Return nothing: a script has no weights."""
        return Probe()
