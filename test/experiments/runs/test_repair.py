"""Runs that hold every attempt and do not resume, until they are repaired."""

import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equigrasp.cli.main import main
from equigrasp.config import override, to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError, ReplayError, WeightsError
from equigrasp.experiments.runs.metrics_file import AttemptRow, MetricsFile, read_metrics
from equigrasp.experiments.runs.repair import repair_run
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.grasping.grasp_step import grasp_step
from equigrasp.learning.interfaces import Trainer
from equigrasp.methods.registry import load_method

ARGUMENTS = {"seed": "0", "cell": "ur5", "method": "asr:tiny", "weights": "none"}
METHOD, CONFIG = load_method("asr:tiny")
CONFIG = override(CONFIG, {"network.kind": "conventional"})  # built in a moment
NUM_ATTEMPTS = 22  # two with an SGD step


def _trainer(run: RunFolder, seed: int = 0) -> Trainer:
    workspace = load_cell("ur5").workspaces[0]
    return METHOD.make_trainer(CONFIG, run.path, seed, workspace, weights=None)


def _resume(run: RunFolder) -> int:
    run.begin(ARGUMENTS, to_mapping(CONFIG), True)
    trainer = _trainer(run)
    MetricsFile(run.metrics, trainer.num_attempts)
    trainer.train_pending(trainer.num_pending_steps)
    trainer.publish()
    trainer.close()
    return trainer.num_attempts


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("whole") / "run")
    run.begin(ARGUMENTS, to_mapping(CONFIG), None)
    trainer, metrics = _trainer(run), MetricsFile(run.metrics, 0)
    size = load_cell("ur5").workspaces[0].heightmap_size_px
    rng = np.random.default_rng(0)
    for number in range(NUM_ATTEMPTS):
        heightmap = rng.integers(0, 999, (size, size)).astype(np.uint16)
        row = AttemptRow(1e9 + number, number, number % 2, 0, 4.0, 0.5, 0.01)
        step = grasp_step(heightmap, size // 2, size // 2, 1, float(number % 2), number)
        trainer.add(step, row.extras())
        metrics.add_attempt(row)
    trainer.train_pending(99)
    trainer.publish()
    trainer.close()
    return run


@pytest.fixture
def run(whole_run: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(whole_run.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def _frame(payload: bytes) -> bytes:
    return struct.pack("<4sII", b"EGX2", len(payload), zlib.crc32(payload)) + payload


def _empty_config(run: RunFolder) -> None:
    run.config.write_text("")


def _torn_config(run: RunFolder) -> None:
    run.config.write_bytes(b"arguments: {seed: '0'\nmethod\xff\x00")


def _config_of_odd_things(run: RunFolder) -> None:
    run.config.write_text("- 1\n- 2\n")


def _frame_without_json(run: RunFolder) -> None:
    run.log.write_bytes(run.log.read_bytes() + _frame(b"\x04\x00\x00\x00nope"))


def _frame_of_odd_json(run: RunFolder) -> None:
    text = b'{"index": "x", "arrays": 7}'
    run.log.write_bytes(run.log.read_bytes() + _frame(struct.pack("<I", len(text)) + text))


def _deep_json(run: RunFolder) -> None:
    text = b"[" * 100_000
    run.log.write_bytes(run.log.read_bytes() + _frame(struct.pack("<I", len(text)) + text))


def _flipped_bit(run: RunFolder) -> None:
    data = bytearray(run.log.read_bytes())
    data[len(data) // 2] ^= 1
    run.log.write_bytes(data)


def _torn_log(run: RunFolder) -> None:
    run.log.write_bytes(run.log.read_bytes()[: run.log.stat().st_size // 2])


def _deleted_log(run: RunFolder) -> None:
    run.log.unlink()


@pytest.mark.parametrize(
    ("damage", "message", "num_kept"),
    [
        (_empty_config, "repair", 22),
        (_torn_config, "repair", 22),
        (_config_of_odd_things, "repair", 22),
        (_frame_without_json, "repair", 22),
        (_frame_of_odd_json, "repair", 22),
        (_deep_json, "repair", 22),
        (_flipped_bit, "repair", 11),
        (_torn_log, "was cut or deleted.*repair", 11),
        (_deleted_log, "was cut or deleted.*repair", 0),
    ],
)
def test_a_damaged_run_names_the_remedy_and_resumes_after_it(
    damage: Callable[[RunFolder], None], message: str, num_kept: int, run: RunFolder
) -> None:
    damage(run)
    with pytest.raises((ConfigError, ReplayError, WeightsError), match=message):
        run.begin(ARGUMENTS, to_mapping(CONFIG), None)
        _trainer(run)
    lines = repair_run(run.path)
    assert lines[-1] == f"the log holds {num_kept} sound attempts" and len(lines) > 1
    run.begin(ARGUMENTS, to_mapping(CONFIG), None)
    trainer = _trainer(run)
    assert trainer.num_attempts == num_kept
    trainer.close()
    if num_kept:
        assert _resume(run) == num_kept
    assert repair_run(run.path) == [f"the log holds {num_kept} sound attempts"]


def test_a_run_that_was_cut_learns_what_the_log_tells(run: RunFolder) -> None:
    newest = run.newest_weights()
    _torn_log(run)
    lines = "\n".join(repair_run(run.path))
    assert f"weights/{newest.name} knows 3 SGD steps, the log calls for 0" in lines
    assert (run.path / "set_aside" / newest.name).is_file() and not newest.exists()
    assert _resume(run) == 11
    assert run.newest_weights().name == "policy_00000000.safetensors"


@pytest.mark.parametrize(
    "text",
    [b"", b"\x00\xff\xfe" * 50, b"time,attempt\n1,2\n", b'"' * 70_000 + b"\n\x00\n", None],
)
def test_metrics_are_made_anew_from_the_log(text: bytes | None, run: RunFolder) -> None:
    before = read_metrics(run.metrics)
    run.metrics.write_bytes(text) if text is not None else run.metrics.unlink()
    assert _resume(run) == NUM_ATTEMPTS
    assert read_metrics(run.metrics) == before and len(before) == NUM_ATTEMPTS


def test_one_odd_row_is_made_anew_and_the_others_stay(run: RunFolder) -> None:
    before = run.metrics.read_bytes()
    lines = before.splitlines(keepends=True)
    lines[5] = b"nan,4,\xff\xff,,,,,,,,,\r\n"
    run.metrics.write_bytes(b"".join(lines))
    _resume(run)
    assert run.metrics.read_bytes() == before


def test_another_seed_is_named_as_such(run: RunFolder) -> None:
    with pytest.raises(WeightsError, match="of seed 0, not of seed 1"):
        _trainer(run, seed=1)


def test_a_config_is_whole_or_not_there(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    run.config.unlink()
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        run.begin(ARGUMENTS, to_mapping(CONFIG), None)
    assert not run.config.exists()


def test_a_new_run_does_not_take_anothers_log(run: RunFolder) -> None:
    run.config.unlink()
    with pytest.raises(ConfigError, match="already holds a run"):
        run.begin(ARGUMENTS, CONFIG, False)


def test_a_run_in_use_is_left_alone(run: RunFolder) -> None:
    trainer = _trainer(run)
    with pytest.raises(ReplayError, match="another process is writing"):
        repair_run(run.path)
    trainer.close()


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    assert main(["repair", str(tmp_path)]) == 2


@pytest.mark.parametrize("kind", ["file", "long", "read-only"])
def test_an_out_that_takes_nothing_is_one_line(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / ("x" * 300 if kind == "long" else "out")
    if kind == "file":
        out.write_text("")
    if kind == "read-only":

        def refuse(*arguments: object, **options: object) -> None:
            raise OSError(30, "Read-only file system", str(out))

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert main(["train", "--method", "asr:tiny", "--weights", "none", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("equigrasp: Nothing can be written to '")
