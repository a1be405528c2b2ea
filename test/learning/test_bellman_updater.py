"""Labels: each can be computed again from what it says of itself."""

import numpy as np
import pytest
import torch

from equigrasp.errors import ConfigError, WeightsError
from equigrasp.learning.bellman_updater import (
    BellmanUpdater,
    Modules,
    TargetVersions,
    choose_versions,
)
from equigrasp.learning.weight_store import read_parameters
from equigrasp.replay.label_ring import LabelRing
from equigrasp.replay.ring_buffer import RingBuffer, Transitions
from equigrasp.replay.step import ArraySpec, ExperienceSpec, Step

SPEC = ExperienceSpec({"state": ArraySpec((3,), "float32")}, {}, reward_range=(-0.1, 1.0))


def make_networks(seed: int = 0) -> Modules:
    """Return a value of a state and a motion."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {"q": torch.nn.Linear(4, 1)}


def next_values(
    average: Modules, previous: Modules, transitions: Transitions, generator: torch.Generator
) -> torch.Tensor:
    """Return the value of the best of eight motions, the smaller of both networks."""
    states = torch.from_numpy(transitions.next_observation["state"])[:, None].expand(-1, 8, -1)
    rows = torch.cat([states, torch.randn(len(states), 8, 1, generator=generator)], 2)
    first, second = (torch.sigmoid(m["q"](rows))[..., 0] for m in (average, previous))
    best = first.argmax(1, keepdim=True)
    return torch.minimum(first.gather(1, best), second.gather(1, best))[:, 0]


class Versions:
    """Published weights, of which only the newest are kept."""

    def __init__(self, *versions: int) -> None:
        self.kept = {v: read_parameters(make_networks(1 + v)) for v in versions}

    def versions(self) -> list[int]:
        """Return what there is."""
        return sorted(self.kept)

    def read(self, version: int) -> dict[str, torch.Tensor]:
        """Return weights."""
        if version not in self.kept:
            raise WeightsError(f"Version {version} is gone.")
        return self.kept[version]


def make_transitions(count: int = 40) -> Transitions:
    """Return transitions of episodes of four steps, each with its end."""
    rng, buffer = np.random.default_rng(4), RingBuffer(SPEC, 1000)
    for index in range(count):
        is_end = index % 4 == 3
        state = {"state": rng.normal(size=3).astype(np.float32)}
        reward, discount = (float(rng.random() < 0.5), 0.0) if is_end else (-0.02, 0.9)
        buffer.add(Step(index, index // 4, state, {}, reward, discount))
    return buffer.read(rng.permutation(buffer.numbers()))


def test_every_label_can_be_computed_again() -> None:
    """By another updater, from the versions and the seed that the labels record."""
    source, transitions = Versions(*range(0, 800, 100)), make_transitions()
    updater, ring, parts = BellmanUpdater(make_networks, next_values, source, 250), None, []
    ring = LabelRing(SPEC, 1000)
    for turn, newest in enumerate((300, 500, 700)):
        source.kept = {v: w for v, w in Versions(*range(0, newest + 1, 100)).kept.items()}
        assert updater.refresh() and not updater.refresh()
        parts.append(updater.label(transitions, 77 + turn, np.ones(len(transitions), bool)))
        ring.add(parts[-1])
    again = BellmanUpdater(make_networks, next_values, Versions(*range(0, 800, 100)), 0)
    for begin in range(0, 120, 40):
        recorded = ring.read(np.arange(begin, begin + 40)).labels
        again.take(TargetVersions(*recorded.versions[0].tolist()))
        found = again.label(transitions, int(recorded.seeds[0]), recorded.is_online).labels
        assert recorded.numbers.tolist() == transitions.numbers.tolist()
        assert np.abs(found.targets - recorded.targets).max() <= 1e-5
        other = again.label(transitions, 1 + int(recorded.seeds[0]), recorded.is_online).labels
        assert np.abs(other.targets - recorded.targets).max() > 1e-3


def test_terminal_steps_never_bootstrap() -> None:
    """Their label is the reward, also where the network says what is no number."""
    transitions = make_transitions()
    is_end = transitions.discounts == 0.0
    for value in (0.0, 1.0, float("nan"), float("inf")):
        updater = BellmanUpdater(
            make_networks, lambda a, b, t, g, v=value: torch.full((len(t),), v), Versions(0), 0
        )
        updater.refresh()
        labels = updater.label(transitions, 3, np.ones(len(transitions), bool)).labels
        assert np.array_equal(
            labels.targets[is_end], transitions.rewards[is_end].astype(np.float32)
        )
    assert is_end.sum() == 10


def test_labels_are_reward_and_discounted_value() -> None:
    transitions = make_transitions()
    updater = BellmanUpdater(
        make_networks, lambda a, b, t, g: torch.full((len(t),), 0.5), Versions(0), 0
    )
    updater.refresh()
    targets = updater.label(transitions, 3, np.ones(len(transitions), bool)).labels.targets
    assert targets[transitions.discounts > 0.0] == pytest.approx(-0.02 + 0.9 * 0.5)


def test_the_lag_stays_within_bounds() -> None:
    """Once a version is old enough it is at least the lag, and less than one period more."""
    lag, period = 600, 250
    for newest in range(0, 5001, period):
        chosen = choose_versions(list(range(0, newest + 1, period)), lag)
        assert chosen is not None and chosen.average == newest
        found = chosen.average - chosen.previous
        assert found == newest if newest < lag else lag <= found < lag + period


def test_nothing_published_gives_no_targets() -> None:
    assert choose_versions([], 10) is None
    updater = BellmanUpdater(make_networks, next_values, Versions(), 0)
    assert not updater.refresh()
    with pytest.raises(WeightsError, match="No weights were published yet"):
        updater.label(make_transitions(), 0, np.ones(40, bool))
    with pytest.raises(ConfigError, match="lag must be at least 0, found -1"):
        BellmanUpdater(make_networks, next_values, Versions(), -1)


def test_a_version_that_is_gone_leaves_the_old_targets() -> None:
    source = Versions(0, 100)
    updater = BellmanUpdater(make_networks, next_values, source, 0)
    updater.refresh()
    with pytest.raises(WeightsError, match="Version 50 is gone"):
        updater.take(TargetVersions(100, 50))
    assert updater.versions == TargetVersions(100, 100)
