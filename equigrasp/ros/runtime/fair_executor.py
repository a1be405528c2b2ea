"""An executor of rclpy whose threads all come to run."""

import time
from typing import Any

from rclpy.executors import MultiThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation

from equigrasp.ros.runtime.message_guard import MessageGuard
from equigrasp.ros.runtime.orderly_end import OrderlyEnd
from equigrasp.ros.runtime.rclpy_versions import FAIR_EXECUTOR, holds

_PAUSE = 1e-4  # [s] in which a thread of the pool takes the callback that was handed to it
_LONGEST_WAIT = 1.0  # [s] for a callback, before it is asked whether there is an end
_NUM_TRIES = 10  # a node that is cleaned up destroys several entities
_GONE = (rclpy_implementation.RCLError, rclpy_implementation.InvalidHandle)


class FairExecutor(OrderlyEnd, MessageGuard, MultiThreadedExecutor):
    """rclpy's multi-threaded executor, which gives way to its own threads after each callback.

    rclpy 7.1 (Jazzy) hands a callback over again and again until a thread has begun it (mended in
    Rolling: https://github.com/ros2/rclpy/pull/1469). Meanwhile it lets go of the interpreter for
    microseconds only, often enough that the wait of the others for their turn begins anew each time:
    every other thread of the process, those that watch over the arm too, stands still for up to 0.8 s.
    """

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Hand one callback to the threads, and let one of them take it.

        Without a timeout it looks round now and then: `shutdown` of rclpy 7.1 destroys what wakes a
        waiting thread as soon as it has triggered it, and who began to wait meanwhile would wait on.
        """
        is_fair = holds(FAIR_EXECUTOR)
        super().spin_once(_LONGEST_WAIT if is_fair and timeout_sec is None else timeout_sec)
        if is_fair:
            time.sleep(_PAUSE)

    def wait_for_ready_callbacks(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next callback; an entity destroyed while all are gathered is left out.

        rclpy notices that an action server or an event handler has gone, and adds it to what it waits
        for all the same.
        """
        for _ in range(_NUM_TRIES - 1 if holds(FAIR_EXECUTOR) else 0):
            try:
                return super().wait_for_ready_callbacks(*args, **kwargs)
            except _GONE:
                time.sleep(_PAUSE)
        return super().wait_for_ready_callbacks(*args, **kwargs)
