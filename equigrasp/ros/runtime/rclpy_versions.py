"""For which versions of rclpy we override what it does in private.

The overrides make good what rclpy 7.1 (Jazzy) does wrong. Another version may do it otherwise, under the
same names: there, rclpy's own behaviour is left as it is, and the log says what is missing.
"""

import functools
import importlib.metadata
import re
from dataclasses import dataclass

from equigrasp.errors import ConfigError

_OLDEST = (7, 1)  # what the nodes need of its public interface, overrides or not
_TESTED = ((7, 1), (7, 2))  # from, below


@dataclass(frozen=True)
class Override:
    """What one of our classes does in the place of rclpy's.

    Args:
        names: Methods and attributes of rclpy's classes, private ones among them.
        otherwise: What may happen with a version for which it does not hold.
        first: The first version for which it holds.
        below: The first one after these.
    """

    names: tuple[str, ...]
    otherwise: str
    first: tuple[int, int] = _TESTED[0]
    below: tuple[int, int] = _TESTED[1]


MESSAGE_GUARD, ACTION_CLIENT, ACTION_SERVER = "MessageGuard", "ActionClient", "ActionServer"
FAIR_EXECUTOR, ORDERLY_END = "FairExecutor", "OrderlyEnd"
OVERRIDES = {
    MESSAGE_GUARD: Override(
        ("_take_subscription", "_take_service", "_take_client", "_take_waitable"),
        "a message that cannot be read ends the process that hears it",
    ),
    ACTION_CLIENT: Override(
        ("_cancel_goal_async", "_get_result_async", "execute"),
        "an answer that comes very fast may be lost",
    ),
    ACTION_SERVER: Override(
        ("_execute_goal",),
        "goals that have ended keep their memory for 15 minutes",
    ),
    FAIR_EXECUTOR: Override(
        ("spin_once", "wait_for_ready_callbacks"),
        "threads beside the executor may stand still, and an entity that is destroyed may end it",
    ),
    ORDERLY_END: Override(
        ("_guard", "_is_shutdown", "spin_once", "create_task"),
        "a thread may fail while its executor is shut down",
    ),
}


@functools.cache
def rclpy_version() -> tuple[int, int]:
    """Return major and minor number of the rclpy that is installed; (0, 0): it does not say."""
    try:
        text = importlib.metadata.version("rclpy")
    except importlib.metadata.PackageNotFoundError:
        return 0, 0
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def holds(override: str) -> bool:
    """Tell whether an override holds for this rclpy."""
    entry = OVERRIDES[override]
    return entry.first <= rclpy_version() < entry.below


def check_version() -> list[str]:
    """Return what a person should know of this version, empty for one that was tried.

    Raises:
        ConfigError: if it is too old for the nodes.
    """
    version = rclpy_version()
    name = f"rclpy {version[0]}.{version[1]}" if any(version) else "an rclpy of unknown version"
    if any(version) and version < _OLDEST:
        raise ConfigError(
            f"{name} is too old: {_OLDEST[0]}.{_OLDEST[1]} (ROS 2 Jazzy) is needed at least."
        )
    return [
        f"With {name}, {entry.otherwise}: {override} is for {entry.first[0]}.{entry.first[1]} "
        f"to below {entry.below[0]}.{entry.below[1]} only."
        for override, entry in OVERRIDES.items()
        if not holds(override)
    ]
