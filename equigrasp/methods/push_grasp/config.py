"""Configuration of push-grasp.

Sources of the defaults: "Push-Grasp Policy Learning Using Equivariant Models and Grasp Score Optimization"
(arXiv 2504.03053); sizes, learning rates and batch sizes are not published and are our own.
"""

from dataclasses import dataclass, field
from typing import Literal

from equigrasp.errors import ConfigError
from equigrasp.learning.method_config import check_bounds


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

    def __post_init__(self) -> None:
        check_bounds(self, positive=("input_scale",), at_least_1=("critic_crop_px",))
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
        for key in ("grasp_fields", "critic_fields"):
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
        score_threshold: A grasp with a higher score is carried out, with a lower one a push.
        max_pushes: Before a grasp is carried out whatever its score.
    """

    width: float = 0.085
    min_width: float = 0.035
    finger_depth: float = 0.04
    edge_depth: float = 0.01
    wall_depth: float = 0.008
    num_candidates: int = 16
    score_threshold: float = 0.8
    max_pushes: int = 5

    def __post_init__(self) -> None:
        check_bounds(
            self, positive=("width",), at_least_1=("num_candidates",), at_least_0=("max_pushes",)
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
    """

    num_epochs: int = 60
    batch_size: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_bounds(
            self,
            positive=("learning_rate",),
            at_least_1=("num_epochs", "batch_size"),
            at_least_0=("weight_decay",),
        )


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
