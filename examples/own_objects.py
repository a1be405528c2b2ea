"""Grasp objects of your own: any folder of meshes (.obj, .stl, .ply) is an object set.

Here trimesh makes the meshes; a folder of scans will do as well. Commands take a folder too:
`equigrasp train --objects my_meshes`, `equigrasp evaluate results/a --objects my_meshes`.

    .venv/bin/python examples/own_objects.py --out my_meshes --attempts 5
"""

import argparse
from pathlib import Path

import trimesh

from equigrasp.environments.oracle import Oracle
from equigrasp.experiments.rollouts.attempts import in_two_trays
from equigrasp.experiments.rollouts.oracle_policy import OraclePolicy
from equigrasp.simulation.make import make_simulated_cell

MESHES = {  # [m]; what is too large for the gripper is scaled down
    "bar": trimesh.creation.box((0.10, 0.03, 0.03)),
    "can": trimesh.creation.cylinder(radius=0.025, height=0.06),
    "ring": trimesh.creation.torus(major_radius=0.03, minor_radius=0.012),
}


def main() -> None:
    """Make three meshes, drop two of each into a tray and grasp them by a heuristic."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("my_meshes"), help="folder of meshes")
    parser.add_argument("--attempts", type=int, default=5, help="how many grasps [5]")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, mesh in MESHES.items():
        mesh.export(options.out / f"{name}.stl")
    with make_simulated_cell("ur5", object_set=str(options.out)) as simulation:
        print("shapes:", *simulation.world.object_set.names("all"))
        policy = OraclePolicy(Oracle(world=simulation.world))
        rollout = in_two_trays(simulation, policy, seed=0, names=lambda draw: [*MESHES, *MESHES])
        for number in range(options.attempts):
            made = rollout.attempt(number, "greedy")
            print(number, made.decision.action, "held" if made.result.reward else "missed")


if __name__ == "__main__":
    main()
