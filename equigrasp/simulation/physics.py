"""One PyBullet client: the only place that advances simulated time."""

from collections.abc import Callable
from typing import Any

import pybullet
from pybullet_utils.bullet_client import BulletClient

from equigrasp.errors import NotConnectedError
from equigrasp.simulation.fair_lock import FairLock

TIME_STEP = 1.0 / 240.0  # [s]


class _Client(BulletClient):  # type: ignore[misc]  # PyBullet has no types
    """Binds each function of the engine to its client once, not at every call."""

    def __getattr__(self, name: str) -> Any:
        attribute = super().__getattr__(name)
        if name != "disconnect":  # asking for it marks the client as gone
            setattr(self, name, attribute)
        return attribute


class Physics:
    """A PyBullet world without a window.

    All calls go through `client` while holding `lock`: a bridge may step in one thread while
    drivers read in others, who get their turn after each step. Devices add hooks that run before each step, in the order added.
    """

    def __init__(self) -> None:
        self.lock = FairLock()
        self._client: Any = _Client(connection_mode=pybullet.DIRECT)
        self._hooks: list[Callable[[float], None]] = []
        self._num_steps = 0
        self.start_time = 0.0  # [s] of simulated time at the first step
        self.client.setGravity(0.0, 0.0, -9.81)
        self.client.setPhysicsEngineParameter(
            fixedTimeStep=TIME_STEP,
            numSolverIterations=50,
            deterministicOverlappingPairs=1,
            solverResidualThreshold=1e-7,
        )

    @property
    def client(self) -> Any:
        """The engine; raise `NotConnectedError` once it is closed."""
        if self._client is None:
            raise NotConnectedError("The simulation is closed.")
        return self._client

    @property
    def is_closed(self) -> bool:
        """Whether the engine was freed."""
        return self._client is None

    def add_step_hook(self, hook: Callable[[float], None]) -> None:
        """Have `hook(now)` called before every step, with the time [s] after that step."""
        self._hooks.append(hook)

    def now(self) -> float:
        """Return simulated time [s]."""
        return self.start_time + self._num_steps * TIME_STEP

    def stamp(self) -> float:
        """Return simulated time [s]: devices stamp by it."""
        return self.now()

    def step(self) -> None:
        """Advance by one `TIME_STEP`."""
        with self.lock:
            for hook in self._hooks:
                hook(self.now() + TIME_STEP)
            self.client.stepSimulation()
            self._num_steps += 1

    def sleep(self, duration: float) -> None:
        """Step until `duration` [s] has passed."""
        for _ in range(max(1, round(duration / TIME_STEP))):
            self.step()

    def pause(self) -> None:
        """Step once; makes this object a `Clock`."""
        self.step()

    def close(self) -> None:
        """Free the engine; may be called twice."""
        with self.lock:
            if self._client is not None:
                self._client.disconnect()
                self._client = None
