"""Configuration of the method; sources of the defaults: paper, table 4, and docs/methods/asr.md."""

from dataclasses import dataclass, field
from typing import Literal

from equigrasp.errors import ConfigError
from equigrasp.learning.method_config import ActingConfig, TrainingConfig, check_bounds
from equigrasp.learning.precision import Precision
from equigrasp.methods.asr.losses import Loss


@dataclass(frozen=True)
class NetworkConfig:
    """Kind and sizes of q1 and q2.

    Args:
        kind: `equivariant`; `conventional`: the same layers without symmetry, where a field is
            one channel (paper, table 5, "no equivariant network"); `residual`: the plain U-Net
            and the plain encoder of the baselines (docs/methods/asr_configurations.md).
        output: `softmax` over {failure, success}, or `linear`: the value itself.
        q1_fields: Fields of the U-Net's scales, fine to coarse.
        q2_fields: Fields of the encoder's stages.
        q2_kernel_sizes: Kernel sizes of the encoder's three blocks.
        is_stem_pooled: Leave the blocks at full resolution out of both networks.
        is_patch_relative: Take a reference height off the patches that q2 sees.
        num_rotations: Yaw bins in [0, pi).
        input_scale: Heights are multiplied by it before the first layer [1/m].
    """

    kind: Literal["equivariant", "conventional", "residual"] = "equivariant"
    output: Literal["softmax", "linear"] = "softmax"
    q1_fields: tuple[int, ...] = (16, 32, 64, 128, 128)
    q2_fields: tuple[int, int, int, int] = (8, 16, 32, 64)
    q2_kernel_sizes: tuple[int, int, int] = (5, 3, 3)
    is_stem_pooled: bool = False
    is_patch_relative: bool = True
    num_rotations: int = 8
    input_scale: float = 1.0

    def __post_init__(self) -> None:
        check_bounds(self, positive=("input_scale",))
        if len(self.q1_fields) < 2 or min(self.q1_fields + self.q2_fields) < 1:
            raise ConfigError("q1_fields needs two or more entries; all fields at least 1.")
        if self.num_rotations < 2 or self.num_rotations % 2:
            raise ConfigError(f"num_rotations must be even, found {self.num_rotations}.")
        if any(k < 1 or k % 2 == 0 for k in self.q2_kernel_sizes):
            raise ConfigError(f"q2_kernel_sizes must be odd, found {self.q2_kernel_sizes}.")

    @property
    def num_logits(self) -> int:
        """Channels of an output: failure and success, or the value alone."""
        return 2 if self.output == "softmax" else 1


@dataclass(frozen=True)
class AsrTrainingConfig(TrainingConfig):
    """What learning two networks adds.

    Args:
        q1_target: Target of q1 at the tried pixel. `best_other_yaw`: 1 for a success, else the
            best yaw but the tried one (L1', equation 11); `reward` (L1, equation 10).
        num_off_policy_pixels: k of the loss L1''; 0: no such term.
        off_policy_temperature: Temperature at which these pixels are drawn.
        precision: Of the convolutions in an SGD step; weights stay float32. `auto`: bfloat16 where
            the device multiplies it natively, else float32.
        loss: Error of both networks: `smooth_l1` of the predicted probability, as published, or
            `cross_entropy`, which corrects what is certain and wrong at once.
    """

    q1_target: Literal["best_other_yaw", "reward"] = "best_other_yaw"
    num_off_policy_pixels: int = 10
    off_policy_temperature: float = 1.0
    precision: Precision = "float32"
    loss: Loss = "smooth_l1"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(
            self, positive=("off_policy_temperature",), at_least_0=("num_off_policy_pixels",)
        )


@dataclass(frozen=True)
class AsrConfig:
    """The whole method; `method` names the package."""

    method: str = "asr"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    acting: ActingConfig = field(default_factory=ActingConfig)
    training: AsrTrainingConfig = field(default_factory=AsrTrainingConfig)

    def __post_init__(self) -> None:
        if self.training.loss == "cross_entropy" and self.network.output == "linear":
            raise ConfigError(
                "training.loss 'cross_entropy' needs network.output 'softmax', found 'linear'."
            )
