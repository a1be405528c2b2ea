"""Read an experience log: what every attempt saw and did, and what came of it.

A log may be read while a run writes to it.

    .venv/bin/python examples/read_a_log.py results/sim/experience.log
"""

import argparse
from pathlib import Path

from equigrasp.replay.experience_log import ExperienceLog


def main() -> None:
    """Show what a step holds, and the success rate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path, help="experience.log of a run folder")
    options = parser.parse_args()
    rewards = []
    for step, extras in ExperienceLog(options.log, is_writing=False):
        if step.index == 0:
            for group in ("observation", "action"):
                for name, array in getattr(step, group).items():
                    print(f"{group}.{name}: {array.dtype} {array.shape}")
            print("noted beside it:", *sorted(extras))
        rewards.append(step.reward)
    if not rewards:
        raise SystemExit(f"{options.log} holds no step.")
    print(f"{len(rewards)} steps, mean reward {sum(rewards) / len(rewards):.2f}")


if __name__ == "__main__":
    main()
