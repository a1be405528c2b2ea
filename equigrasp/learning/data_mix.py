"""How much of what is learned from comes from this run's robots, and how much from logs."""

from dataclasses import dataclass

from equigrasp.errors import ConfigError
from equigrasp.learning.method_config import check_bounds
from equigrasp.replay.named_buffers import OFFLINE, ONLINE


@dataclass(frozen=True)
class DataMix:
    """A share of on-policy data that grows with the SGD steps of joint fine-tuning, linearly.

    At first such data are few and all alike: the weights would overfit to them (QT-Opt paper, section
    F.3: from 1 % to 50 % over the first million steps; how it grows is not said).

    Args:
        first_share: Share of on-policy data at step 0.
        last_share: The same from step `num_steps` on.
        num_steps: SGD steps over which it grows; 0: it is `last_share` from the start.

    Raises:
        ConfigError: if a share is not in [0, 1], or it falls.
    """

    first_share: float = 0.01
    last_share: float = 0.5
    num_steps: int = 1_000_000

    def __post_init__(self) -> None:
        check_bounds(self, at_least_0=("num_steps",))
        if not 0.0 <= self.first_share <= self.last_share <= 1.0:
            raise ConfigError(
                "The share of on-policy data must grow within [0, 1], found first_share "
                f"{self.first_share} and last_share {self.last_share}."
            )

    def online_share(self, step: int) -> float:
        """Return the share of on-policy data at an SGD step, counted from 0."""
        progress = min(1.0, step / self.num_steps) if self.num_steps else 1.0
        return self.first_share + progress * (self.last_share - self.first_share)

    def weights(self, step: int) -> dict[str, float]:
        """Return the weights of the buffers, for `NamedBuffers.sample`."""
        share = self.online_share(step)
        return {ONLINE: share, OFFLINE: 1.0 - share}
