"""How long an evaluation in closed loop goes on: a number of episodes, or trays that are emptied."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from equigrasp.environments.servo_grasp import SceneRules
from equigrasp.errors import ConfigError
from equigrasp.experiments.servo.episode_row import EpisodeRow
from equigrasp.experiments.statistics import wilson_interval

_FIRST = (10, 20, 30)  # grasps of a round that are counted apart (QT-Opt, section 6.1)


class Extent(Protocol):
    """When an evaluation is whole, and what it tells beside success."""

    @property
    def total(self) -> int:
        """Return how many episodes there are at most."""
        ...

    def is_whole(self, rows: Sequence[EpisodeRow]) -> bool:
        """Tell whether these are all."""
        ...

    def facts(self, rows: Sequence[EpisodeRow]) -> dict[str, Any]:
        """Return what stands in the results beside the counts of every evaluation."""
        ...


@dataclass(frozen=True)
class Episodes:
    """So many episodes.

    Args:
        total: How many.
    """

    total: int

    def is_whole(self, rows: Sequence[EpisodeRow]) -> bool:
        """See `Extent.is_whole`."""
        return len(rows) >= self.total

    def facts(self, rows: Sequence[EpisodeRow]) -> dict[str, Any]:
        """See `Extent.facts`."""
        return {}


@dataclass(frozen=True)
class Emptying:
    """Full trays, out of which nothing that was grasped comes back (QT-Opt, section 6.1).

    A round ends when its tray is empty, or after so many grasps.

    Args:
        num_rounds: Trays.
        scenes: What is in each, and how many grasps there are.

    Raises:
        ConfigError: if there is no round.
    """

    num_rounds: int = 5
    scenes: SceneRules = field(default_factory=lambda: SceneRules(28, 30, least_objects=1))

    def __post_init__(self) -> None:
        if self.num_rounds < 1:
            raise ConfigError(f"num_rounds must be at least 1, found {self.num_rounds}.")

    @property
    def total(self) -> int:
        """See `Extent.total`."""
        return self.num_rounds * self.scenes.num_episodes

    def is_whole(self, rows: Sequence[EpisodeRow]) -> bool:
        """See `Extent.is_whole`."""
        return self._num_ended(rows) >= self.num_rounds

    def facts(self, rows: Sequence[EpisodeRow]) -> dict[str, Any]:
        """Return success of the first grasps of all rounds, and how many trays were emptied.

        Of a round that has ended with an empty tray, the grasps that it had count.
        """
        found: dict[str, Any] = {
            "rounds": self._num_ended(rows),
            "emptied": sum(row.left == 0 for row in rows),
        }
        for count in _FIRST:
            first = [row.success for row in rows if row.episode < count]
            if first:
                found[f"first_{count}"] = sum(first) / len(first)
                found[f"first_{count}_interval_95"] = wilson_interval(sum(first), len(first))
        return found

    def _num_ended(self, rows: Sequence[EpisodeRow]) -> int:
        last = self.scenes.num_episodes - 1
        return sum(row.left == 0 or row.episode == last for row in rows)
