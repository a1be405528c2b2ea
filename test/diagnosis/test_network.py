"""Who reaches the ROS graph."""

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from equigrasp.diagnosis import network
from equigrasp.diagnosis.environment import prepare_ros
from equigrasp.diagnosis.network import (
    choose_network,
    listening_addresses,
    network_environment,
    network_warning,
    profile_path,
    reach_finding,
)
from equigrasp.errors import ConfigError

FASTRTPS, FASTDDS = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
RANGE, NETWORK = "ROS_AUTOMATIC_DISCOVERY_RANGE", "EQUIGRASP_NETWORK"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (FASTRTPS, FASTDDS, RANGE, NETWORK, "ROS_STATIC_PEERS"):
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)


def test_the_profile_hears_this_machine_alone() -> None:
    root = ElementTree.parse(profile_path()).getroot()
    space = {"d": root.tag[1:].partition("}")[0]}

    def texts(path: str) -> list[str | None]:
        return [e.text for e in root.findall(path, space)]

    assert texts(".//d:interfaceWhiteList/*") == ["127.0.0.1"]
    assert texts(".//d:transport_descriptor/d:type") == ["UDPv4", "SHM"]
    assert texts(".//d:useBuiltinTransports") == ["false"]
    assert sorted(map(str, texts(".//d:userTransports/*"))) == ["loopback", "shared_memory"]
    (participant,) = root.findall(".//d:participant", space)
    assert participant.attrib["is_default_profile"] == "true"


@pytest.mark.parametrize("before", [None, ""])
def test_nodes_are_closed_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    if before is not None:
        monkeypatch.setenv(FASTRTPS, before)
    for _ in range(2):
        prepare_ros()
        assert os.environ[FASTRTPS] == os.environ[FASTDDS] == str(profile_path())
        assert os.environ[RANGE] == "LOCALHOST" and network_warning() == ""
    assert set(network_environment()) == {FASTRTPS, FASTDDS, RANGE, NETWORK}


@pytest.mark.parametrize("name", [FASTRTPS, FASTDDS])
def test_a_users_own_profile_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    own = tmp_path / "own.xml"
    own.write_text("<dds/>", encoding="utf-8")
    monkeypatch.setenv(name, str(own))
    choose_network()
    assert os.environ[name] == str(own)
    assert {FASTRTPS, FASTDDS} & set(os.environ) == {name}
    assert str(own) in network_warning()


def test_a_users_discovery_range_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RANGE, "SUBNET")
    choose_network()
    assert os.environ[RANGE] == "SUBNET" and os.environ[FASTRTPS] == str(profile_path())


def test_a_profile_of_the_working_folder_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "DEFAULT_FASTRTPS_PROFILES.xml").write_text("<dds/>", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    choose_network()
    assert "DEFAULT_FASTRTPS_PROFILES.xml" in network_warning()


@pytest.mark.parametrize("through", ["argument", "environment"])
def test_any_opens_and_says_what(monkeypatch: pytest.MonkeyPatch, through: str) -> None:
    choose_network()
    if through == "environment":
        monkeypatch.setenv(NETWORK, "any")
    monkeypatch.delenv(RANGE)
    choose_network("any" if through == "argument" else "")
    assert not {FASTRTPS, FASTDDS, RANGE} & set(os.environ)
    assert os.environ[NETWORK] == "any"
    assert all(word in network_warning() for word in ("arm", "gripper", "learner"))


@pytest.mark.parametrize("value", ["all", "ANY", "x" * 10_000, "this_machine "])
def test_a_network_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(ConfigError, match="network '.{,50}' is not one of this_machine, any"):
        choose_network(value)
    monkeypatch.setenv(NETWORK, value)
    with pytest.raises(ConfigError, match=f"{NETWORK} '.{{,50}}' is not one of"):
        choose_network()


@pytest.mark.parametrize("name", [FASTRTPS, FASTDDS])
def test_a_profile_that_is_missing_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Fast DDS itself would go on without it, open to the network."""
    monkeypatch.setenv(name, str(tmp_path / "nothing.xml"))
    with pytest.raises(ConfigError, match=f"{name} names '.*nothing.xml', which is no file"):
        choose_network()


def test_static_peers_without_effect_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_STATIC_PEERS", "192.168.1.5")
    choose_network()
    assert "ROS_STATIC_PEERS has no effect" in network_warning()


TABLE = """
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   1: 0100007F:6824 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 11 2 0 0
   2: 00000000:6825 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 12 2 0 0
   3: 020200C0:A2F6 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 13 2 0 0
   4: 0100FFEF:681A 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 14 2 0 0
   5: 00000000000000000000000001000000:681A 0:0 07 0:0 00:0 0  0 0 15 2 0 0
"""


def test_sockets_that_listen_are_read() -> None:
    assert listening_addresses(["11"], TABLE) == ["127.0.0.1"]
    assert listening_addresses(["12", "13"], TABLE) == ["0.0.0.0"]  # 13 only sends
    assert listening_addresses(["14", "15"], TABLE) == ["239.255.0.1", "::1"]
    assert listening_addresses([], TABLE) == listening_addresses(["11"], "") == []


def test_what_listens_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = reach_finding(["127.0.0.1", "::1"])
    assert closed.is_ok and "127.0.0.1, ::1: this machine alone" in closed.what
    opened = reach_finding(["0.0.0.0"])
    assert not opened.is_ok and opened.remedy
    monkeypatch.setattr(network, "_user_profile", lambda: "own.xml")
    assert reach_finding(["0.0.0.0"]).is_ok and "own.xml" in reach_finding(["0.0.0.0"]).what
    monkeypatch.setenv(NETWORK, "any")
    assert "open to the network" in reach_finding(["0.0.0.0"]).what
