"""Answers of the dashboard server, a line of text to a line of text.

Source: Universal Robots, "Dashboard Server e-Series" and "Dashboard Server CB-Series", port 29999.
"""

from collections.abc import Callable

from equigrasp.virtual.ur.ur_controller import UrController
from equigrasp.virtual.ur.ur_state import RuntimeState

GREETING = "Connected: Universal Robots Dashboard Server"


def answer(controller: UrController, line: str) -> str:
    """Act on one request and return the reply, without line ends."""
    action = _ACTIONS.get(line.strip().lower())
    if action is None:
        return f"could not understand: '{line.strip()}'"
    with controller.lock:
        return action(controller)


def _version(controller: UrController) -> str:
    return "URSoftware " + ".".join(map(str, controller.version)) + " (virtual)"


def _remote(controller: UrController) -> str:
    return str(controller.is_remote).lower()


def _running(controller: UrController) -> str:
    is_running = controller.state.runtime_state is RuntimeState.PLAYING
    return f"Program running: {str(is_running).lower()}"


def _program_state(controller: UrController) -> str:
    return f"{controller.state.runtime_state.name} rtde_control"


def _power_on(controller: UrController) -> str:
    return "Powering on" if controller.power_on() else "Failed to execute: power on"


def _brake_release(controller: UrController) -> str:
    return "Brake releasing" if controller.release_brakes() else "Failed to execute: brake release"


def _unlock(controller: UrController) -> str:
    if controller.unlock_protective_stop():
        return "Protective stop releasing"
    return (
        "Cannot unlock protective stop until 5s after occurrence. "
        "Always inspect cause of protective stop before unlocking"
    )


def _stop(controller: UrController) -> str:
    controller.stop_program()
    return "Stopped"


def _play(controller: UrController) -> str:
    return "Failed to execute: play"  # no program file is loaded


_ACTIONS: dict[str, Callable[[UrController], str]] = {
    "polyscopeversion": _version,
    "robotmode": lambda c: f"Robotmode: {c.state.robot_mode.name}",
    "safetystatus": lambda c: f"Safetystatus: {c.state.safety_mode.name}",
    "safetymode": lambda c: f"Safetymode: {c.state.safety_mode.name}",
    "is in remote control": _remote,
    "get serial number": lambda _: "20195500000",
    "get robot model": lambda _: "UR5",
    "running": _running,
    "programstate": _program_state,
    "power on": _power_on,
    "brake release": _brake_release,
    "unlock protective stop": _unlock,
    "restart safety": lambda _: "Restarting safety",
    "close popup": lambda _: "closing popup",
    "close safety popup": lambda _: "closing safety popup",
    "stop": _stop,
    "play": _play,
    "quit": lambda _: "Disconnected",
}
