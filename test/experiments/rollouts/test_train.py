"""Training in one process: from logs alone, in closed loop, and left in the middle."""

import contextlib
import sys
from pathlib import Path

import pytest

from equigrasp.errors import ConfigError, ReplayError
from equigrasp.experiments.rollouts.train import PriorData, train
from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.experiments.servo.evaluate import evaluate_closed_loop
from equigrasp.learning.weight_store import tensor_digest
from equigrasp.methods.qt_opt.servo_step import ASKED, MOTION, make_spec
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog

sys.path.append(str(Path(__file__).parents[2] / "methods"))
from servo_steps import WORKSPACE, make_run  # noqa: E402

METHOD = "qt_opt:tiny"


def arguments_of(out: Path, method: str = METHOD) -> dict[str, str]:
    given = {"method": method, "cell": "ur5", "objects": "household", "split": "train"}
    return given | {"seed": "0", "weights": "", "out": str(out)}


def write_log(path: Path, num_steps: int = 24) -> str:
    """Write a log of made-up episodes."""
    _, config = load_method(METHOD)
    with contextlib.closing(ExperienceLog(path, make_spec(config, WORKSPACE))) as log:
        for step in make_run(config, num_steps):
            log.append(step, {})
    return str(path)


def test_logs_alone_teach_and_a_stop_changes_nothing(tmp_path: Path) -> None:
    logs = (write_log(tmp_path / "a.log"), write_log(tmp_path / "b.log", 12))
    folder = train(arguments_of(tmp_path / "run"), 0, None, PriorData(logs, 12))
    assert RunFolder(folder).newest_weights().name == "policy_00000012.safetensors"
    again = train(arguments_of(tmp_path / "run"), 0, None)  # as it began: nothing is left to do
    assert RunFolder(again).newest_weights().name == "policy_00000012.safetensors"
    with pytest.raises(ConfigError, match=r"began with 12 SGD steps on .*a\.log, .*b\.log"):
        train(arguments_of(tmp_path / "run"), 0, None, PriorData(logs[:1], 12))


def test_offline_steps_go_on_where_they_were_left(tmp_path: Path) -> None:
    method, config = load_method(METHOD)
    config = PriorData((write_log(tmp_path / "a.log"),), 9).put_into(config)

    def learn(folder: Path, *, is_cut: bool) -> str:
        trainer = method.make_trainer(config, folder, 3, WORKSPACE)
        assert trainer.num_pending_steps == 9
        if is_cut:
            trainer.train_pending(4)
            trainer.close()
            trainer = method.make_trainer(config, folder, 3, WORKSPACE)
            assert trainer.num_pending_steps == 5
        trainer.train_pending(100)
        trainer.close()
        return tensor_digest(trainer.weights())

    assert learn(tmp_path / "whole", is_cut=False) == learn(tmp_path / "cut", is_cut=True)


def test_an_episode_left_in_its_middle_is_not_continued(tmp_path: Path) -> None:
    method, config = load_method(METHOD)
    trainer = method.make_trainer(config, tmp_path, 3, WORKSPACE)
    for step in make_run(config, 6):  # an episode of four steps, and two of the next
        trainer.add(step, {})
    trainer.close()
    trainer = method.make_trainer(config, tmp_path, 3, WORKSPACE)
    assert (trainer.next_episode, trainer.new_episode) == (1, 2)
    trainer.close()


@pytest.mark.parametrize(
    ("method", "prior", "message"),
    [
        (METHOD, PriorData(), "--attempts 0 needs --log and --offline-steps"),
        (METHOD, PriorData((), 5), "5 SGD steps before any attempt need a log"),
        ("asr:tiny", PriorData(("a.log",), 5), "'asr' does not learn from logs of other runs"),
    ],
)
def test_nothing_to_learn_from_is_said(
    tmp_path: Path, method: str, prior: PriorData, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(arguments_of(tmp_path / "run", method), 0, None, prior)
    assert not (tmp_path / "run").exists()


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("nothing")
    with pytest.raises(ReplayError, match=r"notes\.txt' holds no steps of an experience log"):
        train(arguments_of(tmp_path / "run"), 0, None, PriorData((str(text),), 5))


@pytest.mark.slow
def test_a_closed_loop_learns_and_is_evaluated(tmp_path: Path) -> None:
    arguments = arguments_of(tmp_path / "run")
    folder = train(arguments, 2, None)
    train(arguments, 3, True)
    log = ExperienceLog(folder / "experience.log", is_writing=False)
    steps = [step for step, _ in log]
    assert [s.index for s in steps] == list(range(len(steps)))
    assert {s.episode for s in steps} == {0, 1, 2} and sum(s.is_last for s in steps) == 3
    moved = [abs(s.action[ASKED] - s.action[MOTION]).max() for s in steps]
    assert max(moved) > 1e-4  # what was carried out is measured, not copied
    assert [row["attempt"] for row in read_metrics(folder / "metrics.csv")] == ["0", "1", "2"]
    found = evaluate_closed_loop(
        arguments | {"split": "test"}, "learned", RunFolder(folder).newest_weights(), 1, folder
    )
    assert found["episodes"] == 1 and found["method"] == METHOD
