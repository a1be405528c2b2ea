"""References go on when what they want is refused."""

import numpy as np
import pytest

from equigrasp.environments.oracle import Oracle
from equigrasp.experiments.rollouts import oracle_policy
from equigrasp.experiments.rollouts.oracle_policy import OraclePolicy
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Attempt, Context, EmptyWorkspaceError
from equigrasp.perception.observation import Observation


def _bars(name: str, columns: tuple[int, ...]) -> Observation:
    heightmap = np.zeros((128, 128), np.float32)
    for col in columns:
        heightmap[50:80, col : col + 8] = 0.04
    return Observation.of_heightmap(heightmap, Workspace(name, 0.45, 0.21))


def test_every_object_has_its_turn_before_the_tray_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oracle_policy, "_MIN_TRIES", 6)
    monkeypatch.setattr(oracle_policy, "_MAX_TRIES", 12)
    policy, rng = OraclePolicy(Oracle()), np.random.default_rng(0)
    seen, columns = set(), (30, 60, 90)
    left, right = _bars("left", columns), _bars("right", columns)
    history: tuple[Attempt, ...] = ()
    with pytest.raises(EmptyWorkspaceError, match="nothing is left in workspace 'left'"):
        for _ in range(100):
            decision = policy.choose(left, Context("greedy", history), rng)
            history = (*history, decision.tried("left"))
            col = left.workspace.xy_to_pixel(decision.action.x, decision.action.y)[1]
            seen.add(min(columns, key=lambda c: abs(c + 4 - col)))
    assert seen == set(columns) and len(history) <= 12
    first = policy.choose(right, Context("greedy"), rng).action
    assert policy.choose(right, Context("greedy", history), rng).action == first
    assert policy.choose(left, Context("greedy"), rng).action.x == pytest.approx(first.x)
