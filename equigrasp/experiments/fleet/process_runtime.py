"""Each role in a process of its own on this machine, which ends with this one, whatever ends it."""

import contextlib
import json
import logging
import multiprocessing
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from equigrasp.devices.owner import Owner, become_owner
from equigrasp.experiments.fleet.message import FleetError, PeerGoneError
from equigrasp.experiments.fleet.role_loop import RoleLoop
from equigrasp.experiments.fleet.runtime import REPORT, RoleSpec, RoleState
from equigrasp.experiments.fleet.sockets import SocketPeers, listen, socket_path

_LOGGER = logging.getLogger(__name__)
_LOOK_PERIOD = 0.2  # [s] in which the roles work between two looks
_START_PATIENCE = 300.0  # [s] until a role listens
_END_PATIENCE = 30.0  # [s] until a role has saved its state; then it is killed
_REPORT_PATIENCE = 2.0  # [s]: a collector may be in the midst of an episode


class ProcessRuntime:
    """See `Runtime`. A process that has ended is started again in `watch`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="equigrasp_fleet_"))  # mode 0700
        self._key = secrets.token_bytes(32)
        self._peers = SocketPeers(self._folder, self._key)
        self._reports = SocketPeers(self._folder, self._key, _REPORT_PATIENCE)
        self._cast = dict[str, RoleSpec]()
        self._processes = dict[str, SpawnProcess]()
        self._states = dict[str, RoleState]()

    @property
    def pids(self) -> dict[str, int]:
        """Numbers of the processes by role."""
        return {name: process.pid or 0 for name, process in self._processes.items()}

    def start(self, cast: Mapping[str, RoleSpec]) -> None:
        """See `Runtime.start`.

        Raises:
            FleetError: if a role ends before it listens.
        """
        try:
            for name, spec in cast.items():
                self._cast[name] = spec
                self._states[name] = RoleState(True)
                self._spawn(name)
            for name in cast:
                self._wait_for(name)
        except BaseException:
            self.stop()
            raise

    def call(self, name: str, method: str, *arguments: Any) -> list[Any]:
        """See `Runtime.call`."""
        return self._peers.call(name, method, *arguments)

    def tell(self, name: str, method: str, *arguments: Any) -> None:
        """See `Runtime.tell`."""
        with contextlib.suppress(FleetError):
            self.call(name, method, *arguments)

    def watch(self) -> dict[str, RoleState]:
        """See `Runtime.watch`."""
        time.sleep(_LOOK_PERIOD)
        for name, process in self._processes.items():
            state = self._states[name]
            if process.exitcode is not None:
                reason = _reason(process.exitcode)
                _LOGGER.warning("'%s' ended by %s; it is started again.", name, reason)
                self._spawn(name)
                self._states[name] = RoleState(False, state.num_restarts + 1, reason=reason)
                continue
            with contextlib.suppress(FleetError):
                figures = self._reports.call(name, REPORT)[0]
                self._states[name] = RoleState(True, state.num_restarts, figures, state.reason)
        return dict(self._states)

    def stop(self) -> None:
        """See `Runtime.stop`."""
        for name in reversed(list(self._processes)):
            process = self._processes.pop(name)
            process.terminate()
            process.join(_END_PATIENCE)
            if process.exitcode is None:
                _LOGGER.error("'%s' did not end within %g s; it is killed.", name, _END_PATIENCE)
                process.kill()
                process.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self, name: str) -> None:
        context = multiprocessing.get_context("spawn")  # a forked simulator, or torch, may hang
        text = json.dumps(asdict(self._cast[name]))
        given = (name, text, str(self._folder), self._key, become_owner())
        socket_path(self._folder, name).unlink(missing_ok=True)
        for peers in (self._peers, self._reports):
            peers.forget(name)
        process = context.Process(target=run_role, args=given, name=f"fleet {name}", daemon=True)
        with _without_main():
            process.start()
        self._processes[name] = process

    def _wait_for(self, name: str) -> None:
        end = time.monotonic() + _START_PATIENCE
        process = self._processes[name]
        while not socket_path(self._folder, name).exists():
            process.join(0.05)
            if process.exitcode is not None:
                raise FleetError(
                    f"'{name}' ended by {_reason(process.exitcode)} before it began; its last lines say why."
                )
            if time.monotonic() > end:
                raise PeerGoneError(f"'{name}' has not begun within {_START_PATIENCE:g} s.")


def run_role(name: str, spec: str, folder: str, key: bytes, owner: Owner) -> None:
    """Build a role and run it: what a process of its own does.

    Args:
        name: Of the role.
        spec: JSON of a `RoleSpec`.
        folder: Of the sockets.
        key: See `SocketPeers`.
        owner: Who this process ends with.
    """
    owner.watch(lambda: os._exit(1))  # what was acknowledged is on disk
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner hears it, and ends this one
    is_told_to_end = []
    signal.signal(signal.SIGTERM, lambda *_: is_told_to_end.append(True))
    role = RoleSpec(**json.loads(spec)).build(name, SocketPeers(Path(folder), key))
    loop = RoleLoop(role)
    signal.signal(signal.SIGTERM, lambda *_: loop.end())
    if is_told_to_end:
        loop.end()
    listen(loop, socket_path(Path(folder), name), key)
    loop.run()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Keep a process that is spawned from running this one's program again before it runs its role."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _reason(code: int) -> str:
    """Return how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
