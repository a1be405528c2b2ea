"""Names of a UR controller's modes, and what to do about them.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) Guide".
"""

from equigrasp.devices.motion import StopReason

ROBOT_RUNNING = 7
_ROBOT_MODES = {
    -1: "NO_CONTROLLER",
    0: "DISCONNECTED",
    1: "CONFIRM_SAFETY",
    2: "BOOTING",
    3: "POWER_OFF",
    4: "POWER_ON",
    5: "IDLE",
    6: "BACKDRIVE",
    ROBOT_RUNNING: "RUNNING",
    8: "UPDATING_FIRMWARE",
}

_SAFETY_NORMAL = 1
_SAFETY_REDUCED = 2
_SAFETY_MODES = {
    _SAFETY_NORMAL: "NORMAL",
    _SAFETY_REDUCED: "REDUCED",
    3: "PROTECTIVE_STOP",
    4: "RECOVERY",
    5: "SAFEGUARD_STOP",
    6: "SYSTEM_EMERGENCY_STOP",
    7: "ROBOT_EMERGENCY_STOP",
    8: "VIOLATION",
    9: "FAULT",
    10: "VALIDATE_JOINT_ID",
    11: "UNDEFINED_SAFETY_MODE",
}

PROGRAM_PLAYING = 2
_RUNTIME_STATES = {
    0: "STOPPING",
    1: "STOPPED",
    PROGRAM_PLAYING: "PLAYING",
    3: "PAUSING",
    4: "PAUSED",
    5: "RESUMING",
}

SAFE_TO_MOVE = ("NORMAL", "REDUCED")
_REMEDIES = {
    "PROTECTIVE_STOP": "find the cause, clear the cell, then recover()",
    "SAFEGUARD_STOP": "close the safeguard, then recover()",
    "SYSTEM_EMERGENCY_STOP": "release the emergency stop, then recover()",
    "ROBOT_EMERGENCY_STOP": "release the emergency stop, then recover()",
}


_STOPS = {
    "PROTECTIVE_STOP": StopReason.PROTECTIVE_STOP,
    "SAFEGUARD_STOP": StopReason.PROTECTIVE_STOP,
    "SYSTEM_EMERGENCY_STOP": StopReason.EMERGENCY_STOP,
    "ROBOT_EMERGENCY_STOP": StopReason.EMERGENCY_STOP,
}


def stop_reason(safety_mode: int) -> StopReason:
    """Return the name that a `problem` has for those who know no UR."""
    return _STOPS.get(_SAFETY_MODES.get(safety_mode, ""), StopReason.NOT_READY)


def safety_problem(name: str) -> str:
    """Return why a safety mode or status forbids motion and what helps; empty where it does not."""
    if name in SAFE_TO_MOVE:
        return ""
    return f"safety mode {name}: {_REMEDIES.get(name, 'see the pendant')}"


def problem(robot_mode: int, safety_mode: int, runtime_state: int) -> str:
    """Return why the robot cannot follow set-points and what helps; empty where it can."""
    safety = safety_problem(_SAFETY_MODES.get(safety_mode, str(safety_mode)))
    if safety:
        return safety
    if robot_mode != ROBOT_RUNNING:
        name = _ROBOT_MODES.get(robot_mode, str(robot_mode))
        return f"robot mode {name}: power on and release the brakes, or recover()"
    if runtime_state != PROGRAM_PLAYING:
        name = _RUNTIME_STATES.get(runtime_state, str(runtime_state))
        return f"control script {name}, by the pendant or the watchdog: recover()"
    return ""
