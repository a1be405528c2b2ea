"""An executor of rclpy whose threads all come to run."""

import time

from rclpy.executors import MultiThreadedExecutor

_PAUSE = 1e-4  # [s] in which a thread of the pool takes the callback that was handed to it


class FairExecutor(MultiThreadedExecutor):
    """rclpy's multi-threaded executor, which gives way to its own threads after each callback.

    rclpy 7.1 (Jazzy) hands a callback over again and again until a thread has begun it (mended in
    Rolling: https://github.com/ros2/rclpy/pull/1469). Meanwhile it lets go of the interpreter for
    microseconds only, often enough that the wait of the others for their turn begins anew each time:
    every other thread of the process, those that watch over the arm too, stands still for up to 0.8 s.
    """

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Hand one callback to the threads, and let one of them take it."""
        super().spin_once(timeout_sec)
        time.sleep(_PAUSE)
