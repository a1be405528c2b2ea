"""Objects that have come to rest sleep until something touches them, which is most of the time.

Contacts between resting objects are what a step costs: 15 objects in a tray take eight times as long as
they do asleep. The engine wakes a body, and all that it touches, as soon as a body that is awake meets
it; by itself it would let bodies sleep only after 2 s, and at any speed below 0.2 m/s.
"""

from collections.abc import Iterable

from equigrasp.simulation.physics import TIME_STEP, Physics

_STEPS_BETWEEN_LOOKS = 12
_REST_TIME = 0.5  # [s] at rest before an object sleeps
_REST_SPEED = 0.002  # [m/s]
_REST_TURN = 0.05  # [rad/s]
_NUM_LOOKS = round(_REST_TIME / TIME_STEP / _STEPS_BETWEEN_LOOKS)


class RestingObjects:
    """Looks at the objects now and then, and lets those that rest sleep.

    Args:
        physics: The simulation.
        handles: The objects' bodies, as they are at any time.
    """

    def __init__(self, physics: Physics, handles: Iterable[int]) -> None:
        self._client = physics.client
        self._handles = handles
        self._num_steps = 0
        self._looks_at_rest: dict[int, int] = {}
        physics.add_step_hook(self._before_step)

    def wake_all(self) -> None:
        """Begin anew with all objects awake, as where the state of the world is kept or returned to."""
        self._num_steps = 0
        self._looks_at_rest.clear()
        for handle in self._handles:
            self._client.changeDynamics(
                handle, -1, activationState=self._client.ACTIVATION_STATE_WAKE_UP
            )

    def _before_step(self, now: float) -> None:
        self._num_steps += 1
        if self._num_steps % _STEPS_BETWEEN_LOOKS:
            return
        client, before = self._client, self._looks_at_rest
        self._looks_at_rest = {}
        for handle in self._handles:
            velocity, turning = client.getBaseVelocity(handle)
            if _norm(velocity) > _REST_SPEED or _norm(turning) > _REST_TURN:
                continue
            self._looks_at_rest[handle] = before.get(handle, 0) + 1
            if self._looks_at_rest[handle] >= _NUM_LOOKS:
                client.changeDynamics(
                    handle,
                    -1,
                    activationState=client.ACTIVATION_STATE_ENABLE_SLEEPING
                    | client.ACTIVATION_STATE_SLEEP,
                )


def _norm(vector: tuple[float, float, float]) -> float:
    x, y, z = vector
    return float((x * x + y * y + z * z) ** 0.5)
