"""Labels that a heuristic gives to grasps, by the heightmap alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from equigrasp.environments.oracle import Oracle, OracleConfig
from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.learning.grasping.grasp_step import decode_grasp
from equigrasp.learning.interfaces import Attempt, Context, Policy
from equigrasp.perception.observation import Observation

_NUM_OWN = 4  # grasps of a scene that the policy itself would try, more and more at random
_NUM_DRAWS = 200  # random grasps that are rated in a scene, at most
_NUM_GOOD, _NUM_BAD = 4, 3  # of them kept; each good one also with another yaw that is bad
_GOOD_SCORE, _BAD_SCORE = 1.5, 0.5  # what lies between them gets no label


@dataclass(frozen=True)
class Label:
    """A grasp and the heuristic's verdict."""

    pixel: PixelGrasp
    is_good: bool


class ScriptedLabels:
    """Labels grasps by what the heightmap shows between and under the fingers.

    Half are random grasps. The others are what the policy itself would choose: among thousands of
    pixels it finds those of which it wrongly thinks well, and random ones hardly ever are among these.
    The height rule is the policy's; see `Oracle` for what a good grasp is.

    Args:
        method: A configuration with `acting` and `network.num_rotations`.
        policy: Chooses the grasps.
    """

    def __init__(self, method: Any, policy: Policy[PlanarGrasp]) -> None:
        acting = method.acting
        self._num_rotations = int(method.network.num_rotations)
        self._policy = policy
        self._script = Oracle(
            OracleConfig(
                num_rotations=self._num_rotations,
                finger_depth=acting.finger_depth,
                edge_depth=acting.edge_depth,
                wall_depth=acting.wall_depth,
                width=acting.width,
                lowest=0.01,  # as the policy's height rule
            )
        )

    def draw(
        self, observation: Observation, seen: Observation, rng: np.random.Generator
    ) -> list[Label]:
        """Return labels of a scene: first of the policy's choices, the surest first, then of random grasps.

        Args:
            observation: The scene as it is, by which the heuristic judges.
            seen: The same as a camera sees it, by which the policy chooses.
            rng: All randomness.
        """
        return self._draw_own(observation, seen, rng) + self._draw_random(observation, rng)

    def _draw_own(
        self, observation: Observation, seen: Observation, rng: np.random.Generator
    ) -> list[Label]:
        """Label 4 choices of the policy, and where one is not good another yaw there that is.

        Where the heuristic is not sure, a choice counts as bad: there are better ones.
        """
        labels: list[Label] = []
        history: tuple[Attempt, ...] = ()
        for _ in range(_NUM_OWN):
            decision = self._policy.choose(seen, Context("greedy", history), rng)
            history = (*history, decision.tried(seen.workspace.name))
            pixel = decode_grasp(decision.encoded)
            is_good = self._judge(observation, pixel) is True
            labels.append(Label(pixel, is_good))
            others = [] if is_good else self._other_yaws(pixel)
            better = [p for p in others if self._judge(observation, p)]
            if better:
                labels.append(Label(better[int(rng.integers(len(better)))], True))
        return labels

    def _draw_random(self, observation: Observation, rng: np.random.Generator) -> list[Label]:
        """Return up to 4 good ones, the same pixels with a bad yaw, and 3 bad ones."""
        labels: list[Label] = []
        num_good = num_bad = 0
        for _ in range(_NUM_DRAWS):
            if num_good == _NUM_GOOD and num_bad == _NUM_BAD:
                break
            pixel = decode_grasp(self._policy.choose(observation, Context("random"), rng).encoded)
            is_good = self._judge(observation, pixel)
            if is_good and num_good < _NUM_GOOD:
                num_good += 1
                labels.append(Label(pixel, True))
                others = self._other_yaws(pixel)
                other = others[int(rng.integers(len(others)))]
                if self._judge(observation, other) is False:
                    labels.append(Label(other, False))
            elif is_good is False and num_bad < _NUM_BAD:
                num_bad += 1
                labels.append(Label(pixel, False))
        return labels

    def _other_yaws(self, pixel: PixelGrasp) -> list[PixelGrasp]:
        bins = (b for b in range(self._num_rotations) if b != pixel.rotation_bin)
        return [PixelGrasp(pixel.row, pixel.col, b) for b in bins]

    def _judge(self, observation: Observation, pixel: PixelGrasp) -> bool | None:
        """Tell whether a grasp is good; None where the heuristic is not sure."""
        score = self._script.rate(observation, pixel.row, pixel.col, pixel.rotation_bin)
        if score is None or score < _BAD_SCORE:
            return False
        return True if score > _GOOD_SCORE else None
