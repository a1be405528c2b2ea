"""Every example runs as its first lines say, in a process of its own."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equigrasp.learning.interfaces import Context
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import Step

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OWN_METHOD = str(EXAMPLES / "write_a_method.yaml")
PATHS = os.pathsep.join([str(ROOT), str(EXAMPLES)])


def run(program: str, *arguments: str, cache: Path | None = None) -> str:
    """Run an example as a user would, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": PATHS}
    if cache is not None:
        environment["XDG_CACHE_HOME"] = str(cache)
    done = subprocess.run(
        [sys.executable, program, *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        env=environment,
        cwd=EXAMPLES,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_an_example_is_short_and_explains_itself(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    most = 155 if path.stem == "write_a_method" else 50
    assert len(text.splitlines()) <= most
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert ".venv/bin/" in docstring and f"`examples/{path.name}`" in (
        ROOT / "docs" / "README.md"
    ).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "run"
    arguments = ("--method", "asr:tiny", "--attempts", "1", "--out", str(folder))
    assert "\n1 " in run("train_in_one_process.py", *arguments) + run(
        "train_in_one_process.py", *arguments
    )
    return folder


@pytest.mark.slow
def test_training_is_carried_on(run_folder: Path) -> None:
    log = ExperienceLog(run_folder / "experience.log", is_writing=False)
    assert [step.index for step, _ in log] == [0, 1]
    assert list((run_folder / "weights").glob("*.safetensors"))


@pytest.mark.slow
def test_a_log_is_read(run_folder: Path) -> None:
    printed = run("read_a_log.py", str(run_folder / "experience.log"))
    assert "observation.heightmap: uint16 (128, 128)" in printed
    assert "action.rotation_bin: int32 ()" in printed
    assert "2 steps, mean reward" in printed


@pytest.mark.slow
def test_objects_of_your_own_are_grasped(tmp_path: Path) -> None:
    meshes = tmp_path / "meshes"
    printed = run("own_objects.py", "--out", str(meshes), "--attempts", "1", cache=tmp_path)
    assert sorted(p.name for p in meshes.iterdir()) == ["bar.stl", "can.stl", "ring.stl"]
    assert "shapes: bar can ring" in printed and "0 PlanarGrasp(" in printed


@pytest.mark.slow
def test_weights_are_evaluated() -> None:
    assert " of 1 attempts succeeded" in run("evaluate_weights.py", "--attempts", "1")


@pytest.fixture
def own_method(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield load_method(OWN_METHOD)
    sys.modules.pop("write_a_method", None)


def heap(workspace: Any) -> Observation:
    """Return a bar along the rows, in the middle of the tray."""
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[50:78, 60:67] = 0.05
    return Observation.of_heightmap(heightmap, workspace)


def test_a_method_of_your_own_learns_yaw(
    own_method: tuple[Any, Any], tmp_path: Path, workspace: Any
) -> None:
    """Grasps succeed across the bar only; after 60 attempts the policy turns there."""
    method, config = own_method
    trainer = method.make_trainer(config, tmp_path, 0, workspace)
    policy = method.make_policy(config, method.make_networks(config, 0))
    observation = heap(workspace)
    for number in range(60):
        decision = policy.choose(observation, Context("random"), np.random.default_rng(number))
        is_across = int(decision.encoded["rotation_bin"]) in (3, 4, 5)
        encoded = method.encode(observation)
        step = Step(number, number, encoded, decision.encoded, float(is_across))
        assert trainer.add(step, {})
        reports = trainer.train_pending(99)
    assert set(reports[-1].losses) == set(method.metrics)
    policy.load(trainer.weights(), trainer.num_steps, "trainer")
    trainer.close()
    greedy = [
        policy.choose(observation, Context("greedy"), np.random.default_rng(seed)).encoded
        for seed in range(20)
    ]
    assert np.mean([int(g["rotation_bin"]) in (3, 4, 5) for g in greedy]) > 0.9


@pytest.fixture
def graph(
    own_method: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The graph with the method of `write_a_method.py`, which learns from the second attempt on."""
    pytest.importorskip("rclpy")
    monkeypatch.syspath_prepend(str(ROOT / "test" / "ros"))
    monkeypatch.setenv("PYTHONPATH", PATHS)
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    from domains import free_domain
    from graph import Graph

    domain = free_domain()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    method = tmp_path / "sooner.yaml"
    method.write_text(
        f"extends: {OWN_METHOD}\ntraining: {{first_training_attempt: 2, steps_per_attempt: 1}}\n"
    )
    made = Graph(tmp_path, domain, method=str(method))
    yield made
    made.close()


@pytest.mark.ros
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_graph_picks_and_learns_your_way(graph: Any) -> None:
    """The node of one example asks a graph that runs the method of another."""
    from equigrasp_interfaces.action import CollectExperience
    from equigrasp_interfaces.msg import Experience
    from graph import wait_for

    graph.client(CollectExperience, "collect_experience")
    answer = run("pick_object.py").splitlines()[-1]  # what is untrained may aim between objects
    assert re.match("(picked|missed) in |error 20[12]: ", answer), answer
    goal = CollectExperience.Goal(num_attempts=3, mode=Experience.MODE_TRAIN, is_learning=True)
    handle = graph.send(CollectExperience, "collect_experience", goal)
    result = graph.result(handle, 300.0).result
    assert result.num_attempts == 3, result.error_msg + graph.logs()
    weights = graph.folder / "run" / "weights" / "policy_00000002.safetensors"
    wait_for(weights.is_file, 30.0, f"weights of two SGD steps {graph.logs()}")
