"""What every method offers to actors and learners; imports no PyTorch, which the executor does without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.geometry.actions import Push
from equigrasp.perception.observation import Observation
from equigrasp.replay.step import Step
from equigrasp.replay.step_record import Extras

if TYPE_CHECKING:
    import torch

    from equigrasp.learning.target_networks import TargetNetworks
    from equigrasp.learning.weight_store import WeightFile

Mode = Literal["random", "train", "greedy"]
Q_MAP = "q_map"  # view: values of the pixels of the action square, (A, A)
ROTATION_VALUES = "rotation_values"  # view: values of the yaws at the chosen pixel, (n,)
PUSH_MAP = (
    "push_map"  # view: best push from each pixel of the action square, (A, A); NaN: none may begin
)
CROP = (
    "crop"  # view: heights about the TCP that the networks saw, (C, C) [m]; or a picture (C, C, 3)
)
CEM_SAMPLES = (  # view: actions of the last batch of the search, and their values:
    "cem_samples"  # dx, dy, dz [m], dpsi [rad], gripper command, is final, value, (N, 7)
)

A_co = TypeVar("A_co", covariant=True)  # an action, given out
B_co = TypeVar("B_co", covariant=True)  # a minibatch, given out
B_contra = TypeVar("B_contra", contravariant=True)  # a minibatch, taken in


class EmptyWorkspaceError(PerceptionError):
    """Nothing rises above the floor: there is nothing to grasp."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """An action that was chosen, as the method encodes it, and what came of it.

    Args:
        workspace: Name of the workspace that it was chosen for; empty: not known.
        action: Named arrays; empty: not known.
        reward: Of it; 0 for an action that was refused.
        is_by_rule: Whether a rule chose it, see `Decision`.
    """

    workspace: str
    action: Mapping[str, np.ndarray]
    reward: float
    is_by_rule: bool = False


@dataclass(frozen=True)
class PushLimits:
    """How long to push before a grasp.

    Args:
        num_pushes: For the present target so far.
        max_pushes: After so many a grasp is chosen whatever its score.
        score_threshold: A grasp with a higher score is chosen, 0 to 1; None: as the weights say.

    Raises:
        ConfigError: if a number is out of its range.
    """

    num_pushes: int
    max_pushes: int
    score_threshold: float | None = None

    def __post_init__(self) -> None:
        threshold = self.score_threshold
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise ConfigError(f"score_threshold must be in [0, 1], found {threshold}.")
        for key in ("num_pushes", "max_pushes"):
            if getattr(self, key) < 0:
                raise ConfigError(f"{key} must not be negative, found {getattr(self, key)}.")


@dataclass(frozen=True, eq=False)
class Context:
    """What a policy is told beside the observation.

    Args:
        mode: `random`, `train` (explores) or `greedy`.
        history: Attempts since the last success, newest last.
        push_limits: Of methods that push a target free; None: as method and history say.
        idle_pushes: Pushes that moved nothing, the scene being as it is: none like them is chosen.
    """

    mode: Mode
    history: tuple[Attempt, ...] = ()
    push_limits: PushLimits | None = None
    idle_pushes: tuple[Push, ...] = ()


@dataclass(frozen=True, eq=False)
class Decision(Generic[A_co]):
    """A chosen action and what it was chosen from.

    Args:
        action: In the base frame.
        encoded: The action as the method's steps hold it, by name.
        value: Predicted return, for single grasps the probability of success; NaN for a random choice.
        views: What the choice was made from, by name, for pictures.
        policy_version: Version of the weights that chose.
        decision_time: From observation to action [s, wall clock].
        goal: What it aims at, as `Observation.goal`, where the observation named nothing.
        is_by_rule: Whether a rule beside the method chose it, such as a push that frees an object: it is
            carried out, but is no attempt, and nothing is learned from it.
    """

    action: A_co
    encoded: Mapping[str, np.ndarray]
    value: float
    views: Mapping[str, np.ndarray] = field(default_factory=dict)
    policy_version: int = 0
    decision_time: float = 0.0
    goal: Mapping[str, np.ndarray] = field(default_factory=dict)
    is_by_rule: bool = False

    def aimed(self, observation: Observation) -> Observation:
        """Return the observation that it was chosen on, with what it aims at as the goal."""
        return replace(observation, goal={**self.goal, **observation.goal})

    def tried(self, workspace: str, reward: float = 0.0) -> Attempt:
        """Return the attempt that this was, in the workspace of a name; refused or failed: reward 0."""
        return Attempt(workspace, self.encoded, reward, self.is_by_rule)


@dataclass(frozen=True)
class Probe:
    """What a policy says of a fixed scene, to see whether weights mean the same elsewhere.

    Args:
        answers: Some of its values there, to four digits; empty: it has none.
        symmetry_error: How much its values change with a turn of the scene beyond that turn; None:
            the policy claims no symmetry.
    """

    answers: tuple[float, ...] = ()
    symmetry_error: float | None = None


class Policy(Protocol[A_co]):
    """Maps an observation to an action; it keeps nothing but its weights from choice to choice."""

    version: int

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[A_co]:
        """Choose an action; the same arguments and weights give the same choice.

        Raises:
            EmptyWorkspaceError: if there is nothing to act on.
        """
        ...

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Take over weights between two choices; `WeightsError` leaves the old ones in place."""
        ...

    def probe(self) -> Probe:
        """Return what the present weights say of a fixed scene."""
        ...


class BatchSource(Protocol[B_co]):
    """Keeps a run's steps and draws minibatches from them."""

    @property
    def num_bytes(self) -> int:
        """Memory of what is kept [bytes]."""
        ...

    def add(self, step: Step) -> None:
        """Take in a step; those of a run come in order, without gaps."""
        ...

    def sample(self, newest: int, sgd_step: int) -> B_co:
        """Draw a minibatch.

        Args:
            newest: Index of the newest step that it may hold.
            sgd_step: Number of the SGD step that it is for. All randomness comes from this and the
                run's seed: asked again, the answer is the same.
        """
        ...


class Learner(Protocol[B_contra]):
    """Maps batches to weights."""

    modules: dict[str, torch.nn.Module]
    optimizer: torch.optim.Optimizer

    def train_step(self, batch: B_contra, seed: int) -> Mapping[str, float]:
        """Take one SGD step and return its metrics; all its randomness comes from `seed`."""
        ...


@runtime_checkable
class TargetLearner(Learner[B_contra], Protocol[B_contra]):
    """A learner with slow copies of its networks, which it updates itself: their average acts."""

    targets: TargetNetworks


@dataclass(frozen=True)
class StepReport:
    """What one SGD step did.

    Args:
        step: Its number, from 0.
        attempt: Index of the logged step that called for it.
        losses: What the learner returned, by name.
        sgd_time: Its duration [s, wall clock].
    """

    step: int
    attempt: int
    losses: Mapping[str, float]
    sgd_time: float


class Trainer(Protocol):
    """Takes in steps, learns from them, and gives out weights; one for each run folder."""

    @property
    def num_attempts(self) -> int:
        """Steps on disk; the next one has this index."""
        ...

    @property
    def next_episode(self) -> int:
        """Number of the episode that the next step belongs to, if none was left in its middle."""
        ...

    @property
    def new_episode(self) -> int:
        """Number of an episode that begins now; one that was left in its middle stays as it is."""
        ...

    @property
    def num_successes(self) -> int:
        """Steps on disk with the largest reward of the method."""
        ...

    @property
    def num_steps(self) -> int:
        """SGD steps taken; the version of the weights."""
        ...

    @property
    def num_pending_steps(self) -> int:
        """SGD steps that the steps on disk still call for."""
        ...

    @property
    def num_learned_attempts(self) -> int:
        """Steps on disk that call for no SGD step which is not yet taken."""
        ...

    @property
    def num_bytes(self) -> int:
        """Memory of the replay [bytes]."""
        ...

    def add(self, step: Step, extras: Extras) -> bool:
        """Write a step to disk and take it in; False if it is there already.

        Raises:
            LogFullError: if the disk is full; nothing changed.
            ReplayError: if a step before this one is missing, or this is not a step of the method.
        """
        ...

    def follow(self) -> None:
        """Take in the steps that another process has written since the last look."""
        ...

    def train_pending(self, max_steps: int) -> list[StepReport]:
        """Take up to `max_steps` of the pending SGD steps and report on each."""
        ...

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the weights to act by."""
        ...

    def publish(self) -> WeightFile:
        """Write `weights()` as a file of the version `num_steps`."""
        ...

    def save_checkpoint(self) -> None:
        """Write what is needed to go on, whole or not at all."""
        ...

    def close(self, *, is_sound: bool = True) -> None:
        """Save a checkpoint and let go of the files; may be called twice.

        Args:
            is_sound: Whether the weights hold; after an SGD step that failed half-way, only what is on
                disk does.
        """
        ...
