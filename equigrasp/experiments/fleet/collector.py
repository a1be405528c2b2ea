"""A collector: a robot's episodes go to its shard, weights come between two of them."""

from collections.abc import Mapping
from typing import Any

import torch

from equigrasp.errors import WeightsError
from equigrasp.experiments.fleet.parts import EpisodeSource, load_parts
from equigrasp.experiments.fleet.runtime import Peers
from equigrasp.experiments.fleet.weight_shelf import ShelfWeights
from equigrasp.replay.frames import pack_episode
from equigrasp.replay.step import ExperienceSpec
from equigrasp.seeding import Stream, derive_seed


class Collector:
    """Runs episodes, one a turn, and keeps each until its shard has it on disk.

    Args:
        number: Of this collector.
        source: Where episodes come from.
        spec: What steps hold.
        shard: Name of the shard that takes its episodes.
        weights_every: Episodes between two looks for newer weights.
        peers: Where shard and weights are.
    """

    offers = frozenset[str]()

    def __init__(
        self,
        number: int,
        source: EpisodeSource,
        spec: ExperienceSpec,
        shard: str,
        weights_every: int,
        peers: Peers,
    ) -> None:
        self._number, self._source, self._spec = number, source, spec
        self._shard, self._weights_every, self._peers = shard, weights_every, peers
        self._weights = ShelfWeights(peers, num_kept=1)
        self._kept: tuple[int, bytes] | None = None  # an episode on its way to the disk
        self._num_episodes = self._num_steps = self._num_waits = 0
        self._version, self._num_looked_at = -1, -1

    def turn(self) -> bool:
        """Run an episode, or send again the one that was not acknowledged."""
        if self._kept is None:
            number, may_begin = self._peers.call(self._shard, "begin", self._number)
            if not may_begin:
                self._num_waits += 1
                return False
            self._take_weights()
            episode = self._source.run(number)
            self._kept = (number, pack_episode(episode, self._spec))
            self._num_steps += len(episode)
            self._num_episodes += 1
        (is_kept,) = self._peers.call(self._shard, "push", self._number, *self._kept)
        if is_kept:
            self._kept = None
        return bool(is_kept)

    def report(self) -> dict[str, float]:
        """Return what it has done."""
        return {
            "episodes": self._num_episodes,
            "steps": self._num_steps,
            "version": self._version,
            "waits": self._num_waits,
        }

    def close(self) -> None:
        """Let go of the robot."""
        self._source.close()

    def _take_weights(self) -> None:
        is_due = self._num_episodes % self._weights_every == 0
        if not is_due or self._num_looked_at == self._num_episodes:
            return
        self._num_looked_at = self._num_episodes
        versions = self._weights.versions()
        if versions and versions[-1] != self._version:
            try:
                self._source.load(self._weights.read(versions[-1]), versions[-1])
                self._version = versions[-1]
            except WeightsError:  # gone meanwhile: the old ones act on
                self._num_looked_at = -1


def make_collector(name: str, settings: Mapping[str, Any], peers: Peers) -> Collector:
    """Return a collector; see `plan.make_cast` for its settings."""
    torch.set_num_threads(1)
    parts = load_parts(settings["parts"], settings["of_parts"])
    number = settings["number"]
    source = parts.make_source(derive_seed(settings["seed"], Stream.COLLECTORS, number))
    return Collector(
        number, source, parts.spec, settings["shard"], settings["weights_every"], peers
    )
