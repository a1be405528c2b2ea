"""Episodes of any method in any environment, for a collector."""

import sys
from pathlib import Path

import pytest

from equigrasp.environments.environment import StepResult
from equigrasp.errors import DeviceError, EquigraspError
from equigrasp.experiments.rollouts.rollout_source import RolloutSource
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.weight_store import read_parameters
from equigrasp.replay.frames import pack_episode, unpack_episode

sys.path.append(str(Path(__file__).parents[2] / "contract"))
from toy_method import METHOD, SPEC, ToyConfig, ToyPolicy, ToyRoom, make_networks  # noqa: E402


def make_source(**changes: int) -> RolloutSource:
    """Return episodes of the toy method."""
    policy = ToyPolicy(make_networks(ToyConfig(), 0))
    return RolloutSource(METHOD, ToyConfig(), policy, ToyRoom(3), seed=5, **changes)


def test_each_episode_is_whole_and_says_who_chose() -> None:
    source = make_source()
    source.load(read_parameters(make_networks(ToyConfig(), 1)), 40)
    for number in (0, 1, 2):
        episode = source.run(number)
        found = unpack_episode(pack_episode(episode, SPEC), SPEC)
        assert [step.index for step, _ in found] == [0, 1]
        assert {step.episode for step, _ in found} == {number}
        assert [step.is_last for step, _ in found] == [False, True]
        assert [extras["policy_version"] for _, extras in found] == [40, 40]


def test_equal_seeds_give_equal_episodes() -> None:
    def actions() -> list[list[float]]:
        source = make_source()
        return [step.action["velocity"].tolist() for n in range(3) for step, _ in source.run(n)]

    assert actions() == actions()


def test_an_episode_without_end_is_an_error() -> None:
    with pytest.raises(EquigraspError, match="Episode 4 has not ended after 1 steps"):
        make_source(max_steps=1).run(4)


class BlockedRoom(ToyRoom):
    """The second step of the first episode fails, and the episode is over."""

    num_steps, has_failed = 0, False

    @property
    def is_over(self) -> bool:
        """See `ToyRoom`."""
        return super().is_over or self.has_failed

    def step(self, action: GripperStep) -> StepResult:
        """See `ToyRoom`."""
        self.num_steps += 1
        if self.num_steps == 2:
            self.has_failed = True
            raise DeviceError("blocked")
        return super().step(action)

    def reset(self) -> None:
        """See `ToyRoom`."""
        self.has_failed = False
        super().reset()


def test_an_episode_that_broke_off_is_cut_off_and_nothing_of_the_next_is_lost() -> None:
    policy = ToyPolicy(make_networks(ToyConfig(), 0))
    source = RolloutSource(METHOD, ToyConfig(), policy, BlockedRoom(3), seed=5)
    broken, whole = source.run(0), source.run(1)
    assert [(s.is_truncated, s.discount, s.episode) for s, _ in broken] == [(True, 0.9, 0)]
    assert [(s.index, s.episode, s.is_truncated) for s, _ in whole] == [
        (0, 1, False),
        (1, 1, False),
    ]
    assert whole[-1][0].discount == 0.0 and whole[0][0].discount == 0.9


def test_the_first_episodes_are_those_of_the_script() -> None:
    learned, script = (ToyPolicy(make_networks(ToyConfig(), seed)) for seed in (0, 1))
    script.version = 77
    source = RolloutSource(
        METHOD, ToyConfig(), learned, ToyRoom(3), seed=5, script=script, num_scripted=2
    )
    versions = [source.run(n)[0][1]["policy_version"] for n in range(3)]
    assert versions == [77, 77, 0]


def test_the_robot_is_let_go() -> None:
    closed = []
    RolloutSource(
        METHOD,
        ToyConfig(),
        ToyPolicy(make_networks(None, 0)),
        ToyRoom(0),
        1,
        close=lambda: closed.append(1),
    ).close()
    assert closed == [1]
