"""Configuration of push-grasp.

Sources of the defaults: "Push-Grasp Policy Learning Using Equivariant Models and Grasp Score Optimization"
(arXiv 2504.03053); sizes, learning rates and batch sizes are not published and are our own.
"""

from dataclasses import dataclass, field
from typing import Literal

from equigrasp.errors import ConfigError
from equigrasp.learning.method_config import TrainerConfig, check_bounds
from equigrasp.learning.precision import Precision


@dataclass(frozen=True)
class NetworkConfig:
    """The three networks.

    Args:
        kind: `equivariant`, or `plain` networks of like parameters.
        group_order: n of Cn, even.
        num_yaws: Of grasps in [0, pi), a multiple of n / 2.
        num_directions: Of pushes in [0, 2 pi), a multiple of n.
        grasp_fields: Regular fields of GraspNet, fine to coarse; channels of a plain one.
        critic_fields: Of CriticNet: stem, then one block each.
        is_stem_pooled: GraspNet works at half resolution but for its first and last layers.
        input_scale: Heights are multiplied by it [1/m].
        critic_crop_px: Side of the square about a grasp that CriticNet sees.
        push_fields: Regular fields of PushNet's first U-Net.
        node_fields: Of an object in PushNet's graph, a multiple of `attention_heads`.
        fusion_fields: Of PushNet's second U-Net.
        attention_heads: Of the graph; 0: no graph.
        attention_threshold: Objects farther from the target are not in its graph [m].
        graph: `star`: the target and what is near it look at each other; `all`: so do these.
        push_crop_px: Side of the square about the target that PushNet sees.
        segmenter_fields: Regular fields of D4 of the segmenter, fine to coarse; it is the same for
            `plain`.
    """

    kind: Literal["equivariant", "plain"] = "equivariant"
    group_order: int = 6
    num_yaws: int = 18
    num_directions: int = 18
    grasp_fields: tuple[int, ...] = (16, 32, 64, 128)
    critic_fields: tuple[int, ...] = (16, 32, 64, 128)
    is_stem_pooled: bool = False
    input_scale: float = 10.0
    critic_crop_px: int = 64
    push_fields: tuple[int, ...] = (16, 32, 64)
    node_fields: int = 8
    fusion_fields: tuple[int, ...] = (16, 32, 64)
    attention_heads: int = 2
    attention_threshold: float = 0.18
    graph: Literal["star", "all"] = "star"
    push_crop_px: int = 96
    segmenter_fields: tuple[int, ...] = (4, 8, 16, 32)

    def __post_init__(self) -> None:
        check_bounds(
            self,
            positive=("input_scale", "attention_threshold"),
            at_least_1=("critic_crop_px", "push_crop_px", "node_fields"),
            at_least_0=("attention_heads",),
        )
        if self.attention_heads and self.node_fields % self.attention_heads:
            raise ConfigError(
                f"node_fields must be a multiple of attention_heads {self.attention_heads}, "
                f"found {self.node_fields}."
            )
        if self.group_order < 2 or self.group_order % 2:
            raise ConfigError(f"group_order must be even, found {self.group_order}.")
        for key, unit in (
            ("num_yaws", self.group_order // 2),
            ("num_directions", self.group_order),
        ):
            if getattr(self, key) < 1 or getattr(self, key) % unit:
                raise ConfigError(
                    f"{key} must be a multiple of {unit} for C{self.group_order}, "
                    f"found {getattr(self, key)}."
                )
        for key in (
            "grasp_fields",
            "critic_fields",
            "push_fields",
            "fusion_fields",
            "segmenter_fields",
        ):
            if len(getattr(self, key)) < 2 or min(getattr(self, key)) < 1:
                raise ConfigError(f"{key} needs two numbers or more, found {getattr(self, key)}.")


@dataclass(frozen=True)
class ActingConfig:
    """How grasps and pushes are chosen.

    Args:
        width: Largest opening before a grasp [m].
        min_width: Smallest; see `grasp_width` [m].
        finger_depth: See `HandGeometry` [m].
        edge_depth: See `HandGeometry` [m].
        wall_depth: See `HandGeometry` [m].
        num_candidates: GraspNet's best grasps on the target that CriticNet chooses among; 1: published.
        score_threshold: A grasp with a higher score is carried out, with a lower one a push; where
            training begins, until it is calibrated and part of the weights.
        max_pushes: Before a grasp is carried out whatever its score.
        push_length: Of a push [m].
        grasp_choice: Whose scores grasps are chosen by: those of the networks, or the heuristic's, which
            needs none.
        push_choice: PushNet's best push; or one that needs no learning: a random one, one that takes the
            nearest neighbour away, or the one after which grasps would look best by geometry.
    """

    width: float = 0.085
    min_width: float = 0.035
    finger_depth: float = 0.04
    edge_depth: float = 0.01
    wall_depth: float = 0.008
    num_candidates: int = 16
    score_threshold: float = 0.8
    max_pushes: int = 5
    push_length: float = 0.10
    grasp_choice: Literal["learned", "heuristic"] = "learned"
    push_choice: Literal["learned", "random", "nearest", "imagined"] = "learned"

    def __post_init__(self) -> None:
        check_bounds(
            self,
            positive=("width", "push_length"),
            at_least_1=("num_candidates",),
            at_least_0=("max_pushes",),
        )
        if not 0.0 <= self.min_width <= self.width:
            raise ConfigError(
                f"min_width must be in [0, width {self.width}], found {self.min_width}."
            )
        if not 0.0 <= self.score_threshold <= 1.0:
            raise ConfigError(f"score_threshold must be in [0, 1], found {self.score_threshold}.")


@dataclass(frozen=True)
class StageConfig:
    """Learning from labelled grasps.

    Args:
        num_epochs: Passes over all scenes.
        batch_size: Scenes of a minibatch of GraspNet, grasps of one of CriticNet.
        learning_rate: At first; falls to 1 % of it along a cosine.
        weight_decay: Of Adam.
        precision: Of the convolutions in an SGD step; weights stay float32. `auto`: bfloat16 where the
            device multiplies it natively, which halves the time of a step; else float32.
    """

    num_epochs: int = 60
    batch_size: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        check_bounds(
            self,
            positive=("learning_rate",),
            at_least_1=("num_epochs", "batch_size"),
            at_least_0=("weight_decay",),
        )


@dataclass(frozen=True)
class TrainingConfig(TrainerConfig):
    """How PushNet learns from pushes, and CriticNet on from GraspNet's own grasps.

    Args:
        learning_rate: Of PushNet's Adam.
        critic_learning_rate: Of CriticNet's; 0: it stays as labels have taught it.
        batch_size: Pushes of a minibatch.
        critic_batch_size: Grasps of a minibatch, half of them labels of before.
        gradient_clip: Bound on the norm of gradients.
        precision: See `StageConfig`.
        prior_scenes: Folders of labelled scenes that the other half of the grasps comes from; `equigrasp
            pretrain` fills in those of the run. Empty: all grasps are the policy's own.
        epsilon_start: Share of pushes that are not PushNet's at first.
        epsilon_end: The same at last.
        epsilon_pushes: Pushes over which the share falls, linearly.
        reward: Of a push: `imagined`: success of the grasp after it, else the gain in score; `hand`: made
            by hand of score, change and free room (Xu et al., 2021); `sparse`: success alone.
        judge: Whose scores rewards compare: those of the present CriticNet, or of the one that labels
            have taught.
        own_share: Scenes labelled with GraspNet's own choices, of as many as those labelled before.
    """

    steps_per_attempt: int = 2
    learning_rate: float = 3e-4
    critic_learning_rate: float = 1e-4
    batch_size: int = 16
    critic_batch_size: int = 32
    gradient_clip: float = 10.0
    precision: Precision = "auto"
    prior_scenes: tuple[str, ...] = ()
    epsilon_start: float = 1.0
    epsilon_end: float = 0.1
    epsilon_pushes: int = 800
    reward: Literal["imagined", "hand", "sparse"] = "imagined"
    judge: Literal["present", "first"] = "present"
    own_share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(
            self,
            positive=("learning_rate", "gradient_clip"),
            at_least_1=("batch_size", "critic_batch_size", "epsilon_pushes"),
            at_least_0=("critic_learning_rate", "own_share"),
        )
        if not 0.0 <= self.epsilon_end <= self.epsilon_start <= 1.0:
            raise ConfigError(
                f"epsilon must fall within [0, 1], found epsilon_start {self.epsilon_start} "
                f"and epsilon_end {self.epsilon_end}."
            )

    def epsilon(self, num_pushes: int) -> float:
        """Return the share of pushes that are not PushNet's, after some pushes."""
        progress = min(1.0, num_pushes / self.epsilon_pushes)
        return self.epsilon_start + (self.epsilon_end - self.epsilon_start) * progress


@dataclass(frozen=True)
class PushGraspConfig:
    """Push-grasp, as `config/methods/push_grasp/` describes it."""

    method: str
    network: NetworkConfig = field(default_factory=NetworkConfig)
    acting: ActingConfig = field(default_factory=ActingConfig)
    grasp_training: StageConfig = field(default_factory=StageConfig)
    critic_training: StageConfig = field(
        default_factory=lambda: StageConfig(num_epochs=15, batch_size=32, learning_rate=3e-4)
    )
    segmenter_training: StageConfig = field(default_factory=lambda: StageConfig(num_epochs=40))
    training: TrainingConfig = field(default_factory=TrainingConfig)
