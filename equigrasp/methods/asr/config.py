"""Configuration of the method; sources of the defaults: paper, table 4, and the asr page."""

from dataclasses import dataclass, field

from equigrasp.errors import ConfigError


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of q1 and q2.

    Args:
        q1_fields: Regular fields of the U-Net's scales, fine to coarse.
        q2_fields: Regular fields of the encoder's stages.
        q2_kernel_sizes: Kernel sizes of the encoder's residual blocks.
        is_stem_pooled: Leave the blocks at full resolution out of both networks.
        num_rotations: Yaw bins in [0, pi).
        input_scale: Heights are multiplied by it before the first layer [1/m].
    """

    q1_fields: tuple[int, ...] = (16, 32, 64, 128, 128)
    q2_fields: tuple[int, int, int, int] = (8, 16, 32, 64)
    q2_kernel_sizes: tuple[int, int, int] = (5, 3, 3)
    is_stem_pooled: bool = False
    num_rotations: int = 8
    input_scale: float = 1.0

    def __post_init__(self) -> None:
        if len(self.q1_fields) < 2 or min(self.q1_fields + self.q2_fields) < 1:
            raise ConfigError("q1_fields needs two or more entries; all fields at least 1.")
        if self.num_rotations < 2 or self.num_rotations % 2:
            raise ConfigError(f"num_rotations must be even, found {self.num_rotations}.")
        if self.input_scale <= 0:
            raise ConfigError(f"input_scale must be positive, found {self.input_scale}.")


@dataclass(frozen=True)
class ActingConfig:
    """How grasps are chosen.

    Args:
        train_temperature: Boltzmann temperature while learning.
        greedy_temperature: Boltzmann temperature of frozen weights.
        temperature_per_failure: Added to the greedy temperature for each failure in a row.
        num_random_attempts: Attempts at the start of a run that are random.
        height_threshold: Pixels higher than this belong to objects [m].
        mask_radius_px: Grasps may be this far from an object pixel.
        min_object_pixels: A workspace with fewer object pixels is empty.
        finger_depth: How far the pads reach over an object's top [m].
        edge_depth: How far opened fingertips may go below objects under them [m].
        wall_depth: How far they may go below the top of a tray wall [m].
        width: Finger opening before a grasp [m].
    """

    train_temperature: float = 0.01
    greedy_temperature: float = 0.002
    temperature_per_failure: float = 0.01
    num_random_attempts: int = 20
    height_threshold: float = 0.005
    mask_radius_px: int = 4
    min_object_pixels: int = 20
    finger_depth: float = 0.04
    edge_depth: float = 0.03
    wall_depth: float = 0.008
    width: float = 0.085

    def __post_init__(self) -> None:
        if self.train_temperature <= 0 or self.greedy_temperature <= 0:
            raise ConfigError("Temperatures must be positive.")


@dataclass(frozen=True)
class TrainingConfig:
    """How weights are learned.

    Args:
        learning_rate: Of Adam.
        weight_decay: Of Adam.
        batch_size: Attempts a minibatch.
        steps_per_attempt: SGD steps that each attempt calls for (samples per insert).
        first_training_attempt: Attempts on disk before the first SGD step.
        num_copies: Augmented copies of each attempt; 0: none.
        num_failure_slots: Batch slots given to the newest attempt if it failed.
        num_off_policy_pixels: k of the loss L1''; 0: no such term.
        off_policy_temperature: Temperature at which these pixels are drawn.
        gradient_clip: Element-wise bound on gradients.
        buffer_capacity: Attempts in the replay buffer; 33 kB each.
        num_threads: CPU threads of a step; part of what makes runs repeatable.
        checkpoint_every: SGD steps between checkpoints.
    """

    learning_rate: float = 1e-4
    weight_decay: float = 1e-5
    batch_size: int = 8
    steps_per_attempt: int = 1
    first_training_attempt: int = 20
    num_copies: int = 8
    num_failure_slots: int = 4
    num_off_policy_pixels: int = 10
    off_policy_temperature: float = 1.0
    gradient_clip: float = 1.0
    buffer_capacity: int = 4000
    num_threads: int = 1
    checkpoint_every: int = 10

    def __post_init__(self) -> None:
        for key in ("learning_rate", "off_policy_temperature", "gradient_clip"):
            if getattr(self, key) <= 0:
                raise ConfigError(f"{key} must be positive, found {getattr(self, key)}.")
        for key in ("batch_size", "first_training_attempt", "num_threads", "checkpoint_every"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")
        if not 0 <= self.num_failure_slots <= self.batch_size:
            raise ConfigError("num_failure_slots must be in [0, batch_size].")


@dataclass(frozen=True)
class AsrConfig:
    """The whole method; `method` names the package."""

    method: str = "asr"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    acting: ActingConfig = field(default_factory=ActingConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
