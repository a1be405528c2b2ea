"""Questions and orders to a UR's dashboard server: is it ready, and how to make it so again.

Source: Universal Robots, "Dashboard Server e-Series" and "Dashboard Server CB-Series".
"""

import contextlib
import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from equigrasp.errors import CommandRejectedError, DeviceError, DeviceTimeoutError
from equigrasp.hardware.ur.ur_modes import safety_problem
from equigrasp.hardware.ur.ur_version import missing_dashboard

_CONNECT_TIMEOUT_MS = 2000
_POLL = 0.2  # [s]


def load_library(module: str) -> Any:
    """Import a module of ur_rtde; raise `ImportError` that says what to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            "The UR5 is driven with ur_rtde, which is missing: "
            "pip install ur-rtde==1.6.5 (requirements/hardware.txt)"
        ) from error


@dataclass(frozen=True)
class UrDescription:
    """What a robot says of itself; modes by name, as `ur_modes` has them."""

    model: str
    version: str
    robot_mode: str
    safety_mode: str
    is_remote: bool


class UrDashboard:
    """The dashboard server of one controller; a context manager.

    Raises:
        DeviceError: from every method, when the controller cannot be reached or does not answer
            within 2.5 s.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._client: Any = None

    def __enter__(self) -> "UrDashboard":
        self._client = load_library("dashboard_client").DashboardClient(self._host)
        try:
            self._call(lambda: self._client.connect(_CONNECT_TIMEOUT_MS))
        except DeviceError as error:
            why, is_sure = missing_dashboard(self._host)
            head = f"The robot at {self._host} offers no dashboard." if is_sure else str(error)
            raise DeviceError(f"{head} {why}".rstrip()) from error
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.disconnect()

    def describe(self) -> UrDescription:
        """Return model, version and modes; changes nothing."""
        return UrDescription(
            str(self._call(self._client.getRobotModel)),
            str(self._call(self._client.polyscopeVersion)),
            self._word(self._client.robotmode),
            self._word(self._client.safetystatus),
            not self._has_remote_control() or bool(self._call(self._client.isInRemoteControl)),
        )

    def require_ready(self) -> None:
        """Raise `CommandRejectedError` that names what keeps the robot from being driven."""
        if self._has_remote_control() and not self._call(self._client.isInRemoteControl):
            raise CommandRejectedError(
                f"The robot at {self._host} is in local control. "
                "Choose 'Remote Control' at the top right of the pendant."
            )
        problem = safety_problem(self._word(self._client.safetystatus))
        if problem:
            raise CommandRejectedError(f"The robot at {self._host} is in {problem}.")
        mode = self._word(self._client.robotmode)
        if mode != "RUNNING":
            raise CommandRejectedError(
                f"The robot at {self._host} is in robot mode {mode}. "
                "Power it on and release the brakes, or recover()."
            )

    def recover(self, timeout: float) -> None:
        """End the program, unlock, power on and release the brakes, each within `timeout` [s].

        Nothing moves but the brakes. An emergency stop must be released by hand first.
        """
        with contextlib.suppress(DeviceError):  # refused where no program runs
            self._call(self._client.stop)  # or the program would go on to its old target
        self._call(self._client.closeSafetyPopup)
        status = self._word(self._client.safetystatus)
        if status in ("FAULT", "VIOLATION"):
            self._call(self._client.restartSafety)
            self._wait("NORMAL", self._client.safetystatus, timeout)
        elif status == "PROTECTIVE_STOP":
            self._unlock(timeout)
        elif safety_problem(status):
            raise CommandRejectedError(
                f"The robot at {self._host} is in {safety_problem(status)}."
            )
        if self._word(self._client.robotmode) != "RUNNING":
            self._call(self._client.powerOn)
            self._call(self._client.brakeRelease)
            self._wait("RUNNING", self._client.robotmode, timeout)

    def _unlock(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:  # refused during the first 5 s after the stop
                self._call(self._client.unlockProtectiveStop)
                break
            except DeviceError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_POLL)
        self._wait("NORMAL", self._client.safetystatus, timeout)

    def _wait(self, wanted: str, ask: Callable[[], str], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while (found := self._word(ask)) != wanted:
            if time.monotonic() > deadline:
                raise DeviceTimeoutError(
                    f"The robot at {self._host} is in {found}, not in {wanted}, "
                    f"after {timeout:.0f} s. See the pendant."
                )
            time.sleep(_POLL)

    def _has_remote_control(self) -> bool:
        version = self._call(self._client.polyscopeVersion)  # such as 5.11.0.108249
        major, minor = (int(part) for part in version.split(".")[:2])
        return (major, minor) >= (5, 6)

    def _word(self, ask: Callable[[], str]) -> str:
        return str(self._call(ask)).rpartition(" ")[2]

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(
                f"The dashboard server of the robot at {self._host} failed: "
                f"{str(error).rstrip('.')}. Check power, cable and address."
            ) from error
