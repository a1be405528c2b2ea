"""Try trained weights on objects that they never saw, without learning.

`equigrasp evaluate` does the same over more attempts, and writes a table.

    .venv/bin/python examples/evaluate_weights.py --weights asr_compact_ur5 --attempts 10
"""

import argparse

from equigrasp.experiments.rollouts.attempts import in_two_trays, split_names
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights
from equigrasp.simulation.make import make_simulated_cell


def main() -> None:
    """Make greedy attempts and count those that succeed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="asr_compact_ur5", help="name below models, or file")
    parser.add_argument("--method", default="asr/equigrasp", help="that acts [asr/equigrasp]")
    parser.add_argument("--attempts", type=int, default=10, help="how many [10]")
    options = parser.parse_args()
    seed = 1000
    method, config = load_method(options.method)
    policy = method.make_policy(config, method.make_networks(config, seed))
    with make_simulated_cell("ur5", seed=seed) as simulation:
        cell = simulation.cell.config
        weights = find_weights(options.weights)
        # Refuses weights of another network, cell or gripper, and says why.
        load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
        rollout = in_two_trays(simulation, policy, seed, split_names(simulation, "test", seed))
        successes = 0
        for number in range(options.attempts):
            made = rollout.attempt(number, "greedy")
            successes += int(made.result.reward)
            print(f"{number}: expected {made.decision.value:.2f}, found {made.result.reward:.0f}")
    print(f"{successes} of {options.attempts} attempts succeeded")


if __name__ == "__main__":
    main()
