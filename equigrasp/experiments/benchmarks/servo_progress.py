"""Where pieces of work in closed loop keep what they do, and how far they are."""

from pathlib import Path

from equigrasp.experiments.benchmarks.plan import Piece
from equigrasp.experiments.benchmarks.published import row
from equigrasp.experiments.runs.claims import read_json

PROGRESS = "progress.json"  # of a log: transitions, episodes and successes so far


def evaluation_folder(piece: Piece, out: Path) -> Path:
    """Return where an evaluation's rows lie."""
    return piece.run(out).path / piece.name


def servo_progress(piece: Piece, out: Path) -> int:
    """Return how far a piece is: transitions of a log, SGD steps on logs alone, else episodes."""
    run = piece.run(out)
    if piece.kind == "validate":
        return num_lines(evaluation_folder(piece, out) / "servo_evaluation.csv") - 1
    if piece.kind == "collect":
        return int((read_json(run.path / PROGRESS) or {}).get("transitions", 0))
    if row(piece.method).episodes:
        return num_lines(run.metrics) - 1
    files = (run.path / "checkpoints").glob("checkpoint_*.safetensors")
    return max((int(file.stem.rpartition("_")[2]) for file in files), default=0)


def num_lines(path: Path) -> int:
    """Return the lines of a file; none where there is no such file."""
    return path.read_bytes().count(b"\n") if path.is_file() else 0
