"""A Bellman updater: transitions from the shards, labels to the buffer `train`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from equigrasp.errors import WeightsError
from equigrasp.experiments.fleet.message import pack_arrays, unpack_arrays
from equigrasp.experiments.fleet.parts import load_parts
from equigrasp.experiments.fleet.replay_shard import transitions_of
from equigrasp.experiments.fleet.runtime import Peers
from equigrasp.experiments.fleet.weight_shelf import ShelfWeights
from equigrasp.learning.bellman_updater import BellmanUpdater
from equigrasp.learning.data_mix import DataMix
from equigrasp.seeding import Stream, derive_seed

LABELS = "labels"  # name of the role with the buffer `train`, a `LabelShard`


@dataclass(frozen=True)
class UpdaterConfig:
    """What a Bellman updater goes by.

    Args:
        number: Of this updater.
        shards: Names of the replay shards.
        batch_size: Transitions that are labelled together.
        lag: See `choose_versions`.
        mix: Share of on-policy data, by the version of the targets.
        seed: Of the run.
    """

    number: int
    shards: tuple[str, ...]
    batch_size: int
    lag: int
    mix: DataMix
    seed: int


class Updater:
    """Labels while labels are wanted.

    Args:
        updater: Computes labels.
        config: What to label.
        peers: Where shards and labels are.
    """

    offers = frozenset[str]()

    def __init__(self, updater: BellmanUpdater, config: UpdaterConfig, peers: Peers) -> None:
        self._updater, self._config, self._peers = updater, config, peers
        self._num_batches = self._num_refreshes = self._num_empty = 0

    def turn(self) -> bool:
        """Label a batch of the next shard."""
        config = self._config
        if not self._peers.call(LABELS, "wants_labels")[0]:
            return False
        try:
            self._num_refreshes += self._updater.refresh()
        except WeightsError:  # gone meanwhile: the next look finds newer ones
            return False
        versions = self._updater.versions
        shard = (config.number + self._num_batches + self._num_empty) % len(config.shards)
        name = config.shards[shard]
        if versions is None:
            return False
        parts = config.number, versions.average, self._num_batches
        draw = derive_seed(config.seed, Stream.REPLAY_DRAWS, *parts)
        weights = config.mix.weights(versions.average)
        (data,) = self._peers.call(name, "draw", config.batch_size, weights, draw)
        if not data:
            self._num_empty += 1  # the next shard may hold something
            return False
        transitions, is_online = transitions_of(unpack_arrays(data))
        seed = derive_seed(config.seed, Stream.BELLMAN, *parts)
        batch = self._updater.label(transitions, seed, is_online, shard)
        self._peers.call(LABELS, "add", pack_arrays(batch.rows()))
        self._num_batches += 1
        return True

    def report(self) -> dict[str, float]:
        """Return how much was labelled."""
        versions = self._updater.versions
        return {
            "labels": self._num_batches * self._config.batch_size,
            "refreshes": self._num_refreshes,
            "targets": -1 if versions is None else versions.average,
        }

    def close(self) -> None:
        """Do nothing: labels are made again."""


def make_updater(name: str, settings: Mapping[str, Any], peers: Peers) -> Updater:
    """Return an updater; see `plan.make_cast` for its settings."""
    torch.set_num_threads(1)
    parts = load_parts(settings["parts"], settings["of_parts"])
    config = UpdaterConfig(
        settings["number"],
        tuple(settings["shards"]),
        settings["batch_size"],
        settings["lag"],
        DataMix(**settings["mix"]),
        settings["seed"],
    )
    source = ShelfWeights(peers)
    updater = BellmanUpdater(parts.make_networks, parts.next_values, source, config.lag)
    return Updater(updater, config, peers)
