"""How grasps are chosen and weights are learned: what the configurations of all methods share.

Sources of the defaults: paper, table 4, and docs/methods/asr.md.
"""

from dataclasses import dataclass
from typing import Any, Literal

from equigrasp.errors import ConfigError


@dataclass(frozen=True)
class ActingConfig:
    """How grasps are chosen.

    Args:
        exploration: Exploration while learning; frozen weights always use Boltzmann.
        train_temperature: Boltzmann temperature while learning.
        train_temperature_per_failure: Added to it for each failure in a row.
        greedy_temperature: Boltzmann temperature of frozen weights.
        temperature_per_failure: Added to the greedy temperature for each failure in a row.
        epsilon_start: Epsilon-greedy: share of random grasps at first.
        epsilon_end: Share of random grasps at last (paper, section 6.1, "egreedy").
        epsilon_attempts: Attempts over which the share falls, linearly.
        num_random_attempts: Attempts at the start of a run that are random.
        height_threshold: Pixels higher than this belong to objects [m].
        mask_radius_px: Largest distance of a grasp from an object pixel.
        min_object_pixels: Number of object pixels below which a workspace is empty.
        finger_depth: Reach of the pads below an object's top [m].
        edge_depth: Largest depth of opened fingertips below the top of objects under them [m].
        wall_depth: Largest depth of the same below the top of a tray wall [m].
        width: Finger opening before a grasp, the largest [m].
        min_width: Smallest opening, used where fingers would come down on something (see
            `grasp_width`) [m]; 0: always `width`.
        script_weight: Weight of the heuristic's score (see `rate_grasps`), which is added to the value when
            pixel and yaw are chosen together among the best; 0: the networks choose alone, in turn.
        failure_penalty: Penalty on that value for each failure at the same place since the last success;
            fades within 20 mm.
    """

    exploration: Literal["boltzmann", "epsilon_greedy"] = "boltzmann"
    train_temperature: float = 0.01
    train_temperature_per_failure: float = 0.0
    greedy_temperature: float = 0.002
    temperature_per_failure: float = 0.01
    epsilon_start: float = 0.5
    epsilon_end: float = 0.1
    epsilon_attempts: int = 500
    num_random_attempts: int = 20
    height_threshold: float = 0.005
    mask_radius_px: int = 4
    min_object_pixels: int = 20
    finger_depth: float = 0.04
    edge_depth: float = 0.03
    wall_depth: float = 0.008
    width: float = 0.085
    min_width: float = 0.0
    script_weight: float = 0.0
    failure_penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.train_temperature <= 0 or self.greedy_temperature <= 0:
            raise ConfigError("Temperatures must be positive.")
        raises = "train_temperature_per_failure", "temperature_per_failure"
        check_bounds(self, at_least_0=(*raises, "script_weight", "failure_penalty"))
        if self.failure_penalty and not self.script_weight:
            raise ConfigError(
                f"failure_penalty {self.failure_penalty} needs a script_weight above 0: pixel and yaw"
                " chosen in turn know no penalty."
            )
        if not 0.0 <= self.epsilon_end <= self.epsilon_start <= 1.0:
            raise ConfigError(
                f"epsilon must fall within [0, 1], found epsilon_start {self.epsilon_start} "
                f"and epsilon_end {self.epsilon_end}."
            )
        if not 0.0 <= self.min_width <= self.width:
            raise ConfigError(
                f"min_width must be within [0, width], found {self.min_width} m and width"
                f" {self.width} m."
            )
        if self.epsilon_attempts < 1:
            raise ConfigError(
                f"epsilon_attempts must be at least 1, found {self.epsilon_attempts}."
            )


@dataclass(frozen=True)
class TrainerConfig:
    """How much is learned, and when: what a trainer of any method goes by.

    Args:
        steps_per_attempt: SGD steps that each logged step calls for (samples per insert).
        max_lag: Logged steps by which the learner may lag behind: a computer that cannot take all SGD
            steps while the arm moves leaves some out and learns from what is new; 0: it lags and takes
            them all.
        first_training_attempt: Logged steps on disk before the first SGD step.
        offline_steps: SGD steps on prior data alone, before any logged step.
        average_decay: Of the moving average of the weights over SGD steps, which then acts in their place;
            0: they act themselves.
        num_threads: CPU threads of an SGD step; part of what makes runs repeatable.
        checkpoint_every: SGD steps between checkpoints.
        first_weights: Weights that a run begins with if it names none: a name below models, or a
            safetensors file; empty: untrained.
    """

    steps_per_attempt: int = 1
    max_lag: int = 0
    first_training_attempt: int = 20
    offline_steps: int = 0
    average_decay: float = 0.0
    num_threads: int = 1
    checkpoint_every: int = 10
    first_weights: str = ""

    def __post_init__(self) -> None:
        counts = "steps_per_attempt", "first_training_attempt", "num_threads", "checkpoint_every"
        check_bounds(self, at_least_1=counts, at_least_0=("max_lag", "offline_steps"))
        if not 0.0 <= self.average_decay < 1.0:
            raise ConfigError(f"average_decay must be in [0, 1), found {self.average_decay}.")


@dataclass(frozen=True)
class TrainingConfig(TrainerConfig):
    """How weights are learned from single grasps.

    Args:
        learning_rate: Of Adam.
        weight_decay: Of Adam.
        batch_size: Attempts a minibatch.
        num_copies: Augmented copies of each attempt in the buffer; 0: none.
        num_views: Fresh augmentations of each sampled attempt; 0: none, 1: RAD, 2: DrQ, whose
            targets and losses are means over them (docs/methods/asr_configurations.md).
        num_failure_slots: Batch slots given to the newest attempt if it failed.
        gradient_clip: Element-wise bound on gradients.
        buffer_capacity: Attempts in the replay buffer; 33 kB each.
        prior_labels: Grasps labelled by a heuristic, from which a part of each minibatch is drawn: a
            name below models, or a file that ends in .labels.npz; empty: none.
        num_prior_slots: Batch slots given to them.
    """

    learning_rate: float = 1e-4
    weight_decay: float = 1e-5
    batch_size: int = 8
    num_copies: int = 8
    num_views: int = 0
    num_failure_slots: int = 4
    gradient_clip: float = 1.0
    buffer_capacity: int = 4000
    prior_labels: str = ""
    num_prior_slots: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(
            self,
            positive=("learning_rate", "gradient_clip"),
            at_least_1=("batch_size", "buffer_capacity"),
            at_least_0=("num_copies", "num_views", "num_prior_slots"),
        )
        if not 0 <= self.num_failure_slots <= self.batch_size:
            raise ConfigError(
                f"num_failure_slots must be in [0, batch_size {self.batch_size}], "
                f"found {self.num_failure_slots}."
            )
        if self.num_own_slots < max(1, self.num_failure_slots):
            raise ConfigError(
                f"num_prior_slots {self.num_prior_slots} leaves {self.num_own_slots} slots of batch_size "
                f"{self.batch_size} to attempts; they need 1 at least, and num_failure_slots "
                f"{self.num_failure_slots}."
            )

    @property
    def num_own_slots(self) -> int:
        """Batch slots given to the run's own attempts."""
        return self.batch_size - (self.num_prior_slots if self.prior_labels else 0)


def check_bounds(
    config: object,
    positive: tuple[str, ...] = (),
    at_least_1: tuple[str, ...] = (),
    at_least_0: tuple[str, ...] = (),
) -> None:
    """Raise `ConfigError`, which names key and value, where a number is out of its bounds."""
    rules = [(k, getattr(config, k) > 0, "positive") for k in positive]
    rules += [(k, getattr(config, k) >= 1, "at least 1") for k in at_least_1]
    rules += [(k, getattr(config, k) >= 0, "at least 0") for k in at_least_0]
    for key, is_valid, bound in rules:
        if not is_valid:
            raise ConfigError(f"{key} must be {bound}, found {getattr(config, key)}.")


def num_random_attempts(config: Any) -> int:
    """Return with how many random attempts runs of a method begin: 0 if its configuration says nothing."""
    acting = getattr(config, "acting", None)
    return int(getattr(acting, "num_random_attempts", 0))


def chooses_pixels(config: Any) -> bool:
    """Tell whether a method chooses grasps by pixel and yaw, as policies do that can be freed by pushes."""
    return isinstance(getattr(config, "acting", None), ActingConfig)
