"""The learner node between attempts that cannot be read and a method that fails."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from driver_node import ros  # noqa: E402
from equigrasp_interfaces.msg import Experience  # noqa: E402

from equigrasp.config import find_config, read_yaml  # noqa: E402
from equigrasp.devices.calibrated_cell import load_cell  # noqa: E402
from equigrasp.geometry.actions import PixelGrasp  # noqa: E402
from equigrasp.learning.grasping.grasp_step import encode_grasp, quantize  # noqa: E402
from equigrasp.ros.messages.arrays import to_array_msgs  # noqa: E402
from equigrasp.ros.training.learner_node import LearnerNode  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
SIZE_PX, ACTION_PX = 112, 80  # not the 128 and 96 of every cell that is shipped


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LearnerNode]:
    values = read_yaml(find_config("cells", "ur5"))
    for tray in values["workspaces"]:
        tray |= {"heightmap_size_px": SIZE_PX, "action_size_px": ACTION_PX}
    cell = tmp_path / "cell.yaml"
    cell.write_text(yaml.safe_dump(values), encoding="utf-8")
    with ros(60 + os.getpid() % 10, method="asr:tiny", out=tmp_path / "run", cell=cell):
        node = LearnerNode()
        node.trigger_configure()
        yield node
        node.end()
        node.destroy_node()


def _experience(attempt: int, cell: str, **changes: Any) -> Experience:
    """Return an attempt; `changes` are of its fields, or of its arrays."""
    tray = load_cell(cell).workspaces[0]
    rng = np.random.default_rng(attempt)
    heightmap = rng.uniform(0.0, 0.1, 2 * (tray.heightmap_size_px,)).astype(np.float32)
    middle = tray.heightmap_size_px // 2
    arrays = {"heightmap": quantize(heightmap)}
    action = encode_grasp(PixelGrasp(middle, middle, 0))
    for name in set(changes) & {*arrays, *action}:
        (arrays if name in arrays else action)[name] = np.asarray(changes.pop(name))
    return Experience(
        attempt=attempt,
        episode=attempt,
        observation=to_array_msgs(arrays),
        action=to_array_msgs(action),
        **({"reward": float(attempt % 2)} | changes),
    )


def _take_in(node: LearnerNode) -> int:
    assert node._learner is not None
    node._take_in(node._learner)
    return node._learner.num_attempts


def test_a_cell_of_another_heightmap_size_is_learned_in(node: LearnerNode) -> None:
    assert node._learner is not None
    for attempt in range(25):
        node._on_experience(_experience(attempt, node._config.cell))
    assert _take_in(node) == 25 and node._learner.num_pending_steps
    assert node._learner.train_pending(1)[0].losses
    assert node._health()[0]


def test_attempts_that_cannot_be_read_are_dropped_and_named(node: LearnerNode) -> None:
    cell = node._config.cell
    bad = [
        Experience(attempt=0),
        _experience(0, "ur5"),  # 128 px
        _experience(0, cell, row=np.int32(2)),
        _experience(0, cell, row=np.float64(60.0)),
        _experience(0, cell, rotation_bin=np.int32(4000)),
        _experience(0, cell, discount=float("nan")),
        _experience(0, cell, reward=7.0),
        _experience(0, cell, attempt_time=float("nan")),
        _experience(2**60, cell),
    ]
    bad += [_experience(0, cell) for _ in range(7)]
    bad[-7].observation[0].shape = [1] * 100
    bad[-6].action[0].dtype = ",;"
    bad[-1].observation[0].data.pop()
    bad[-2].observation[0].dtype = "object"
    bad[-3].observation[0].shape[0] = 2**32 - 1
    bad[-4].observation.append(bad[-4].observation[0])
    bad[-5].action[0].dtype = "1000000000f8"
    for count, message in enumerate(bad, 1):
        node._on_experience(message)
        is_ok, text, values = node._health()
        assert not is_ok and "was dropped" in text and values["attempts dropped"] == str(count)
    node._on_experience(_experience(0, cell))
    assert _take_in(node) == 1 and node._health()[0]
    node._on_experience(_experience(2, cell))
    assert _take_in(node) == 1
    assert node._health()[:2] == (False, "attempt 1 is missing; 1 later ones wait for it")


def test_what_waits_is_bounded(node: LearnerNode) -> None:
    """Whatever a message holds beside the step, and however many come for places far ahead."""
    message = _experience(5, node._config.cell)
    message.header.frame_id = "f" * 1_000_000
    sizes = set()
    for attempt in (5, 5, 1000, 1001, 10**9):
        message.attempt = attempt
        node._on_experience(message)
        sizes.add(len(pickle.dumps(list(node._inbox.values()))))
    assert sorted(node._inbox) == [5, 1000]
    assert max(sizes) < 100_000


def test_a_step_that_fails_ends_the_thread_and_saves_nothing_of_it(
    node: LearnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    assert node._learner is not None
    monkeypatch.setattr(node._learner.learner, "train_step", fail)
    for attempt in range(25):
        node._on_experience(_experience(attempt, node._config.cell))
    with pytest.raises(RuntimeError, match="out of memory"):
        node._work()
    node.tear_down()
    assert not list((Path(node._config.out) / "checkpoints").glob("*.safetensors"))
