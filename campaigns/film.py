"""Make the moving picture of the README: a simulated arm at work beside the curve of what it learns.

The arm learns from nothing, in one process; some of its attempts are filmed. Same arguments, same picture.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from tqdm import tqdm

from equigrasp.experiments.rollouts.attempts import in_two_trays, split_names
from equigrasp.experiments.rollouts.recording import to_step
from equigrasp.learning.interfaces import Mode
from equigrasp.learning.method_config import num_random_attempts
from equigrasp.methods.registry import load_method
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

WINDOW = 30  # attempts in the running success rate
SIZE = (360, 300)  # [px] of each half
MOST_BYTES = 3 * 2**20


class Film:
    """Pictures of a simulated cell, taken while `is_running`.

    Args:
        simulation: The cell.
        period: Between two pictures [s, robot time].
    """

    def __init__(self, simulation: SimulatedCell, period: float) -> None:
        self._client: Any = simulation.physics.client
        self._period, self._last = period, 0.0
        self.is_running, self.frames = False, list[np.ndarray]()
        self._view = self._client.computeViewMatrix(
            [1.5, -0.85, 0.95], [0.38, 0.0, 0.12], [0, 0, 1]
        )
        self._projection = self._client.computeProjectionMatrixFOV(
            42.0, SIZE[0] / SIZE[1], 0.1, 4.0
        )
        simulation.physics.add_step_hook(self._on_step)

    def _on_step(self, now: float) -> None:
        if self.is_running and now >= self._last + self._period:
            self._last = now
            _, _, color, *_ = self._client.getCameraImage(
                *SIZE, self._view, self._projection, renderer=self._client.ER_TINY_RENDERER
            )
            self.frames.append(np.asarray(color, np.uint8).reshape(SIZE[1], SIZE[0], 4)[..., :3])


def draw_curve(rewards: list[float], num_attempts: int) -> np.ndarray:
    """Return the running success rate so far, RGB, of `SIZE`."""
    figure, axes = plt.subplots(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
    counts = np.arange(1, len(rewards) + 1)
    total = np.concatenate([[0.0], np.cumsum(rewards)])
    first = np.maximum(0, counts - WINDOW)
    axes.plot(
        counts, 100 * (total[counts] - total[first]) / (counts - first), color="#1f5fa8", lw=2
    )
    axes.set(
        xlim=(0, num_attempts),
        ylim=(0, 100),
        xlabel="attempts",
        ylabel=f"success of the last {WINDOW} [%]",
    )
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]
    plt.close(figure)
    return cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)


def learn(
    options: argparse.Namespace, folder: Path, on_attempt: Callable[[int, list[float], Film], None]
) -> None:
    """Learn as `equigrasp train` does; films the attempts of `options.shots`."""
    method, config = load_method(options.method)
    policy = method.make_policy(config, method.make_networks(config, options.seed))
    with make_simulated_cell("ur5", seed=options.seed) as simulation:
        workspace = simulation.cell.config.workspaces[0]
        trainer = method.make_trainer(config, folder, options.seed, workspace)
        scenes = derive_seed(options.seed, Stream.TRAINING_SCENES, 0)
        rollout = in_two_trays(
            simulation, policy, scenes, split_names(simulation, "train", scenes)
        )
        film, rewards = Film(simulation, options.period), list[float]()
        for number in tqdm(range(options.attempts), unit="attempt"):
            mode: Mode = "random" if number < num_random_attempts(config) else "train"
            film.is_running = number in options.shots
            made = rollout.attempt(number, mode)
            film.is_running = False
            trainer.add(to_step(method, config, made, number, trainer.next_episode), {})
            trainer.train_pending(trainer.num_pending_steps)
            if trainer.num_steps:
                policy.load(trainer.weights(), trainer.num_steps, "film")
            rewards.append(made.result.reward)
            on_attempt(number, rewards, film)
        trainer.close()


def main() -> None:
    """Learn, film, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/learning.gif"))
    parser.add_argument("--method", default="asr", help="learns from nothing [asr]")
    parser.add_argument("--attempts", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shots", type=int, nargs="+", default=[2, 50, 85, 118, 119])
    parser.add_argument(
        "--period", type=float, default=0.35, help="between pictures [s, robot time]"
    )
    options = parser.parse_args()
    frames: list[Image.Image] = []

    def on_attempt(number: int, rewards: list[float], film: Film) -> None:
        curve = draw_curve(rewards, options.attempts)
        for shot in film.frames or ([] if number % 10 else [None]):
            left = (
                shot
                if shot is not None
                else np.asarray(frames[-1])[:, : SIZE[0]]
                if frames
                else None
            )
            if left is None:
                continue
            left = left.copy()
            cv2.rectangle(left, (0, 0), (SIZE[0], 26), (255, 255, 255), -1)
            text = f"attempt {number + 1}"
            cv2.putText(
                left, text, (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA
            )
            frames.append(Image.fromarray(np.hstack([left, curve])))
        film.frames.clear()

    with tempfile.TemporaryDirectory() as folder:
        learn(options, Path(folder), on_attempt)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    small = [f.quantize(64, dither=Image.Dither.NONE) for f in frames]
    small[0].save(
        options.out, save_all=True, append_images=small[1:], duration=140, loop=0, optimize=True
    )
    size = options.out.stat().st_size
    sys.stdout.write(f"{options.out}: {len(frames)} pictures, {size / 2**20:.2f} MB\n")
    if size > MOST_BYTES:
        raise SystemExit(
            f"More than {MOST_BYTES / 2**20:.0f} MB: fewer --shots, or a longer --period."
        )


if __name__ == "__main__":
    main()
