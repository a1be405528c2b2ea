"""The loop in which a policy acts: observe, choose, act, and what follows from refusals and failures."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from equigrasp.environments.environment import Environment, StepResult
from equigrasp.errors import DeviceError, PlanningError
from equigrasp.learning.history import last_failures
from equigrasp.learning.interfaces import (
    Attempt,
    Context,
    Decision,
    EmptyWorkspaceError,
    Mode,
    Policy,
)
from equigrasp.perception.observation import Observation
from equigrasp.seeding import SceneStream, derive_seed

A = TypeVar("A")


@dataclass(frozen=True)
class Rules:
    """What follows from refusals and failures.

    Args:
        max_refusals: Refusals in a row, after which the cell is at fault, or one action is random.
        is_episodic: Whether a reset draws a new scene: failures before it are forgotten, it may follow
            any number of times, and it helps an arm that cannot go home.
        told_modes: Modes in which a policy is told of failures; of refusals it always is.
        counts_all_refusals: Whether seeds count the refusals of the whole run, or those of an attempt.
        goes_random: Whether actions are random after `max_refusals`.
    """

    max_refusals: int
    is_episodic: bool
    told_modes: tuple[Mode, ...] = ("random", "train", "greedy")
    counts_all_refusals: bool = False
    goes_random: bool = False


TWO_TRAYS = Rules(max_refusals=100, is_episodic=False, counts_all_refusals=True)
# The published validation does not vary what failed; while learning the method may.
EPISODES = Rules(max_refusals=20, is_episodic=True, told_modes=("train",), goes_random=True)


@dataclass(frozen=True, eq=False)
class LoopStep(Generic[A]):
    """An action that was carried out, what it was chosen from, and what came of it."""

    observation: Observation
    decision: Decision[A]
    result: StepResult


class Loop(Generic[A]):
    """Attempts of a policy in an environment.

    Args:
        environment: Carries out.
        policy: Chooses.
        rules: What follows from refusals and failures.
        seed: Of choices.
        failures: In a row, of before.

    Attributes:
        num_refused: Actions that were refused so far; they are not attempts.
        num_by_rule: Actions by rule that were carried out so far (`Decision.is_by_rule`); they are none either.
        num_resets: Times that the environment began anew.
        failures: Episodes in a row that ended without reward; a single grasp is one.
    """

    def __init__(
        self,
        environment: Environment[A],
        policy: Policy[A],
        rules: Rules,
        seed: int,
        failures: int = 0,
    ) -> None:
        self._environment, self._policy = environment, policy
        self._rules, self._seed = rules, seed
        self._choices: tuple[Attempt, ...] = ()
        self.num_refused, self.num_by_rule, self.failures = 0, 0, failures
        self.num_resets = 0

    def attempt(self, number: int, mode: Mode) -> LoopStep[A]:
        """Observe, choose and act, until an action of the policy's method is carried out.

        Raises:
            EmptyWorkspaceError: if there is nothing to act on, after a reset too.
            PlanningError: if one action after the other is refused.
        """
        rules, refusals, is_reset = self._rules, 0, False
        while True:
            if self._environment.is_over:
                self._reset()
            counted = self.num_refused if rules.counts_all_refusals else refusals
            rng = np.random.default_rng(
                derive_seed(self._seed, SceneStream.CHOICES, number, counted)
            )
            is_random = rules.goes_random and refusals >= rules.max_refusals
            told = self.failures if mode in rules.told_modes else 0
            history = last_failures(self._choices, refusals + told)
            context = Context("random" if is_random else mode, history)
            is_by_rule = False
            try:
                observation = self._environment.observe()
                decision = self._policy.choose(observation, context, rng)
                is_by_rule = decision.is_by_rule
                self._choices = (*history, decision.tried(observation.workspace.name))
                result = self._environment.step(decision.action)
            except EmptyWorkspaceError:
                if is_reset and not rules.is_episodic:
                    raise
                self._reset()
                is_reset = True
                continue
            except (PlanningError, DeviceError) as error:
                self.num_refused += 1
                refusals += not is_by_rule
                if refusals == rules.max_refusals and not rules.goes_random:
                    raise PlanningError(
                        f"{refusals} actions in a row were refused, the last one because: {error} "
                        "Can the arm reach into its trays?"
                    ) from error
                self._recover()
                continue
            if is_by_rule:
                self.num_by_rule += 1
                continue
            if result.is_last:
                self.failures = 0 if result.reward > 0.0 else self.failures + 1
            return LoopStep(observation, decision, result)

    def _reset(self) -> None:
        self._environment.reset()
        self.num_resets += 1
        if self._rules.is_episodic:
            self.failures = 0

    def _recover(self) -> None:
        try:
            self._environment.recover()
        except (PlanningError, DeviceError):
            if not self._rules.is_episodic:
                raise
            self._reset()
