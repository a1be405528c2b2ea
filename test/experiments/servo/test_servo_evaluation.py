"""The protocol of the closed loop, end to end with a script."""

from pathlib import Path

import pytest

from equigrasp.environments.servo_grasp import SceneRules
from equigrasp.environments.servo_script import UniformScript
from equigrasp.environments.servo_task import ServoTask
from equigrasp.errors import ConfigError
from equigrasp.experiments.servo.script_policy import ScriptPolicy
from equigrasp.experiments.servo.servo_evaluation import ServoProtocol, evaluate_servo
from equigrasp.simulation.make import SimulatedCell


@pytest.mark.slow
@pytest.mark.parametrize("disturbance", ["none", "pushed", "moved", "camera"])
def test_a_script_runs_through_the_protocol(tmp_path: Path, disturbance: str) -> None:
    task = ServoTask(max_steps=8)
    protocol = ServoProtocol(
        disturbance=disturbance,  # type: ignore[arg-type]
        scenes=SceneRules(num_objects=3, num_episodes=1),
    )

    def make(simulation: SimulatedCell) -> ScriptPolicy:
        return ScriptPolicy(UniformScript(task))

    def evaluate(count: int) -> dict:
        return evaluate_servo(protocol, task, make, count, tmp_path, named={"policy": "uniform"})

    found = evaluate(2)
    assert found["episodes"] == 2 and sum(found["ended_by"].values()) == 2
    low, high = found["interval_95"]
    assert 0.0 <= low <= found["success_rate"] <= high <= 1.0
    rows = (tmp_path / "servo_evaluation.csv").read_text()
    assert [line.split(",")[0] for line in rows.splitlines()[1:]] == ["0", "1"]
    assert evaluate(2) == found  # nothing is run again
    assert (tmp_path / "servo_evaluation.csv").read_text() == rows


def test_an_unknown_disturbance_is_named() -> None:
    with pytest.raises(ConfigError, match="'quake' is not one of none, pushed, moved, camera"):
        ServoProtocol(disturbance="quake")  # type: ignore[arg-type]
