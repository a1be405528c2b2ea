"""How often scripts grasp in closed loop, undisturbed and disturbed: the first points of QT-Opt's tables."""

import argparse
import json
import sys
from pathlib import Path
from typing import get_args

from equigrasp.environments.servo_script import AimedScript, Noise, NoisyScript, UniformScript
from equigrasp.environments.servo_task import ServoTask
from equigrasp.experiments.runs.run_folder import commit
from equigrasp.experiments.servo.script_policy import ScriptPolicy
from equigrasp.experiments.servo.servo_evaluation import (
    Disturbance,
    ServoProtocol,
    evaluate_servo,
)

_SCRIPTS = ("uniform", "aimed", "noisy")


def main() -> None:
    """Run the episodes, or carry on running them, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", choices=_SCRIPTS, default="aimed")
    parser.add_argument(
        "--noise", type=float, default=0.3, help="share of disturbed steps (noisy)"
    )
    parser.add_argument("--cell", default="ur5")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--disturbance", choices=get_args(Disturbance), default="none")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    options = parser.parse_args()
    task = ServoTask()
    script = {"uniform": UniformScript, "aimed": AimedScript, "noisy": AimedScript}[
        options.script
    ](task)
    if options.script == "noisy":
        script = NoisyScript(script, task, Noise(options.noise))
    protocol = ServoProtocol(
        cell=options.cell,
        split=options.split,
        seed=options.seed,
        disturbance=options.disturbance,
    )
    found = evaluate_servo(
        protocol,
        task,
        lambda simulation: ScriptPolicy(script),
        options.episodes,
        options.out,
        named={"policy": options.script, "noise": options.noise, "commit": commit()},
    )
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
