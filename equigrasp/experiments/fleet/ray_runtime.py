"""Each role an actor of Ray, on one machine or several. Only framed bytes cross, as between processes.

The only module that knows Ray, which it imports when a runtime is made.
"""

import contextlib
import json
import logging
import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from equigrasp.errors import ConfigError
from equigrasp.experiments.fleet.message import FleetError, PeerGoneError, pack_message
from equigrasp.experiments.fleet.role_loop import RoleLoop
from equigrasp.experiments.fleet.runtime import REPORT, RoleSpec, RoleState, read_answer

_LOGGER = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
_MODE, _TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"  # of the environment
_LOOK_PERIOD = 0.2  # [s] in which the roles work between two looks
_PATIENCE = 60.0  # [s] for an answer
_REPORT_PATIENCE = 2.0  # [s]: a collector may be in the midst of an episode
_START_PATIENCE = 300.0  # [s] until a role answers
_END_PATIENCE = 30.0  # [s] until a role has saved its state; then it is killed
_NUM_CALLERS = 64  # calls to a role that wait at once
_OBJECT_STORE_BYTES = 256 * 2**20  # messages are small


class RoleActor:
    """A role in a process of Ray's.

    Args:
        name: Of the role.
        spec: JSON of a `RoleSpec`.
        namespace: Of the fleet.
    """

    def __init__(self, name: str, spec: str, namespace: str) -> None:
        role = RoleSpec(**json.loads(spec)).build(name, RayPeers(namespace))
        self._identity = secrets.token_hex(8)
        self._loop = RoleLoop(role)
        self._thread = threading.Thread(target=self._run, name=f"fleet {name}", daemon=True)
        self._thread.start()

    def handle(self, request: bytes) -> bytes:
        """See `RoleLoop.serve`."""
        return self._loop.serve(request)

    def identity(self) -> list[Any]:
        """Return what changes with each start, and the number of the process."""
        return [self._identity, os.getpid()]

    def end(self) -> None:
        """Have the role save its state, and wait for that."""
        self._loop.end()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run()
        except BaseException:
            _LOGGER.exception("A role failed.")
            os._exit(1)  # Ray starts it again


class RayPeers:
    """The roles of a fleet, wherever Ray has put them.

    Args:
        namespace: Of the fleet.
        patience: Time for an answer [s].
    """

    def __init__(self, namespace: str, patience: float = _PATIENCE) -> None:
        self._ray, self._namespace, self._patience = _import_ray(), namespace, patience
        self._handles = dict[str, Any]()

    def call(self, name: str, method: str, *arguments: Any) -> list[Any]:
        """See `Peers.call`."""
        reply = self.ask(name, "handle", pack_message(method, arguments))
        return read_answer(name, method, reply)

    def ask(self, name: str, what: str, *arguments: bytes, patience: float | None = None) -> Any:
        """Call a method of a role's actor; raise `PeerGoneError` if it does not answer."""
        try:
            if name not in self._handles:
                self._handles[name] = self._ray.get_actor(name, namespace=self._namespace)
            future = getattr(self._handles[name], what).remote(*arguments)
            return self._ray.get(future, timeout=patience or self._patience)
        except (self._ray.exceptions.RayError, ValueError) as error:
            self._handles.pop(name, None)
            raise PeerGoneError(f"'{name}' does not answer: {error}") from error


class RayRuntime:
    """See `Runtime`. Ray itself starts again what has died.

    Args:
        address: Of a cluster that runs, as `ray start --head` prints it; empty: Ray is started here,
            for this machine alone, with a token of its own, and ends with this process. Its ports are
            open on all interfaces all the same (Ray 2.60 binds them so): the token guards them.
        resources: What this machine offers, where Ray is started here.

    Raises:
        ImportError: if Ray is not installed; says how to install it.
        ConfigError: if Ray is to be used without a token.
        FleetError: if Ray cannot be started, or the cluster not be reached.
    """

    def __init__(self, address: str = "", resources: Mapping[str, float] | None = None) -> None:
        if sys.modules.get("ray") and _MODE not in os.environ:
            raise ConfigError(f"Ray reads {_MODE} when it is imported: set it to 'token' before.")
        mode = os.environ.setdefault(_MODE, "token")
        if mode != "token":
            raise ConfigError(
                f"{_MODE} is '{mode}': anybody who reaches the cluster could run code on it. Set it to "
                "'token' here and on every machine of the cluster."
            )
        if not address and "RAY_AUTH_TOKEN_PATH" not in os.environ:
            os.environ.setdefault(_TOKEN, secrets.token_hex(32))
        self._ray = _import_ray()
        self._namespace = f"equigrasp_{secrets.token_hex(4)}"
        self._folder = (
            "" if address else tempfile.mkdtemp(prefix="egr_")
        )  # sockets' paths are short
        given: dict[str, Any] = {"address": address}
        if not address:
            given = {
                "_node_ip_address": _LOOPBACK,
                "_temp_dir": self._folder,
                "resources": dict(resources or {}),
                "object_store_memory": _OBJECT_STORE_BYTES,
                "include_dashboard": False,
            }
        try:
            self._ray.init(**given, namespace=self._namespace, logging_level=logging.WARNING)
        except (RuntimeError, ConnectionError, ValueError, self._ray.exceptions.RayError) as error:
            self._clean()
            raise FleetError(
                f"Ray cannot be started at '{address or _LOOPBACK}': {error}"
            ) from error
        self._peers = RayPeers(self._namespace)
        self._handles = dict[str, Any]()
        self._identities = dict[str, list[Any]]()
        self._states = dict[str, RoleState]()

    @property
    def pids(self) -> dict[str, int]:
        """Numbers of the processes by role, as far as they are known."""
        return {name: int(found[1]) for name, found in self._identities.items()}

    def start(self, cast: Mapping[str, RoleSpec]) -> None:
        """See `Runtime.start`. Roles with files run on this machine, the others wherever there is room.

        Raises:
            ConfigError: if the cluster does not offer what the roles need.
            FleetError: if a role does not begin.
        """
        self._check_resources(cast)
        paths = os.pathsep.join(path for path in sys.path if path)
        actor = self._ray.remote(RoleActor)
        try:
            for name, spec in cast.items():
                self._handles[name] = actor.options(
                    name=name,
                    num_cpus=0,
                    resources=dict(spec.resources),
                    scheduling_strategy=self._here() if spec.has_files else "DEFAULT",
                    max_restarts=-1,
                    max_task_retries=0,  # a call is made once at most; callers ask again
                    max_concurrency=_NUM_CALLERS,
                    runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}},
                ).remote(name, json.dumps(asdict(spec)), self._namespace)
            for name in cast:
                self._identities[name] = self._peers.ask(
                    name, "identity", patience=_START_PATIENCE
                )
                self._states[name] = RoleState(True)
        except BaseException:
            self.stop()
            raise

    def call(self, name: str, method: str, *arguments: Any) -> list[Any]:
        """See `Runtime.call`."""
        return self._peers.call(name, method, *arguments)

    def tell(self, name: str, method: str, *arguments: Any) -> None:
        """See `Runtime.tell`."""
        with contextlib.suppress(KeyError):
            self._handles[name].handle.remote(pack_message(method, arguments))

    def watch(self) -> dict[str, RoleState]:
        """See `Runtime.watch`."""
        time.sleep(_LOOK_PERIOD)
        for name, state in self._states.items():
            try:
                found = self._peers.ask(name, "identity", patience=_REPORT_PATIENCE)
                num_restarts, reason = state.num_restarts, state.reason
                if found[0] != self._identities[name][0]:
                    self._identities[name] = found
                    num_restarts, reason = num_restarts + 1, reason or "a crash"
                request = pack_message(REPORT, [])
                reply = self._peers.ask(name, "handle", request, patience=_REPORT_PATIENCE)
                figures = read_answer(name, REPORT, reply)[0]
                self._states[name] = RoleState(True, num_restarts, figures, reason)
            except PeerGoneError as error:
                if isinstance(error.__cause__, self._ray.exceptions.GetTimeoutError):
                    continue  # busy
                self._states[name] = RoleState(False, state.num_restarts, {}, "a crash")
        return dict(self._states)

    def stop(self) -> None:
        """See `Runtime.stop`."""
        for name in reversed(list(self._handles)):
            handle = self._handles.pop(name)
            with contextlib.suppress(PeerGoneError):
                self._peers.ask(name, "end", patience=_END_PATIENCE)
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(handle, no_restart=True)
        self._clean()

    def _check_resources(self, cast: Mapping[str, RoleSpec]) -> None:
        offered = self._ray.cluster_resources()
        for key in sorted({key for spec in cast.values() for key in spec.resources}):
            needed = sum(spec.resources.get(key, 0.0) for spec in cast.values())
            if offered.get(key, 0.0) < needed:
                raise ConfigError(
                    f"The fleet needs {needed:g} of the resource '{key}', the cluster offers "
                    f"{offered.get(key, 0.0):g}. Start its machines with ray start --resources "
                    f"'{{\"{key}\": N}}', or ask for fewer collectors."
                )

    def _here(self) -> Any:
        """Return that an actor is to run on this machine."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = self._ray.get_runtime_context().get_node_id()
        return NodeAffinitySchedulingStrategy(node_id=node, soft=False)

    def _clean(self) -> None:
        self._ray.shutdown()
        if self._folder:
            shutil.rmtree(Path(self._folder), ignore_errors=True)


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ImportError(
            "A fleet on Ray needs Ray: pip install -r requirements/fleet.txt. The runtimes `embedded` "
            "and `processes` need nothing."
        ) from error
    return ray
