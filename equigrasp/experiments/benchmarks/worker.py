"""A process that takes piece after piece of a plan until nothing is left for it."""

import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from equigrasp.devices.owner import owner_of_this_process
from equigrasp.errors import CancelledError
from equigrasp.experiments.benchmarks.plan import (
    Kind,
    Piece,
    checkpoints,
    chosen_pieces,
    make_plan,
)
from equigrasp.experiments.benchmarks.protocol import Conditions, LogAmounts, Order
from equigrasp.experiments.runs.claims import claim, is_claimed, write_whole

_LOGGER = logging.getLogger(__name__)
_WAIT = 2.0  # [s] between two looks at a plan of which others hold what is left
_LOOK_PERIOD = 0.5  # [s] between two looks whether work is to end at once
_NICENESS = 10
_MAX_FAILURES = 3  # of a piece, which begins anew where it was; then the worker leaves it


@dataclass(frozen=True)
class Task:
    """What a worker is told.

    Args:
        out: Results folder.
        order: What to run.
        only: Kinds of pieces to take.
        device: Of the networks: `cpu` or `cuda`.
        num_threads: Of PyTorch.
    """

    out: str
    order: Order
    only: tuple[Kind, ...] = ("train", "validate")
    device: str = "cpu"
    num_threads: int = 1

    def to_json(self) -> str:
        """Return it as text for `from_json`."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Task":
        """Return a task from its text."""
        values = json.loads(text)
        order: dict[str, Any] = values.pop("order")
        conditions: dict[str, Any] = order["conditions"]
        logs = conditions.pop("logs")
        amounts = None if logs is None else LogAmounts(**logs)
        order["conditions"] = Conditions(logs=amounts, **conditions)
        lists: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in order.items()
        }
        only = tuple(values.pop("only"))
        return Task(order=Order(**lists), only=only, **values)


def lock_path(piece: Piece, out: Path) -> Path:
    """Return the lock of a piece; all training of a run has one, and all simulating for it."""
    name = piece.name if piece.objects else piece.name.split("_")[0]
    return piece.run(out).path / f"{name}.lock"


def error_path(piece: Piece, out: Path) -> Path:
    """Return where the error lies that ended a piece."""
    return piece.run(out).path / f"{piece.name}.error"


def work(task: Task) -> int:
    """Do all that can be done; return the number of pieces that failed."""
    stop = _StopSignal()
    out = Path(task.out)
    failures: Counter[Piece] = Counter()
    plan = chosen_pieces(task.order, task.only)
    while True:
        open_pieces = [
            p for p in plan if not p.result(out).is_file() and failures[p] < _MAX_FAILURES
        ]
        done = next((p for p in open_pieces if _take(p, task, stop, failures)), None)
        stop.check()
        if done is None:
            if not _is_worth_waiting(make_plan(task.order), open_pieces, out):
                return sum(n >= _MAX_FAILURES for n in failures.values())
            time.sleep(_WAIT)


def _take(piece: Piece, task: Task, stop: "_StopSignal", failures: Counter[Piece]) -> bool:
    """Do a piece if it is ready and free; tell whether it was."""
    out = Path(task.out)
    if not piece.is_ready(out):
        return False
    with claim(lock_path(piece, out)) as is_mine:
        if not is_mine or piece.result(out).is_file():
            return False
        _LOGGER.info("begins: %s", piece)
        try:
            _do(piece, task, stop)
        except CancelledError:
            raise
        except Exception:
            failures[piece] += 1
            write_whole(error_path(piece, out), traceback.format_exc())
            _LOGGER.exception("failed: %s", piece)
            return True
    error_path(piece, out).unlink(missing_ok=True)
    _LOGGER.info("finished: %s", piece)
    return True


def _do(piece: Piece, task: Task, stop: "_StopSignal") -> None:
    """Do a piece; what needs the simulator is imported where it is used."""
    out, conditions = Path(task.out), task.order.conditions
    if conditions.protocol == "targets":
        from equigrasp.experiments.benchmarks.target_pieces import fetch_piece, train_target_piece

        if piece.kind == "train":
            with stop.at_once():
                train_target_piece(piece, out, conditions, task.num_threads)
        else:
            fetch_piece(piece, out, conditions, task.num_threads, stop.check)
        return
    how = task.device, task.num_threads, stop.check
    marks = checkpoints(task.order, piece.method)
    if conditions.protocol == "servo":
        from equigrasp.experiments.benchmarks.servo_pieces import do_servo_piece

        with stop.at_once():
            do_servo_piece(piece, out, conditions, marks, task.num_threads)
        return
    if piece.kind == "learn":
        from equigrasp.experiments.benchmarks.learning import learn_piece

        learn_piece(piece, out, conditions, marks, *how)
    elif piece.kind == "validate":
        from equigrasp.experiments.benchmarks.validation import validate_piece

        validate_piece(piece, out, conditions, *how)
    else:
        from equigrasp.experiments.benchmarks.training import simulate_piece, train_piece

        if piece.kind == "train":
            train_piece(piece, out, conditions, marks, *how)
        else:
            simulate_piece(piece, out, conditions, *how)


def _is_worth_waiting(plan: list[Piece], open_pieces: list[Piece], out: Path) -> bool:
    """Tell whether work may turn up: somebody is making what a piece waits for."""
    waiting = {f for p in open_pieces for f in p.needs(out) if not f.is_file()}
    return any(
        is_claimed(lock_path(p, out))
        for p in plan
        if p.kind != "validate" and any(f.is_relative_to(p.run(out).path) for f in waiting)
    )


class _StopSignal:
    """Ends work between two attempts: on SIGTERM, or when the parent process is gone."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._owner = owner_of_this_process()  # who may be gone before we came so far
        self._is_set = False
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and sends SIGTERM

    def check(self) -> None:
        """Raise `CancelledError` where work is to end."""
        is_alone = os.getppid() != self._parent or (self._owner and self._owner.is_gone())
        if self._is_set or is_alone:
            raise CancelledError("The worker was told to stop.")

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """End the process wherever it is within the block, which keeps whole files alone."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(_LOOK_PERIOD):
                try:
                    self.check()
                except CancelledError:
                    os._exit(1)

        threading.Thread(target=watch, name="stop signal", daemon=True).start()
        try:
            yield
        finally:
            is_over.set()

    def _set(self, number: int, frame: FrameType | None) -> None:
        self._is_set = True


def main() -> int:
    """Run a worker whose task is the first argument."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    os.nice(_NICENESS)
    try:
        return min(work(Task.from_json(sys.argv[1])), 1)
    except CancelledError:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
