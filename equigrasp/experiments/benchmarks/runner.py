"""Start workers on a plan, watch them, and redraw tables and curves as results come in."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from equigrasp.devices.owner import become_owner
from equigrasp.experiments.benchmarks.curves import draw_curves
from equigrasp.experiments.benchmarks.kept_pieces import keep_pieces
from equigrasp.experiments.benchmarks.plan import Piece, chosen_pieces
from equigrasp.experiments.benchmarks.protocol import Order
from equigrasp.experiments.benchmarks.results import read_results
from equigrasp.experiments.benchmarks.servo_tables import write_servo_tables
from equigrasp.experiments.benchmarks.status import describe, survey
from equigrasp.experiments.benchmarks.tables import write_tables
from equigrasp.experiments.benchmarks.worker import Task, error_path

_POLL = 1.0  # [s]
_STATUS_EVERY = 60.0  # [s]
_STOP_TIMEOUT = (
    60.0  # [s] for the attempt in flight; then the worker is killed, which costs that attempt
)
_MAX_RESTARTS = 10  # of each worker that a signal killed

Show = Callable[[str], None]


def redraw(order: Order, out: Path) -> None:
    """Write all tables and curves of an order from what its folder holds."""
    if order.conditions.protocol == "targets":
        # Here: it needs the simulator, which other tables are drawn without.
        from equigrasp.experiments.benchmarks.target_tables import write_target_tables

        write_target_tables(order, out)
        return
    keep_pieces(out)
    if order.conditions.protocol == "servo":
        write_servo_tables(order, out)
        return
    results = read_results(order, out)
    write_tables(order, out, results)
    draw_curves(order, out, results)


def run_plan(task: Task, num_workers: int, show: Show) -> int:
    """Run the pieces of a task in worker processes; return the number of pieces that failed.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when all workers have saved and stopped.
    """
    out, order = Path(task.out), task.order
    plan = chosen_pieces(order, task.only)
    workers = [_Worker(task, i) for i in range(num_workers)]
    finished = _finished(plan, out)
    redraw(order, out)
    next_status = time.monotonic()
    try:
        while any([w.is_alive() for w in workers]):  # asks every one: a killed one starts again
            for piece in plan:
                if piece not in finished and piece.result(out).is_file():
                    finished.add(piece)
                    show(f"finished: {piece}")
                    redraw(order, out)
            if time.monotonic() >= next_status:
                show(describe(survey(plan, out, order.conditions), num_workers))
                next_status = time.monotonic() + _STATUS_EVERY
            time.sleep(_POLL)
    finally:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.wait()
    redraw(order, out)
    return sum(error_path(p, out).is_file() for p in plan)


class _Worker:
    """A worker process; started again where a signal killed it."""

    def __init__(self, task: Task, number: int) -> None:
        self._task = task
        self._log = Path(task.out) / "logs" / f"worker_{number}.log"
        self._num_restarts = 0
        self._process = self._start()

    def is_alive(self) -> bool:
        """Tell whether it works; start it again if it was killed."""
        code = self._process.poll()
        if code is not None and code < 0 and self._num_restarts < _MAX_RESTARTS:
            self._num_restarts += 1
            self._process = self._start()
            return True
        return code is None

    def stop(self) -> None:
        """Ask it to end after the attempt in flight."""
        if self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended; kill it if that takes too long."""
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            return _popen(self._task, log)


def _popen(task: Task, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    threads = str(task.num_threads)
    return subprocess.Popen(
        [sys.executable, "-m", "equigrasp.experiments.benchmarks.worker", task.to_json()],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=os.environ
        | become_owner().environment
        | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        start_new_session=True,  # Ctrl-C reaches this process only, which then asks them to stop
    )


def _finished(plan: list[Piece], out: Path) -> set[Piece]:
    return {p for p in plan if p.result(out).is_file()}
