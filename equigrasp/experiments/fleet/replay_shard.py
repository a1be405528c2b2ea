"""Part of the distributed replay buffer: writes what robots do to its log, and gives out transitions."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from equigrasp.experiments.fleet.message import pack_arrays
from equigrasp.experiments.fleet.parts import load_parts
from equigrasp.experiments.fleet.runtime import Peers
from equigrasp.replay.experience_log import ExperienceLog, LogFullError
from equigrasp.replay.frames import unpack_episode
from equigrasp.replay.log_cursor import LogCursor
from equigrasp.replay.named_buffers import OFFLINE, ONLINE, NamedBuffers
from equigrasp.replay.rate_limiter import RateLimiter
from equigrasp.replay.ring_buffer import RingBuffer, Transitions
from equigrasp.replay.step import ExperienceSpec

_LOGGER = logging.getLogger(__name__)
_STEPS_PER_TURN = 200  # of logs, between two calls


@dataclass(frozen=True)
class ShardConfig:
    """What a replay shard goes by.

    Args:
        capacity: Steps in each of its buffers.
        limiter: Balance between what robots do and what is learned.
        logs: Logs of before, replayed into buffer `offline`.
        refresh_every: Draws for which one step more of logs is replayed that are larger than the buffer.
    """

    capacity: int
    limiter: RateLimiter
    logs: Sequence[Path] = ()
    refresh_every: int = 16


class ReplayShard:
    """Buffers `online` and `offline` of one shard. They hold nothing that the logs lack.

    An episode is on the disk before it is acknowledged, and in the log once, however often it is sent.

    Args:
        log: Of this shard; no other process may write to it.
        spec: What steps hold.
        config: Sizes and sources.
    """

    offers = frozenset({"begin", "push", "draw", "counts", "learned"})

    def __init__(self, log: Path, spec: ExperienceSpec, config: ShardConfig) -> None:
        self._spec, self._config = spec, config
        self._buffers = NamedBuffers(
            {name: RingBuffer(spec, config.capacity) for name in (ONLINE, OFFLINE)}
        )
        self._cursor = LogCursor(config.logs, spec) if config.logs else None
        self._log = ExperienceLog(log, spec)
        self._next_number = Counter[int]()  # by collector
        self._num_episodes = self._num_repeats = 0
        self._num_drawn = self._num_replayed = 0
        self._told = (0, 0, 0)  # steps and samples of the fleet, steps of this shard at that time
        self._refill()

    def begin(self, collector: int) -> list[Any]:
        """Return the number of a collector's next episode, and whether it may begin."""
        num_inserted, num_sampled, num_own = self._told
        num_inserted += len(self._log) - num_own
        may_begin = self._config.limiter.may_insert(num_inserted, num_sampled)
        return [self._next_number[collector], may_begin]

    def push(self, collector: int, number: int, data: bytes) -> bool:
        """Take in an episode; return whether it is on the disk. Where the disk is full it is not.

        Args:
            collector: Whose it is.
            number: Which of this collector's; one that is there already is left out.
            data: See `pack_episode`.

        Raises:
            ReplayError: if it is damaged, or of another method; nothing is kept of it.
        """
        episode = unpack_episode(data, self._spec)
        if number < self._next_number[collector]:
            self._num_repeats += 1
            return True
        first = len(self._log)
        numbered = [
            (
                replace(step, index=first + place, episode=self._num_episodes),
                extras | {"collector": collector, "number": number},
            )
            for place, (step, extras) in enumerate(episode)
        ]
        try:
            self._log.append_episode(numbered)
        except LogFullError as error:
            _LOGGER.error("%s", error)
            return False
        self._buffers[ONLINE].add_episode(step for step, _ in numbered)
        self._next_number[collector] = number + 1
        self._num_episodes += 1
        return True

    def draw(self, count: int, weights: Mapping[str, float], seed: int) -> bytes:
        """Return transitions drawn by weight, see `pack_transitions`; empty: there are none."""
        sizes = self._buffers.sizes
        if not any(sizes[name] and weight > 0.0 for name, weight in weights.items()):
            return b""
        found = self._buffers.sample(count, weights, np.random.default_rng(seed))
        self._num_drawn += count
        return pack_transitions(found)

    def learned(self, num_inserted: int, num_sampled: int) -> None:
        """Hear how far robots and learning are, for the balance.

        Args:
            num_inserted: Steps that robots did, in all shards.
            num_sampled: Samples that were learned from.
        """
        self._told = (num_inserted, num_sampled, len(self._log))

    def counts(self) -> list[int]:
        """Return the steps that robots did, and the transitions in both buffers together."""
        return [len(self._log), sum(self._buffers.sizes.values())]

    def turn(self) -> bool:
        """Replay some of the logs; those larger than the buffer again and again, as fast as is drawn."""
        if self._cursor is None:
            return False
        capacity = self._config.capacity
        due = capacity + self._num_drawn // self._config.refresh_every - self._num_replayed
        if due <= 0:
            return False
        episodes = self._cursor.read(min(due, _STEPS_PER_TURN))
        for episode in episodes:
            self._buffers[OFFLINE].add_episode(step for step, _ in episode)
        num_new = sum(map(len, episodes))
        self._num_replayed += num_new
        total = sum(position.num_steps for position in self._cursor.positions)
        if not num_new and total > capacity:
            self._cursor.rewind()
            return True
        return num_new > 0

    def report(self) -> dict[str, float]:
        """Return what it holds."""
        sizes = self._buffers.sizes
        return {
            "steps": len(self._log),
            "episodes": self._num_episodes,
            "online": sizes[ONLINE],
            "offline": sizes[OFFLINE],
            "drawn": self._num_drawn,
            "repeats": self._num_repeats,
        }

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _refill(self) -> None:
        """Take in the log; what a crash left of an episode was never acknowledged, and goes."""
        episode = []
        for step, extras in self._log:
            episode.append(step)
            if step.is_last:
                self._buffers[ONLINE].add_episode(episode)
                episode, collector = [], int(extras["collector"])
                self._next_number[collector] = int(extras["number"]) + 1
                self._num_episodes += 1
        self._log.drop_last(len(episode))


def pack_transitions(found: Mapping[str, Transitions]) -> bytes:
    """Return drawn transitions as bytes, those of `online` marked."""
    parts: list[dict[str, np.ndarray]] = []
    for name, some in found.items():
        rows = {
            "numbers": some.numbers,
            "episodes": some.episodes,
            "indices": some.indices,
            "rewards": some.rewards,
            "discounts": some.discounts,
            "is_online": np.full(len(some), name == ONLINE),
        }
        for group in ("observation", "action", "next_observation"):
            rows |= {f"{group}.{key}": array for key, array in getattr(some, group).items()}
        parts.append(rows)
    return pack_arrays({key: np.concatenate([p[key] for p in parts]) for key in parts[0]})


def transitions_of(rows: Mapping[str, np.ndarray]) -> tuple[Transitions, np.ndarray]:
    """Return the transitions that `pack_transitions` packed, and which are online, shape (n,), bool."""

    def group(name: str) -> dict[str, np.ndarray]:
        return {k[len(name) + 1 :]: a for k, a in rows.items() if k.startswith(f"{name}.")}

    found = Transitions(
        rows["numbers"],
        rows["episodes"],
        rows["indices"],
        group("observation"),
        group("action"),
        rows["rewards"],
        rows["discounts"],
        group("next_observation"),
    )
    return found, rows["is_online"]


def make_shard(name: str, settings: Mapping[str, Any], peers: Peers) -> ReplayShard:
    """Return a shard; see `plan.make_cast` for its settings."""
    config = ShardConfig(
        settings["capacity"],
        RateLimiter(**settings["limiter"]),
        tuple(Path(path) for path in settings["logs"]),
    )
    spec = load_parts(settings["parts"], settings["of_parts"]).spec
    return ReplayShard(Path(settings["folder"]) / f"{name}.log", spec, config)
