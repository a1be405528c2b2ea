"""The same log gives the same weights, whatever happens in between."""

import dataclasses
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from equigrasp.config import override
from equigrasp.errors import ConfigError, ReplayError, WeightsError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_step import grasp_step, quantize
from equigrasp.learning.logged_trainer import LoggedTrainer
from equigrasp.learning.weight_store import load_weights, read_parameters
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import Step

WORKSPACE = Workspace("left", 0.45, 0.21)
DATA = Path(__file__).parent / "data"
NUM_ATTEMPTS = 26  # of which 7 call for an SGD step each
CHECKPOINT_EVERY = 4  # SGD steps


def make_transition(attempt: int) -> Step:
    rng = np.random.default_rng([9, attempt])
    heightmap = np.zeros((128, 128))
    row, col = (int(v) for v in rng.integers(30, 90, 2))
    heightmap[row - 6 : row + 6, col - 6 : col + 6] = 0.05
    return grasp_step(
        quantize(heightmap), row, col, attempt % 8, float(rng.random() < 0.5), attempt
    )


def open_learner(folder: Path, seed: int = 3, kind: str = "conventional") -> LoggedTrainer:
    """Open a run; conventional networks are built in a moment, equivariant ones are not."""
    package, config = load_method("asr:tiny")
    changes = {"network.kind": kind, "training.checkpoint_every": str(CHECKPOINT_EVERY)}
    return package.make_trainer(override(config, changes), folder, seed, WORKSPACE)


def weight_hash(learner: LoggedTrainer) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(read_parameters(learner.learner.modules).items()):
        digest.update(key.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The weights of a run in which nothing went wrong."""
    learner = open_learner(tmp_path_factory.mktemp("reference"))
    for attempt in range(NUM_ATTEMPTS):
        learner.add(make_transition(attempt), {})
        learner.train_pending(10)
    assert learner.num_steps == NUM_ATTEMPTS - 19
    return weight_hash(learner)


def test_lagging_behind_changes_nothing(tmp_path: Path, reference: str) -> None:
    learner = open_learner(tmp_path)
    for attempt in range(NUM_ATTEMPTS):
        learner.add(make_transition(attempt), {})
    assert learner.num_pending_steps == NUM_ATTEMPTS - 19
    learner.train_pending(1000)
    assert weight_hash(learner) == reference


def test_reopening_anywhere_changes_nothing(tmp_path: Path, reference: str) -> None:
    for attempt in range(NUM_ATTEMPTS):
        learner = open_learner(tmp_path) if attempt % 6 == 0 else learner  # noqa: F821
        learner.add(make_transition(attempt), {})
        learner.train_pending(1)
        if attempt % 6 == 5:  # abandoned without a word, as by kill -9
            learner.log.close()
    learner.train_pending(1000)
    assert weight_hash(learner) == reference


def test_a_learner_that_cannot_keep_up_leaves_steps_out_and_its_log_says_which(
    tmp_path: Path,
) -> None:
    package, config = load_method("asr:tiny")
    training = dataclasses.replace(config.training, steps_per_attempt=4, max_lag=2)
    config = override(config, {"network.kind": "conventional"})
    config = dataclasses.replace(config, training=training)
    learner = package.make_trainer(config, tmp_path, 3, WORKSPACE)
    attempts = []
    for attempt in range(19 + 6):
        learner.add(make_transition(attempt), {})
        attempts += [report.attempt for report in learner.train_pending(1)]
        assert learner.num_pending_steps <= 7
    assert attempts == [19, 19, 19, 19, 20, 20]
    attempts += [report.attempt for report in learner.train_pending(100)]
    # The first two called for four steps each, the next one for two; then each for the one made since.
    assert attempts == [19] * 4 + [20] * 4 + [21] * 2 + [22, 23, 24]
    assert learner.num_learned_attempts == 25
    learned = weight_hash(learner)
    learner.log.close()
    for checkpoint in (tmp_path / "checkpoints").iterdir():
        checkpoint.unlink()
    again = package.make_trainer(config, tmp_path, 3, WORKSPACE)
    assert again.num_pending_steps == 13
    again.train_pending(100)
    assert weight_hash(again) == learned


def test_equivariant_networks_go_on_where_they_were(tmp_path: Path) -> None:
    straight, opened = open_learner(tmp_path / "a", kind="equivariant"), None
    for attempt in range(24):
        straight.add(make_transition(attempt), {})
        if attempt in (0, 22):
            opened = open_learner(tmp_path / "b", kind="equivariant")
        opened.add(make_transition(attempt), {})
        opened.train_pending(100)
        if attempt == 21:
            opened.log.close()
    straight.train_pending(10)
    assert weight_hash(straight) == weight_hash(opened)


def test_an_attempt_that_comes_twice_counts_once(tmp_path: Path) -> None:
    learner = open_learner(tmp_path)
    assert learner.add(make_transition(0), {}) and not learner.add(make_transition(0), {})
    assert learner.num_attempts == 1
    with pytest.raises(ReplayError, match="Step 5 came before step 1"):
        learner.add(make_transition(5), {})


def test_another_seed_is_refused(tmp_path: Path) -> None:
    learner = open_learner(tmp_path)
    for attempt in range(21):
        learner.add(make_transition(attempt), {})
    learner.train_pending(10)
    learner.close()
    with pytest.raises(WeightsError, match="seed"):
        open_learner(tmp_path, seed=4)


def test_a_checkpoint_of_another_basis_is_refused_and_its_log_learned_anew(
    tmp_path: Path, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = open_learner(tmp_path)
    for attempt in range(NUM_ATTEMPTS):
        learner.add(make_transition(attempt), {})
    learner.train_pending(1)
    monkeypatch.setattr("equigrasp.learning.checkpoint.BASIS", "")
    learner.close()
    monkeypatch.undo()
    with pytest.raises(WeightsError, match="Delete the run's folder checkpoints/"):
        open_learner(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    again = open_learner(tmp_path)
    again.train_pending(1000)
    assert weight_hash(again) == reference


def test_training_changes_the_weights(tmp_path: Path, reference: str) -> None:
    assert weight_hash(open_learner(tmp_path)) != reference


def test_a_new_run_begins_with_the_weights_that_it_is_given(tmp_path: Path) -> None:
    teacher = open_learner(tmp_path / "teacher")
    for attempt in range(21):
        teacher.add(make_transition(attempt), {})
    teacher.train_pending(10)
    package, config = load_method("asr:tiny")
    config = override(config, {"network.kind": "conventional"})
    pupil = package.make_trainer(
        config, tmp_path / "pupil", 5, WORKSPACE, weights=teacher.publish().path
    )
    assert pupil.num_steps == 0 and weight_hash(pupil) == weight_hash(teacher)
    with pytest.raises(WeightsError, match="nowhere"):
        package.make_trainer(
            config, tmp_path / "none", 5, WORKSPACE, weights=tmp_path / "nowhere.safetensors"
        )


NUM_KILLS = 50
LONGEST_LIFE = 0.05  # [s] once a life has come as far as it shall
KILLED_LEARNER = """
import os, signal, sys, time
sys.path += {paths!r}
from pathlib import Path
import numpy as np
from test_logged_trainer import LONGEST_LIFE, NUM_KILLS, open_toy
from toy_method import make_step

def live(folder, told):
    learner = open_toy(folder)
    os.write(told, b"!")
    with (folder / "lives").open("a") as lives:
        lives.write(f"{{learner.num_attempts}} {{learner.num_steps}}\\n")
    while True:
        learner.add(make_step(learner.num_attempts), {{}})
        learner.train_pending(1)
        learner.save_checkpoint()
        os.write(told, b"!")

folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
open_toy(folder / "warm")  # children inherit what the libraries compute once
for kill in range(NUM_KILLS):
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        live(folder, told)
    for _ in range(kill % 4):  # not open yet, open, one attempt on, two attempts on
        os.read(heard, 1)
    time.sleep(rng.uniform(0.0, LONGEST_LIFE))
    os.close(heard)
    os.close(told)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "the learner ended by itself"
    if kill % 10 == 9:
        with (folder / "experience.log").open("ab") as log:  # a record that was being written
            log.write(b"EGX2" + bytes(rng.integers(0, 255, 40, dtype=np.uint8)))
"""


def open_toy(folder: Path) -> LoggedTrainer:
    """Open a run of the toy method, which is opened and learns within milliseconds."""
    from toy_method import METHOD, ToyConfig

    return METHOD.make_trainer(ToyConfig(), folder, 3, WORKSPACE)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_kills_at_random_moments_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 anywhere: while it opens, writes, trains, saves; now and then a torn last record."""
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "contract")]
    script = KILLED_LEARNER.format(paths=paths)
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], check=True)
    lives = [line.split() for line in (tmp_path / "lives").read_text("utf-8").splitlines()]
    assert len({steps for _, steps in lives}) > 5, "kills never fell into training"
    monkeypatch.syspath_prepend(paths[1])
    from toy_method import make_step

    survivor = open_toy(tmp_path)
    assert survivor.num_attempts >= int(lives[-1][0])  # what was written stays written
    survivor.train_pending(10_000)
    undisturbed = open_toy(tmp_path / "undisturbed")
    for attempt in range(survivor.num_attempts):
        undisturbed.add(make_step(attempt), {})
    undisturbed.train_pending(10_000)
    assert weight_hash(survivor) == weight_hash(undisturbed)


FILLED_LEARNER = """
import resource, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_logged_trainer import NUM_ATTEMPTS, make_transition, open_learner
from equigrasp.replay.experience_log import LogFullError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the kernel then fails the write instead


learner = open_learner(Path(sys.argv[1]))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
size = learner.log.path.stat
while size().st_size < 3000:
    learner.add(make_transition(learner.num_attempts), {{}})
resource.setrlimit(resource.RLIMIT_FSIZE, (size().st_size + 100, hard))  # room for half a record
whole, waiting = size().st_size, make_transition(learner.num_attempts)
for _ in range(3):
    try:
        learner.add(waiting, {{}})
    except LogFullError as error:
        assert "experience.log" in str(error)
    else:
        raise AssertionError("the write did not fail")
    assert size().st_size == whole, "half a record was left"
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
while learner.num_attempts < NUM_ATTEMPTS:
    learner.add(make_transition(learner.num_attempts), {{}})
"""


def test_a_file_that_cannot_grow_loses_nothing(tmp_path: Path, reference: str) -> None:
    """The kernel cuts writes short, as on a full disk; later there is room again."""
    script = FILLED_LEARNER.format(tests=str(Path(__file__).parent))
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], check=True)
    survivor = open_learner(tmp_path)
    assert survivor.num_attempts == NUM_ATTEMPTS
    survivor.train_pending(1000)
    assert weight_hash(survivor) == reference


def averaging(folder: Path, decay: float) -> LoggedTrainer:
    package, config = load_method("asr:tiny")
    config = override(
        config, {"network.kind": "conventional", "training.average_decay": str(decay)}
    )
    return package.make_trainer(config, folder, 3, WORKSPACE)


def test_an_average_acts_in_the_place_of_the_weights_and_survives_reopening(
    tmp_path: Path,
) -> None:
    plain, learner = open_learner(tmp_path / "plain"), averaging(tmp_path / "a", 0.75)
    expected = read_parameters(learner.learner.modules)
    assert all(torch.equal(learner.weights()[k], v) for k, v in expected.items())
    for attempt in range(NUM_ATTEMPTS):
        for each in (plain, learner):
            each.add(make_transition(attempt), {})
        if not plain.train_pending(1):
            continue
        learner.train_pending(1)
        decay = min(0.75, plain.num_steps / (9 + plain.num_steps))
        newest = read_parameters(plain.learner.modules)
        expected = {k: decay * v + (1 - decay) * newest[k] for k, v in expected.items()}
    assert weight_hash(plain) == weight_hash(learner)  # what is learned stays the same
    assert all(torch.equal(plain.weights()[k], v) for k, v in newest.items())
    found = learner.weights()
    assert all(torch.allclose(found[k], v, atol=1e-6) for k, v in expected.items())
    assert not any(torch.equal(found[k], newest[k]) for k in found)
    published = load_weights(learner.publish().path)[0]
    learner.close()
    again = averaging(tmp_path / "a", 0.75).weights()
    assert all(torch.equal(again[k], v) and torch.equal(published[k], v) for k, v in found.items())
    with pytest.raises(ConfigError, match=r"average_decay must be in \[0, 1\), found 1"):
        averaging(tmp_path / "b", 1.0)


def test_a_run_of_before_goes_on_where_it_was(tmp_path: Path) -> None:
    """Its log (EGX1) and its checkpoint were written by version 0.1, from this seed."""
    shutil.copy(DATA / "egx1_experience.log", tmp_path / "experience.log")
    (tmp_path / "checkpoints").mkdir()
    checkpoint = tmp_path / "checkpoints" / "checkpoint_00000015.safetensors"
    shutil.copy(DATA / "egx1_checkpoint_00000015.safetensors", checkpoint)
    learner = open_learner(tmp_path, kind="equivariant")
    assert (learner.num_attempts, learner.num_steps, learner.num_pending_steps) == (34, 15, 0)
    learner.add(make_transition(34), {})
    assert len(learner.train_pending(5)) == 1
    learner.close()
    assert [step.index for step, _ in ExperienceLog(learner.log.path, is_writing=False)] == [
        *range(35)
    ]


def test_a_log_of_before_teaches_the_same(tmp_path: Path) -> None:
    shutil.copy(DATA / "egx1_experience.log", tmp_path / "experience.log")
    learner = open_learner(tmp_path, kind="equivariant")
    learner.train_pending(100)
    wanted, _ = load_weights(DATA / "egx1_checkpoint_00000015.safetensors")
    for name, found in read_parameters(learner.learner.modules).items():
        assert torch.allclose(found, wanted[name], atol=1e-6), name
