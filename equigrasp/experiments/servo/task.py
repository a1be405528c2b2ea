"""The task that the configuration of a method in closed loop describes."""

from equigrasp.environments.servo_task import ServoTask
from equigrasp.methods.qt_opt.config import QtOptConfig


def task_of(config: QtOptConfig) -> ServoTask:
    """Return steps, view, reward and end as a configuration has them."""
    network, action = config.network, config.action
    return ServoTask(
        frame=network.frame,
        sight="picture" if network.observation == "color" else "heights",
        crop_px=network.stored_px,
        crop_pixel_size=network.pixel_size,
        largest_step=action.largest_step,
        max_steps=action.max_steps,
        step_penalty=action.step_penalty,
        discount=action.discount,
        termination=action.termination,
        success_height=action.success_height,
        scripted_height=action.scripted_height,
    )
