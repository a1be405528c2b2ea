"""Configuration of the method; sources of the defaults: paper, table 4, and docs/methods/asr.md."""

from dataclasses import dataclass, field
from typing import Literal

from equigrasp.errors import ConfigError
from equigrasp.learning.method_config import ActingConfig, TrainingConfig, check_bounds


@dataclass(frozen=True)
class NetworkConfig:
    """Kind and sizes of the network.

    Args:
        yaws: `channels`: an output map for each yaw (FCN); `turned_inputs`: one map of what is
            seen when turned by each yaw (Rot-FCN).
        output: `softmax` over {failure, success}, or `linear`: the value itself.
        channels: Channels of the U-Net's scales, fine to coarse.
        is_stem_pooled: Leave the blocks at full resolution out.
        num_rotations: Yaw bins in [0, pi).
        input_scale: Heights are multiplied by it before the first layer [1/m].
    """

    yaws: Literal["channels", "turned_inputs"] = "channels"
    output: Literal["softmax", "linear"] = "linear"
    channels: tuple[int, ...] = (32, 64, 128, 256, 512)
    is_stem_pooled: bool = False
    num_rotations: int = 8
    input_scale: float = 1.0

    def __post_init__(self) -> None:
        check_bounds(self, positive=("input_scale",), at_least_1=("num_rotations",))
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise ConfigError(
                f"channels needs two or more entries of at least 1, found {self.channels}."
            )

    @property
    def num_logits(self) -> int:
        """Outputs a grasp: failure and success, or the value alone."""
        return 2 if self.output == "softmax" else 1


@dataclass(frozen=True)
class FcnConfig:
    """The whole method; `method` names the package."""

    method: str = "fcn"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    acting: ActingConfig = field(default_factory=ActingConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
