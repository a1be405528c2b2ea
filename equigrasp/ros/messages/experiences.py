"""Between experience messages and steps."""

import math

from equigrasp_interfaces.msg import Experience

from equigrasp.errors import ReplayError
from equigrasp.learning.grasping.grasp_step import grasp_step, quantize
from equigrasp.replay.step import Step
from equigrasp.ros.messages.heightmaps import from_heightmap_msg

_TIMES = ("attempt_time", "idle_time", "decision_time")


def from_experience_msg(message: Experience) -> Step:
    """Return an attempt as a step; whether a run can learn from it, its `ExperienceSpec` says.

    Raises:
        PerceptionError: if the heightmap is not whole.
        ConfigError: if the heightmap's workspace is none.
        ReplayError: if the attempt holds what is no number.
    """
    heightmap, grasp = from_heightmap_msg(message.heightmap).heightmap, message.grasp
    for name in _TIMES:
        if not math.isfinite(getattr(message, name)):
            raise ReplayError(f"{name} is {getattr(message, name)}.")
    return grasp_step(
        quantize(heightmap),
        int(grasp.row),
        int(grasp.col),
        int(grasp.rotation_bin),
        float(message.reward),
        int(message.attempt),
    )
