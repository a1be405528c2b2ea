"""The 2F-85's finger linkage: driver angle to opening and back."""

import math

CRANK_LENGTH = 0.0577  # [m] knuckle pivot to fingertip pivot
OPEN_ANGLE = 0.7103  # [rad] crank from the tool axis, fingers open
CLOSED_DRIVER = 0.8  # [rad] driver angle at which the pads meet
STROKE = 0.085  # [m]

_CLOSED_SINE = math.sin(OPEN_ANGLE - CLOSED_DRIVER)
_OPEN_DRIVER = OPEN_ANGLE - math.asin(STROKE / (2 * CRANK_LENGTH) + _CLOSED_SINE)


def width_of(driver: float) -> float:
    """Return the opening [m] at a driver angle [rad] (0 open, 0.8 closed)."""
    return 2.0 * CRANK_LENGTH * (math.sin(OPEN_ANGLE - driver) - _CLOSED_SINE)


def driver_of(width: float) -> float:
    """Return the driver angle [rad] at an opening [m]."""
    sine = min(1.0, max(-1.0, width / (2.0 * CRANK_LENGTH) + _CLOSED_SINE))
    return OPEN_ANGLE - math.asin(sine)


def tip_rise(width: float) -> float:
    """Return how far the fingertips at an opening lie above the closed ones (the TCP) [m]."""
    angle = OPEN_ANGLE - driver_of(width)
    return CRANK_LENGTH * (math.cos(OPEN_ANGLE - CLOSED_DRIVER) - math.cos(angle))


def torque_of(force: float, driver: float) -> float:
    """Return the torque a knuckle [N·m] that presses one pad with `force` [N]."""
    return force * CRANK_LENGTH * math.cos(OPEN_ANGLE - driver)


def driver_speed_of(speed: float, driver: float) -> float:
    """Return the driver speed [rad/s] at which the opening changes by `speed` [m/s]."""
    return speed / (2.0 * CRANK_LENGTH * math.cos(OPEN_ANGLE - driver))
