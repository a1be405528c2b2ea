"""Grasp Imagination: pushes are rewarded by grasps that are tried and undone (paper, section III-C)."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from equigrasp.experiments.push_grasp.grasp_labels import targets_of
from equigrasp.experiments.push_grasp.push_reward import Outcome, lost_reward, push_reward
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.geometry.actions import PixelGrasp, PixelPush, Push
from equigrasp.methods.push_grasp.config import TrainingConfig
from equigrasp.methods.push_grasp.decision_step import encode, encode_action
from equigrasp.methods.push_grasp.policy import PushGraspPolicy
from equigrasp.perception.observation import LABELS, TARGET, Observation
from equigrasp.perception.scene_change import idle_after
from equigrasp.perception.segmentation import LOST_PX


@dataclass(frozen=True, eq=False)
class ImaginedStep:
    """A decision and what came of it, as `decision_step` encodes them."""

    observation: Mapping[str, np.ndarray]
    action: Mapping[str, np.ndarray]
    reward: float


@dataclass(frozen=True, eq=False)
class _Look:
    """A kept state: its handle, what is seen, the best grasp there, and what came of it."""

    state: int
    observation: Observation
    grasp: PixelGrasp
    score: float
    is_held: bool

    @property
    def outcome(self) -> Outcome:
        """What rewards compare."""
        return Outcome(self.observation, self.score, self.is_held)


class GraspImagination:
    """Frees each object of a scene by pushes, as far as its best grasp does not hold it at once.

    Args:
        trials: Carries out pushes and grasps from kept states.
        policy: Chooses both.
        max_pushes: For a target.
        training: What pushes are rewarded for.
        judge: Whose scores rewards compare; None: the policy's.
    """

    def __init__(
        self,
        trials: Trials,
        policy: PushGraspPolicy,
        max_pushes: int,
        training: TrainingConfig,
        judge: PushGraspPolicy | None = None,
    ) -> None:
        self._trials, self._policy, self._judge = trials, policy, judge
        self._max_pushes = max_pushes
        self._reward = training.reward

    def run(self, epsilon: float, rng: np.random.Generator) -> list[ImaginedStep]:
        """Take every target of the present scene in turn, each from the scene as it is.

        Args:
            epsilon: Share of pushes that are random.
            rng: Draws them.
        """
        steps: list[ImaginedStep] = []
        with self._trials.kept() as start:
            observation, handles = self._trials.look()
            for label in targets_of(observation):
                steps += self._free(start, observation, label, handles[label], epsilon, rng)
        return steps

    def _free(
        self,
        start: int,
        observation: Observation,
        label: int,
        handle: int,
        epsilon: float,
        rng: np.random.Generator,
    ) -> list[ImaginedStep]:
        with contextlib.ExitStack() as states:
            before = self._imagine(start, observation, label, handle)
            steps = [_step(before, before.grasp, float(before.is_held))]
            idle: tuple[Push, ...] = ()
            for _ in range(self._max_pushes):
                seen_before, rule = before.observation, self._policy.push_rule
                push = None if before.is_held else self._choose(seen_before, epsilon, idle, rng)
                if push is None or not self._trials.push(before.state, seen_before, push, rule):
                    break
                seen, _ = self._trials.look()
                done = rule.push(seen_before.heightmap, push, self._trials.workspace)
                idle = idle_after(
                    idle, done, seen_before.heightmap, seen.heightmap, self._trials.workspace
                )
                if label not in targets_of(seen, LOST_PX):
                    steps.append(_step(before, push, lost_reward(self._reward)))
                    break
                state = states.enter_context(self._trials.kept())
                after = self._imagine(state, seen, label, handle)
                # Both scores by the same weights, each in its own state.
                reward = push_reward(self._reward, before.outcome, after.outcome)
                steps.append(_step(before, push, reward))
                steps.append(_step(after, after.grasp, float(after.is_held)))
                before = after
        return steps

    def _imagine(self, state: int, observation: Observation, label: int, handle: int) -> _Look:
        """Try the best grasp on a target from a kept state."""
        goal = {TARGET: observation.arrays[LABELS] == label}
        aimed = replace(observation, goal=goal)
        rated = self._policy.rate(aimed, goal[TARGET])
        best, score = rated.grasps[0], float(rated.scores[0])
        if self._judge is not None:
            score = self._judge.score(aimed, goal[TARGET], best)
        outcome = self._trials.grasp(state, aimed, best, handle)
        return _Look(state, aimed, best, score, outcome.is_target_held)

    def _choose(
        self,
        observation: Observation,
        epsilon: float,
        idle: tuple[Push, ...],
        rng: np.random.Generator,
    ) -> PixelPush | None:
        target = observation.goal[TARGET]
        if rng.random() < epsilon:
            return self._policy.random_push(observation, target, rng)
        return self._policy.choose_push(observation, target, idle)


def _step(look: _Look, action: PixelGrasp | PixelPush, reward: float) -> ImaginedStep:
    return ImaginedStep(encode(look.observation), encode_action(action), reward)
