"""The faults of a campaign: what begins them, what ends them, and what became of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong for a while.

    Args:
        begin: Order to the virtual cell, `kill NODE`, or what a foreign node does (`rogue …`).
        end: Order that ends it; empty: it ends by itself.
        duration: How long it lasts [s].
        needs_recovery: Whether a person has to recover the arm.
    """

    begin: str
    end: str = ""
    duration: float = 0.0
    needs_recovery: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one fault.

    Args:
        fault: What began it.
        attempt: Attempts made before.
        went_on: Whether two more attempts were made after it.
        time_to_go_on: From its end until both are on disk [s].
        num_lost: Tries, of the way home too, that ended as a fault: neither success nor failure.
        num_recoveries: Calls of the operator beside the one that the fault itself calls for.
        message: What the collector said of the first attempt that was lost.
    """

    fault: str
    attempt: int
    went_on: bool
    time_to_go_on: float
    num_lost: int
    num_recoveries: int
    message: str


FAULTS = (
    Fault("drop_link", "restore_link", 3.0),
    Fault("late_packets 0.05", "late_packets 0", 5.0),
    Fault("stop_program", needs_recovery=True),
    Fault("protective_stop", "unlock", 6.0, needs_recovery=True),
    Fault("emergency_stop", "release_emergency_stop", 3.0, needs_recovery=True),
    Fault("speed_slider 0.3", "speed_slider 1", 5.0),
    Fault("rogue trajectories"),
    Fault("gripper_unplug", "gripper_plug", 3.0),
    Fault("gripper_answers silence", "gripper_answers well", 1.5),
    Fault("gripper_answers noise", "gripper_answers well", 1.0),
    Fault("gripper_block", "gripper_free", 4.0),
    Fault("camera_unplug", "camera_plug", 4.0),
    Fault("camera_freeze on", "camera_freeze off", 4.0),
    Fault("camera_blind on", "camera_blind off", 4.0),
    Fault("camera_delay 1.5", "camera_delay 0", 4.0),
    Fault("camera_reorder on", "camera_reorder off", 4.0),
    Fault("camera_clock 3600", "camera_clock 0", 4.0),
    Fault("camera_clock -3600", "camera_clock 0", 4.0),
    Fault("rogue NaN images"),
    Fault("kill arm"),
    Fault("kill gripper"),
    Fault("kill camera"),
    Fault("kill executor"),
    Fault("kill policy"),
    Fault("kill learner"),
    Fault("kill collector"),
)
