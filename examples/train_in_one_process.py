"""Learn to grasp in one process, without ROS: simulation, policy and trainer put together by hand.

`equigrasp train` does the same, with a report at the end. The run folder can be carried on.

    .venv/bin/python examples/train_in_one_process.py --attempts 100 --out results/by_hand
"""

import argparse
from pathlib import Path

from equigrasp.experiments.rollouts.attempts import in_two_trays, split_names
from equigrasp.experiments.rollouts.recording import to_row, to_step
from equigrasp.methods.registry import load_method
from equigrasp.simulation.make import make_simulated_cell


def main() -> None:
    """Try grasps, and take the SGD steps that each of them calls for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="asr", help="name or YAML file [asr]")
    parser.add_argument("--attempts", type=int, default=100, help="how many more [100]")
    parser.add_argument("--out", type=Path, default=Path("results/by_hand"), help="run folder")
    options = parser.parse_args()
    seed = 0
    method, config = load_method(options.method)
    policy = method.make_policy(config, method.make_networks(config, seed))
    with make_simulated_cell("ur5", seed=seed) as simulation:
        workspace = simulation.cell.config.workspaces[0]
        trainer = method.make_trainer(config, options.out, seed, workspace)
        rollout = in_two_trays(simulation, policy, seed, split_names(simulation, "train", seed))
        first = trainer.num_attempts  # 0, or those of before
        for number in range(first, first + options.attempts):
            policy.load(trainer.weights(), trainer.num_steps, "trainer")
            made = rollout.attempt(number, "random" if number < 20 else "train")
            step = to_step(method, config, made, number, trainer.next_episode)
            trainer.add(step, to_row(made, number).extras())  # on disk before it is learned from
            reports = trainer.train_pending(trainer.num_pending_steps)
            print(number, "success" if made.result.reward else "miss", [r.losses for r in reports])
        print("weights:", trainer.publish().path)
        trainer.close()


if __name__ == "__main__":
    main()
