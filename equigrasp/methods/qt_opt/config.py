"""Configuration of QT-Opt.

Sources of the defaults: Kalashnikov et al., 2018 (arXiv 1806.10293), and where it is silent or its scale out
of reach, the method's page.
"""

from dataclasses import dataclass, field
from typing import Literal

from equigrasp.errors import ConfigError
from equigrasp.learning.clipped_double_q import Heads, Target
from equigrasp.learning.cross_entropy_method import CemConfig
from equigrasp.learning.method_config import TrainerConfig, check_bounds
from equigrasp.learning.precision import Precision
from equigrasp.networks.gripper_frame_network import Merge

Frame = Literal["gripper", "base"]
Termination = Literal["learned", "scripted", "guarded"]


@dataclass(frozen=True)
class NetworkConfig:
    """What the Q-network sees, and its layers.

    Args:
        kind: `gripper_frame`: encodes the observation once; `published`: the paper's.
        observation: `heights` about the TCP, with their age, or a `color` picture.
        state: Of the gripper, what the network is told beside that: nothing (`image`), opening, closed and
            stalled (`image_status`), or height and share of steps left too (`full`). The published network
            knows of closed and height only.
        frame: Axes of heights and motions: those of the gripper, x along its opening, or of the base.
        symmetry: Of the gripper, two mirrors. `augment`: samples are mirrored at random; `network`: also
            values in targets and choices are means over the four images, so that a mirrored observation
            gives the mirrored action; `none`.
        merge: See `GripperFrameNetwork`; the published one merges in the middle.
        crop_px: Side of the square that the network sees, of heights or picture.
        crop_margin_px: Heights are stored with a border this wide, by which samples are shifted at random.
        pixel_size: Side of a cell of heights [m].
        camera_px: Rows and columns of a stored picture.
        is_distorted: Brightness, contrast and saturation of pictures are varied in samples.
        width: Channels; see the networks.
        hidden: Length of the vector, and units of the heads, of `gripper_frame`.
        heads: Of the ensemble of `gripper_frame`.
        pools: Of `published`; see `QtOptNetwork`.
        num_convolutions: Of `published`.
        norm_momentum: Of `published`: share by which a batch moves the statistics.
    """

    kind: Literal["gripper_frame", "published"] = "gripper_frame"
    observation: Literal["heights", "color"] = "heights"
    state: Literal["image", "image_status", "full"] = "full"
    frame: Frame = "gripper"
    symmetry: Literal["none", "augment", "network"] = "augment"
    merge: Merge = "late"
    crop_px: int = 32
    crop_margin_px: int = 2
    pixel_size: float = 0.0045
    camera_px: tuple[int, int] = (70, 87)
    is_distorted: bool = True
    width: int = 32
    hidden: int = 256
    heads: int = 2
    pools: tuple[int, int, int] = (3, 3, 2)
    num_convolutions: tuple[int, int, int] = (6, 6, 3)
    norm_momentum: float = 3e-4

    def __post_init__(self) -> None:
        check_bounds(
            self,
            positive=("pixel_size", "norm_momentum"),
            at_least_1=("crop_px", "width", "hidden", "heads"),
            at_least_0=("crop_margin_px",),
        )
        for key in ("camera_px", "pools", "num_convolutions"):
            if min(getattr(self, key)) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")
        if self.kind == "gripper_frame" and self.crop_px % 8:
            raise ConfigError(f"crop_px must be a multiple of 8, found {self.crop_px}.")
        if self.kind == "published" and (self.merge, self.heads) != ("middle", 1):
            raise ConfigError(
                "kind published has merge middle and heads 1, found merge "
                f"{self.merge} and heads {self.heads}."
            )
        if self.symmetry != "none" and (self.frame, self.observation) != ("gripper", "heights"):
            raise ConfigError(
                f"symmetry {self.symmetry} needs frame gripper and observation heights: elsewhere a mirror"
                f" shows another gripper; found frame {self.frame} and observation {self.observation}."
            )
        if self.observation == "color":
            if self.frame != "base":
                raise ConfigError(
                    f"observation color needs frame base: a picture does not turn, found {self.frame}."
                )
            if min(self.camera_px) < self.crop_px:
                raise ConfigError(
                    f"camera_px {self.camera_px} must not be below crop_px {self.crop_px}."
                )

    @property
    def stored_px(self) -> int:
        """Side of stored heights."""
        return self.crop_px + 2 * self.crop_margin_px


@dataclass(frozen=True)
class ActionConfig:
    """What a step may be, how an episode ends, and what it is worth.

    Args:
        largest_step: Of dx, dy, dz [m] and dpsi [rad].
        max_steps: Of an episode.
        termination: Whether the policy ends an episode when it wants (`learned`), only with closed fingers
            above `success_height` (`guarded`), or never: with closed fingers moving up above
            `scripted_height` it ends by rule (`scripted`), and no network is told of ends.
        success_height: Of the TCP above the floor, below which nothing counts as grasped [m].
        scripted_height: See `termination` [m].
        step_penalty: Of each step before the end.
        discount: Of the value of the next step.
    """

    largest_step: tuple[float, float, float, float] = (0.05, 0.05, 0.06, 0.8)
    max_steps: int = 10
    termination: Termination = "guarded"
    success_height: float = 0.10
    scripted_height: float = 0.13
    step_penalty: float = 0.02
    discount: float = 0.9

    def __post_init__(self) -> None:
        check_bounds(
            self,
            positive=("success_height", "scripted_height"),
            at_least_1=("max_steps",),
            at_least_0=("step_penalty",),
        )
        if min(self.largest_step) <= 0.0:
            raise ConfigError(f"largest_step must be positive, found {self.largest_step}.")
        if not 0.0 < self.discount <= 1.0:
            raise ConfigError(f"discount must be in (0, 1], found {self.discount}.")
        if self.step_penalty > 1.0:
            raise ConfigError(f"step_penalty must be in [0, 1], found {self.step_penalty}.")


@dataclass(frozen=True)
class ActingConfig:
    """How the policy explores in mode `train` (paper, appendix B).

    Args:
        epsilon: Share of steps that explore.
        noise: Deviation of a random motion, in units of the largest; the paper prints none.
        exploration_shares: Of random motions, of gripper commands and of ends among steps that explore; also
            the shares of a search's first batch.
    """

    epsilon: float = 0.2
    noise: float = 0.6
    exploration_shares: tuple[float, float, float] = (0.75, 0.17, 0.08)

    def __post_init__(self) -> None:
        check_bounds(self, positive=("noise",))
        if not 0.0 <= self.epsilon <= 1.0:
            raise ConfigError(f"epsilon must be in [0, 1], found {self.epsilon}.")
        shares = self.exploration_shares
        if min(shares) < 0.0 or abs(sum(shares) - 1.0) > 1e-6:
            raise ConfigError(f"exploration_shares must sum to 1, found {shares}.")


@dataclass(frozen=True)
class TrainingConfig(TrainerConfig):
    """How the Q-function is learned.

    `average_decay` is that of theta-bar-1, which acts and gives targets. Each transition is used about
    `steps_per_attempt` times `batch_size` times.

    Args:
        optimizer: `adam`, or `sgd` with momentum as published.
        learning_rate: Of the optimiser.
        momentum: Of SGD.
        weight_decay: L2 on weights of convolutions and linear maps.
        gradient_clip: Bound on the norm of gradients; 0: none.
        batch_size: Transitions of a minibatch.
        precision: Of SGD steps and labels; weights stay float32, and the policy acts in float32. `auto`: bfloat16
            where the device multiplies it natively, else float32.
        loss: Cross-entropy on soft labels, or the squared error of probabilities.
        target: See `next_values`; `monte_carlo`: the label of each step is the episode's outcome.
        target_heads: Whether in targets the mean of the ensemble counts, or its least.
        target_period: SGD steps between two versions; see `TargetNetworks`.
        motion: Which of the two logged motions is learned from: the one that was `asked` for within the bounds, of
            which what is in the way is part of what follows; or the one that was `executed`, as measured: then
            what never comes to pass, such as to press on, is never found to be worth nothing.
        prior_logs: Logs of other runs, whose steps are prior data.
        num_prior_episodes: Episodes at the beginning of the run that are prior data too: scripted ones.
        prior_share: Of a minibatch, if there are both prior data and others.
        open_loop_logs: Logs of single grasps as episodes.
        open_loop_share: Of a minibatch, if there are any.
    """

    steps_per_attempt: int = 2
    first_training_attempt: int = 2000
    average_decay: float = 0.998
    checkpoint_every: int = 1000
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 3e-4
    momentum: float = 0.9
    weight_decay: float = 0.0
    gradient_clip: float = 10.0
    batch_size: int = 64
    precision: Precision = "auto"
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    target: Target = "clipped"
    target_heads: Heads = "mean"
    target_period: int = 500
    motion: Literal["asked", "executed"] = "asked"
    prior_logs: tuple[str, ...] = ()
    num_prior_episodes: int = 500
    prior_share: float = 0.4
    open_loop_logs: tuple[str, ...] = ()
    open_loop_share: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(
            self,
            positive=("learning_rate",),
            at_least_1=("batch_size", "target_period"),
            at_least_0=(
                "weight_decay", "gradient_clip", "num_prior_episodes", "prior_share", "open_loop_share",
            ),
        )  # fmt: skip
        if not 0.0 <= self.momentum < 1.0:
            raise ConfigError(f"momentum must be in [0, 1), found {self.momentum}.")
        if self.prior_share + self.open_loop_share > 1.0:
            raise ConfigError(
                f"prior_share {self.prior_share} and open_loop_share {self.open_loop_share} must not"
                " sum to more than 1."
            )


@dataclass(frozen=True)
class QtOptConfig:
    """QT-Opt, as `config/methods/qt_opt/` describes it."""

    method: str
    network: NetworkConfig = field(default_factory=NetworkConfig)
    action: ActionConfig = field(default_factory=ActionConfig)
    acting: ActingConfig = field(default_factory=ActingConfig)
    search: CemConfig = field(default_factory=CemConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
