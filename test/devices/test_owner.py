"""Processes that end with the one that started them."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from equigrasp.devices import owner as module
from equigrasp.devices.owner import (
    VARIABLE,
    Owner,
    become_owner,
    graph_token,
    owner_of_this_process,
)
from equigrasp.errors import ConfigError


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(module, "_own", None)


def test_a_process_without_an_owner_has_none() -> None:
    assert owner_of_this_process() is None and graph_token() is None


def test_an_owner_is_told_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = become_owner()
    assert owner.pid == os.getpid() and not owner.is_gone() and become_owner() is owner
    assert graph_token() == bytes.fromhex(owner.token)
    monkeypatch.setenv(VARIABLE, owner.environment[VARIABLE])
    assert owner_of_this_process() == owner


@pytest.mark.parametrize("text", ["7", "a:1:00", "1:2:zz", "1:2:001122334455:9", "1:2:0011"])
def test_an_owner_that_nobody_wrote_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ConfigError, match=f"{VARIABLE} '{text}'"):
        owner_of_this_process()


def test_a_later_process_of_the_same_number_is_another() -> None:
    owner = become_owner()
    assert Owner(owner.pid, owner.started - 1, owner.token).is_gone()


@pytest.mark.parametrize("has_pidfd", [True, False])
def test_the_end_of_an_owner_is_noticed(has_pidfd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_pidfd:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = module._look_up(process.pid)
    assert found is not None
    owner, gone = Owner(process.pid, found[1], "00" * 6), threading.Event()
    owner.watch(gone.set)
    assert not gone.is_set() and not owner.is_gone()
    process.send_signal(signal.SIGKILL)  # nobody has asked for its exit code yet
    assert gone.wait(20.0) and owner.is_gone()
    process.communicate()
    after = threading.Event()
    owner.watch(after.set)
    assert after.wait(20.0)
