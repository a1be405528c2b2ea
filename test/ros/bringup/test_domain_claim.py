"""One graph to a ROS domain."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from domains import free_domain  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402

from equigrasp.errors import ConfigError  # noqa: E402
from equigrasp.ros.bringup import domain_claim  # noqa: E402
from equigrasp.ros.bringup.domain_claim import check_graph, claim_domain, ros_domain  # noqa: E402

HOLDER = """
import sys
from equigrasp.ros.bringup.domain_claim import claim_domain
claim_domain(sys.argv[1], sys.argv[2])
print("held", flush=True)
input()
"""
DOMAIN = free_domain()


@pytest.fixture(autouse=True)
def _domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(DOMAIN))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setattr(domain_claim, "_claims", {})


def _hold(run: str, namespace: str = "/") -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER, run, namespace],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    while process.stdout.readline() != b"held\n":  # PyBullet greets first
        assert process.poll() is None, "the holder has ended"
    return process


def test_a_second_graph_is_refused_naming_the_first(tmp_path: Path) -> None:
    holder = _hold(str(tmp_path / "first"))
    try:
        with pytest.raises(ConfigError) as refusal:
            claim_domain("results/second")
        for words in (
            f"process {holder.pid}",
            str(tmp_path / "first"),
            "ROS_DOMAIN_ID=",
        ):
            assert words in str(refusal.value)
        claim_domain("results/second", "/left_cell")  # a fleet shares a domain
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    claim_domain("results/second")  # the kernel let go of it
    claim_domain("results/second")  # ours


def test_a_holder_that_stands_still_is_named_all_the_same(tmp_path: Path) -> None:
    holder = _hold(str(tmp_path), "/still")
    holder.send_signal(signal.SIGSTOP)
    try:
        status = Path(f"/proc/{holder.pid}/stat")
        while status.read_text().rpartition(")")[2].split()[0] != "T":
            assert holder.poll() is None
        with pytest.raises(ConfigError, match=f"process {holder.pid}\\."):
            claim_domain("results/second", "/still")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()


@pytest.mark.parametrize("text", ["abc", "300", "-1", "1.5", "²"])
def test_a_domain_that_does_not_exist_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", text)
    with pytest.raises(ConfigError, match=f"ROS_DOMAIN_ID '{text}' is not a whole number"):
        ros_domain()


@pytest.mark.ros
def test_nodes_that_nobody_claimed_for_are_found() -> None:
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = Node("executor", context=context)

    def is_found() -> bool:
        try:
            check_graph(["executor", "learner"])
        except ConfigError as error:
            assert "still ending (executor)" in str(error)
            return True
        return False  # on a busy machine two seconds may be too short to find it

    try:
        wait_for(is_found, 20.0, "the node")
        check_graph(["executor", "learner"], "/left_cell")
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    check_graph(["learner"])
