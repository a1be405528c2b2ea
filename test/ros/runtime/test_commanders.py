"""Whose goals a server takes."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")

import uuid  # noqa: E402

from unique_identifier_msgs.msg import UUID  # noqa: E402

from equigrasp.devices import owner  # noqa: E402
from equigrasp.ros.runtime import commanders  # noqa: E402
from equigrasp.ros.runtime.commanders import Commanders, make_goal_id, token_of  # noqa: E402

OURS, THEIRS = "0102030405ff", "a0b0c0d0e0f0"


def _goal(token: str, monkeypatch: pytest.MonkeyPatch) -> UUID:
    monkeypatch.setenv(owner.VARIABLE, f"1:0:{token}")
    goal_id = make_goal_id()
    assert token_of(goal_id) == bytes.fromhex(token)
    return goal_id


def test_a_server_takes_the_goals_of_its_own_graph_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = _goal(THEIRS, monkeypatch), _goal(OURS, monkeypatch)
    server = Commanders()
    assert server.refusal(ours) == ""
    assert f"another graph ({THEIRS}); this robot is commanded by {OURS}" in server.refusal(theirs)
    assert "ROS_DOMAIN_ID" in server.refusal(theirs)
    assert server.refusal(ours) == ""


def test_goals_without_a_mark_are_taken_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(owner.VARIABLE, raising=False)
    monkeypatch.setattr(owner, "_own", None)
    assert token_of(make_goal_id()) is None
    monkeypatch.setenv(owner.VARIABLE, f"1:0:{OURS}")
    assert Commanders().refusal(UUID(uuid=list(uuid.uuid4().bytes))) == ""


def test_two_commanders_of_one_server_do_not_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was started by hand stays with whom it heard last."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(commanders.time, "monotonic", lambda: clock.now)
    first, second = _goal(OURS, monkeypatch), _goal(THEIRS, monkeypatch)
    monkeypatch.delenv(owner.VARIABLE)
    server = Commanders()
    assert server.refusal(first) == "" and server.refusal(second)
    for _ in range(10):  # the first one's heartbeats keep it; the second one's are none of it
        clock.now += 3.0
        server.hear(first)
        server.hear(second)
        assert server.refusal(second)
    clock.now += 5.1
    assert server.refusal(second) == "" and server.refusal(first)
