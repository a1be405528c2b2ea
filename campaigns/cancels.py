"""Cancel grasps at random moments from another process, and measure what becomes of them.

.venv/bin/python campaigns/cancels.py --count 300 --out docs/results/cancels
"""

import argparse
import csv
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "ros"))

from canceller import AT_REST, Cancel, Canceller, Joints
from domains import free_domain
from graph import Graph


def summary(cancels: list[Cancel], failures: list[str]) -> str:
    """Return the figures as a Markdown table."""
    done = [c for c in cancels if c.is_canceled]
    lines = [
        f"{len(done)} goals ended CANCELED, {len(cancels) - len(done)} had succeeded before the "
        "cancel came. Times from the client's call, on the wall clock; joint states by the time "
        "at which the driver sent them.",
        "",
        "| | median | p99 | longest |",
        "|---|---|---|---|",
    ]
    for name, label in (
        ("time_to_rest", f"joint speeds below {AT_REST} rad/s"),
        ("time_to_result", "result"),
        ("time_to_accept", "next goal accepted"),
    ):
        times = 1000 * np.array([getattr(c, name) for c in done])
        lines.append(
            f"| {label} | {np.median(times):.0f} ms | {np.quantile(times, 0.99):.0f} ms "
            f"| {times.max():.0f} ms |"
        )
    phases = Counter(c.phase for c in done)
    lines += ["", "Phases: " + ", ".join(f"{k} {v}" for k, v in phases.most_common()) + "."]
    both = Counter(
        (c.says_held, c.is_lifted) for c in done if c.phase in ("lift", "verify", "place")
    )
    lines += [
        f"Cancelled after the fingers closed, the result said that an object is held and one hung in "
        f"the air: {both[True, True]}; said held, none in the air: {both[True, False]}; said empty, "
        f"one in the air: {both[False, True]}; said empty, none in the air: {both[False, False]}.",
    ]
    lines += ["", "Otherwise than promised: " + ("; ".join(failures) or "none") + "."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the campaign and write `cancels.csv` and `cancels.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="cancels [300]")
    parser.add_argument("--out", type=Path, default=Path("results/cancels"), help="folder")
    parser.add_argument("--seed", type=int, default=0, help="seed of grasps and moments")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cancels: list[Cancel] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        graph = Graph(Path(folder), free_domain())
        try:
            canceller = Canceller(graph, Joints(graph), np.random.default_rng(options.seed))
            for number in tqdm(range(options.count), unit="cancel"):
                try:
                    cancels.append(canceller.cancel_one())
                except AssertionError as error:
                    failures.append(f"cancel {number}: {error}")
                    tqdm.write(failures[-1], file=sys.stderr)
                    canceller.go_home()
        finally:
            graph.close()
            if cancels:
                (options.out / "cancels.md").write_text(
                    summary(cancels, failures), encoding="utf-8"
                )
                with (options.out / "cancels.csv").open("w", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, asdict(cancels[0]))
                    writer.writeheader()
                    writer.writerows(asdict(c) for c in cancels)
    sys.stdout.write(summary(cancels, failures))


if __name__ == "__main__":
    main()
