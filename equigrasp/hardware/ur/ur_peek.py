"""Reads a UR's state once and prints it as JSON: `python -m equigrasp.hardware.ur.ur_peek HOST`.

A program of its own, because ur_rtde's constructors wait without bound. It only listens: nothing is
sent that the robot acts on.
"""

import json
import math
import os
import signal
import subprocess
import sys

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.ur.ur_dashboard import load_library

_TIMEOUT = 10.0  # [s]


def peek(host: str) -> dict[str, list[float]]:
    """Return `positions` [rad] and `velocities` [rad/s] of the joints as RTDE tells them.

    Raises:
        DeviceTimeoutError: if nothing comes in bounded time.
        DeviceError: if ur_rtde is missing or fails.
    """
    command = [sys.executable, "-m", "equigrasp.hardware.ur.ur_peek", host]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise DeviceTimeoutError(
            f"No state of the robot at {host} within {_TIMEOUT:.0f} s."
        ) from error
    if done.returncode:
        raise DeviceError(done.stderr.strip().rpartition("\n")[2] or "ur_rtde failed")
    state: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return state


def main() -> None:
    """Print the state; whoever asked may be gone before a constructor comes back."""
    signal.alarm(math.ceil(_TIMEOUT))
    receive = load_library("rtde_receive").RTDEReceiveInterface(sys.argv[1])
    state = {"positions": receive.getActualQ(), "velocities": receive.getActualQd()}
    sys.stdout.write(json.dumps(state) + "\n")
    sys.stdout.flush()
    os._exit(0)  # ur_rtde's destructors may wait for a controller that is gone


if __name__ == "__main__":
    main()
