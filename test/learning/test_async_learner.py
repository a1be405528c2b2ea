"""The same log gives the same weights, whatever happens in between."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from equigrasp.errors import ReplayError, WeightsError
from equigrasp.learning.async_learner import AsyncLearner
from equigrasp.learning.weight_store import read_parameters
from equigrasp.methods.registry import load_method
from equigrasp.replay.transition import GraspTransition, quantize

NUM_ATTEMPTS = 34  # of which 15 call for an SGD step each


def make_transition(attempt: int) -> GraspTransition:
    rng = np.random.default_rng([9, attempt])
    heightmap = np.zeros((128, 128))
    row, col = (int(v) for v in rng.integers(30, 90, 2))
    heightmap[row - 6 : row + 6, col - 6 : col + 6] = 0.05
    return GraspTransition(
        quantize(heightmap), row, col, attempt % 8, float(rng.random() < 0.5), attempt
    )


def open_learner(folder: Path, seed: int = 3) -> AsyncLearner:
    package, config = load_method("asr_tiny")
    return AsyncLearner(folder, package, config, seed)


def weight_hash(learner: AsyncLearner) -> str:
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


def test_an_attempt_that_comes_twice_counts_once(tmp_path: Path) -> None:
    learner = open_learner(tmp_path)
    assert learner.add(make_transition(0), {}) and not learner.add(make_transition(0), {})
    assert learner.num_attempts == 1
    with pytest.raises(ReplayError, match="Attempt 5 came before attempt 1"):
        learner.add(make_transition(5), {})


def test_another_seed_is_refused(tmp_path: Path) -> None:
    learner = open_learner(tmp_path)
    for attempt in range(21):
        learner.add(make_transition(attempt), {})
    learner.train_pending(10)
    learner.close()
    with pytest.raises(WeightsError, match="seed"):
        open_learner(tmp_path, seed=4)


def test_training_changes_the_weights(tmp_path: Path, reference: str) -> None:
    assert weight_hash(open_learner(tmp_path)) != reference


CHILD = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from test_async_learner import NUM_ATTEMPTS, make_transition, open_learner
learner = open_learner(Path(sys.argv[1]))
for attempt in range(learner.num_attempts, NUM_ATTEMPTS):
    learner.add(make_transition(attempt), {{}})
    learner.train_pending(10)
learner.train_pending(1000)
learner.close()
"""


@pytest.mark.timeout(600)
def test_fifty_kills_at_random_moments_change_nothing(tmp_path: Path, reference: str) -> None:
    """kill -9 at random moments; now and then also a torn last record."""
    rng = np.random.default_rng(0)
    script = CHILD.format(folder=str(Path(__file__).parent))
    num_kills, log = 0, tmp_path / "experience.log"
    while num_kills < 50:
        child = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)])
        deadline = time.monotonic() + rng.uniform(1.5, 5.0) if num_kills >= 45 else 0.0
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if child.poll() is None:
            time.sleep(float(rng.uniform(0.0, 0.4)) if num_kills < 45 else 0.0)
            os.kill(child.pid, signal.SIGKILL)
        child.wait()
        num_kills += 1
        if num_kills % 10 == 0 and log.is_file() and log.stat().st_size > 100:
            with log.open("ab") as file:  # a record that was being written
                file.write(b"EGX1" + bytes(rng.integers(0, 255, 40, dtype=np.uint8)))
    learner = open_learner(tmp_path)
    for attempt in range(learner.num_attempts, NUM_ATTEMPTS):
        learner.add(make_transition(attempt), {})
    learner.train_pending(1000)
    assert weight_hash(learner) == reference
