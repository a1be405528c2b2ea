"""Work that keeps whole files alone ends at once where the worker is told to stop."""

import os
import signal
import subprocess
import sys

SCRIPT = """
import threading
from equigrasp.experiments.benchmarks.worker import _StopSignal
stop = _StopSignal()
with stop.at_once():
    pass
with stop.at_once():
    print("at work", flush=True)
    threading.Event().wait()
"""


def test_a_training_ends_at_once_on_sigterm() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == "at work\n"
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.wait(60) == 1
