"""What can be done to a virtual cell while it runs: faults, and their ends."""

from collections.abc import Callable

from equigrasp.errors import ConfigError
from equigrasp.virtual.command_server import Order
from equigrasp.virtual.realsense.frame_server import FrameServer
from equigrasp.virtual.robotiq.faulty_line import Mishap
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer
from equigrasp.virtual.ur.ur_controller import UrController
from equigrasp.virtual.ur.ur_server import UrServer

_SWITCH = {"on": True, "off": False, "": True}
_WELL = "well"


def make_orders(
    controller: UrController,
    robot: UrServer,
    firmware: VirtualRobotiq,
    gripper: VirtualUrcapServer,
    camera: FrameServer,
) -> dict[str, Order]:
    """Return the orders by name."""
    return {
        **_robot_orders(controller, robot),
        "gripper_fault": _number("raise a fault (gFLT), such as 0x0E", firmware.raise_fault, int),
        "gripper_power": _do("lose power for a moment: the activation is gone",
                             firmware.switch_off_and_on),
        "gripper_block": _do("hold the fingers where they are", firmware.block),
        "gripper_free": _do("let them move again", firmware.unblock),
        "gripper_unplug": _do("break off the URCap's connections", gripper.unplug),
        "gripper_plug": _do("accept them again", gripper.plug),
        "gripper_answers": Order(
            f"spoil answers: {', '.join(m.value for m in Mishap)}; {_WELL}: heal them",
            lambda value: _spoil(gripper, value),
        ),
        "camera_unplug": _do("be gone", camera.unplug),
        "camera_plug": _do("be there again", camera.plug),
        "camera_freeze": _switch("the same frame again and again: on, off", camera, "is_frozen"),
        "camera_blind": _switch("no pixel has a depth: on, off", camera, "is_blind"),
        "camera_drop_every": _set("lose every n-th frame; 0: none", camera, "drop_every", int),
        "camera_delay": _set("frames arrive so much later [s]", camera, "delay", float),
        "camera_reorder": _switch(
            "of two frames the later one arrives first: on, off", camera, "is_reordered"
        ),
        "camera_clock": _number(
            "the camera's clock is so much ahead [s]; negative: behind",
            lambda offset: setattr(camera, "clock_offset", offset),
            float,
        ),
    }  # fmt: skip


def _robot_orders(controller: UrController, robot: UrServer) -> dict[str, Order]:
    return {
        "protective_stop": _do(
            "stop the arm and lock it; 5 s later it can be unlocked",
            controller.trigger_protective_stop,
        ),
        "unlock": _do("unlock a protective stop", lambda: _unlock(controller)),
        "emergency_stop": _do("push the button", controller.press_emergency_stop),
        "release_emergency_stop": _do(
            "pull the button out; the arm stays without power", controller.release_emergency_stop
        ),
        "stop_program": _do("end the program, as at the pendant", controller.stop_program),
        "speed_slider": _number(
            "share of the programmed speed, 0 to 1", lambda v: _slide(controller, v), float
        ),
        "refuse_scripts": _switch(
            "uploaded scripts do not start: on, off", controller, "refuses_scripts"
        ),
        "remote_control": _switch("remote control (e-Series): on, off", controller, "is_remote"),
        "drop_link": _do("break off the controller's connections", robot.drop_link),
        "restore_link": _do("accept them again", robot.restore_link),
        "late_packets": _set(
            "RTDE packages leave so much later [s]", robot, "packet_delay", float
        ),
    }


def _do(description: str, act: Callable[[], object]) -> Order:
    def obey(value: str) -> None:
        if value:
            raise ConfigError(f"takes no value, found '{value}'.")
        act()

    return Order(description, obey)


def _number(description: str, act: Callable, kind: type) -> Order:
    def obey(value: str) -> None:
        act(int(value, 0) if kind is int else float(value))

    return Order(description, obey)


def _set(description: str, target: object, name: str, kind: type) -> Order:
    def act(value: float) -> None:
        if value < 0:
            raise ConfigError(f"must not be negative, found {value}.")
        setattr(target, name, value)

    return _number(description, act, kind)


def _switch(description: str, target: object, name: str) -> Order:
    def obey(value: str) -> None:
        if value not in _SWITCH:
            raise ConfigError(f"'{value}' is not one of on, off.")
        setattr(target, name, _SWITCH[value])

    return Order(description, obey)


def _spoil(gripper: VirtualUrcapServer, value: str) -> None:
    if value == _WELL:
        gripper.line.spoil(Mishap.SILENCE, 0)
        return
    known = [m.value for m in Mishap]
    if value not in known:
        raise ConfigError(f"'{value}' is not one of {', '.join([*known, _WELL])}.")
    gripper.line.spoil(Mishap(value))


def _slide(controller: UrController, fraction: float) -> None:
    if not 0.0 <= fraction <= 1.0:
        raise ConfigError(f"speed_slider must be in [0, 1], found {fraction}.")
    with controller.lock:
        controller.state.speed_fraction = fraction


def _unlock(controller: UrController) -> None:
    if not controller.unlock_protective_stop():
        raise ConfigError("it is too early: 5 s must pass after the stop.")
