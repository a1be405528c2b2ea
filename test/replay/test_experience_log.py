"""The experience log: steps of any kind, whole or not there."""

import contextlib
import errno
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equigrasp.errors import ReplayError
from equigrasp.replay.experience_log import ExperienceLog, LogFullError
from equigrasp.replay.step import ArraySpec, ExperienceSpec, Step
from equigrasp.replay.step_record import pack_step, unpack_step

SPEC = ExperienceSpec({"heightmap": ArraySpec((64, 64), "uint16", "zlib")}, {})
WIDE = ExperienceSpec(
    observation={
        "color": ArraySpec((None, None, 3), "uint8", "png"),
        "points": ArraySpec((None, 2), "float32"),
        "depth": ArraySpec((4, 5), "uint16", "png"),
    },
    action={
        "velocity": ArraySpec((3,), "float64", low=-1.0, high=1.0),
        "is_closing": ArraySpec((), "int32", low=0, high=1),
    },
    reward_range=(-1.0, 1.0),
)


def make_transition(attempt: int, reward: float = 0.0) -> Step:
    """Return a step with an observation alone."""
    heightmap = np.random.default_rng(attempt).integers(0, 999, (64, 64)).astype(np.uint16)
    return Step(attempt, attempt, {"heightmap": heightmap}, {}, reward)


def make_wide_step(**changes: np.ndarray | float) -> Step:
    """Return a step in the middle of an episode, with arrays of every codec."""
    rng = np.random.default_rng(5)
    arrays = {
        "color": rng.integers(0, 255, (6, 7, 3)).astype(np.uint8),
        "points": rng.normal(size=(9, 2)).astype(np.float32),
        "depth": rng.integers(0, 60000, (4, 5)).astype(np.uint16),
        "velocity": np.array([0.5, -1.0, 0.25]),
    } | {k: v for k, v in changes.items() if k != "reward"}
    action = {"velocity": arrays.pop("velocity"), "is_closing": np.asarray(1, np.int32)}
    return Step(7, 3, arrays, action, float(changes.get("reward", -0.5)), 0.9, True)


def test_every_codec_gives_back_its_array() -> None:
    step = make_wide_step()
    WIDE.check(step)
    found, extras = unpack_step(b"EGX2", pack_step(step, {"mode": 2}, WIDE))
    for old, new in ((step.observation, found.observation), (step.action, found.action)):
        assert set(old) == set(new)
        for name, array in old.items():
            assert new[name].dtype == array.dtype and np.array_equal(new[name], array)
    assert (found.index, found.episode, found.reward, found.discount) == (7, 3, -0.5, 0.9)
    assert found.is_truncated and found.is_last and extras == {"mode": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": np.zeros((0, 2), np.float32)}, r"shape \(any, 2\), found \(0, 2\)"),
        ({"points": np.full((3, 2), np.nan, np.float32)}, "'observation.points' .* not finite"),
        ({"points": np.zeros((3, 2))}, "must be float32, found float64"),
        ({"depth": np.zeros((4, 4), np.uint16)}, r"shape \(4, 5\), found \(4, 4\)"),
        ({"velocity": np.array([0.0, 0.0, 1.5])}, r"in \[-1.0, 1.0\], found 1.5"),
        ({"reward": 7.0}, r"Reward must be in \[-1.0, 1.0\], found 7.0"),
        ({"extra": np.zeros(1)}, "must hold color, depth, points; found .*extra"),
    ],
)
def test_what_the_spec_does_not_allow_is_not_written(
    changes: dict, message: str, tmp_path: Path
) -> None:
    log = ExperienceLog(tmp_path / "a.log", WIDE)
    with pytest.raises(ReplayError, match=message):
        log.append(make_wide_step(**changes), {})
    assert len(log) == 0 and (tmp_path / "a.log").stat().st_size == 0


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "|O"},  # would be unpickled
        {"shape": [2**20, 2**20]},
        {"shape": [3]},
        {"codec": "pickle"},
        {"codec": "zlib"},
    ],
)
def test_a_record_that_lies_is_an_error(entry: dict) -> None:
    """Its checksum is right; what it says of its arrays is not."""
    array = {"group": "action", "name": "a", "dtype": "<f4", "shape": [2]}
    array |= {"codec": "raw", "num_bytes": 8} | entry
    header = {"index": 0, "episode": 0, "reward": 0.0, "discount": 0.0}
    header |= {"is_truncated": False, "extras": {}, "arrays": [array]}
    text = json.dumps(header).encode()
    with pytest.raises(ReplayError, match="does not hold what it says"):
        unpack_step(b"EGX2", struct.pack("<I", len(text)) + text + bytes(8))


def test_a_packed_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(2**24), 9)
    array = {"group": "action", "name": "a", "dtype": "<f4", "shape": [2], "codec": "zlib"}
    header = {"index": 0, "episode": 0, "reward": 0.0, "discount": 0.0}
    header |= {"is_truncated": False, "extras": {}, "arrays": [array | {"num_bytes": len(bomb)}]}
    text = json.dumps(header).encode()
    with pytest.raises(ReplayError, match="9 bytes for an array"):
        unpack_step(b"EGX2", struct.pack("<I", len(text)) + text + bomb)


def test_the_log_returns_what_was_written(tmp_path: Path) -> None:
    log = ExperienceLog(tmp_path / "a.log", SPEC)
    for i in range(3):
        log.append(make_transition(i, float(i == 1)), {"time": 0.5 * i})
    log.close()
    again = ExperienceLog(tmp_path / "a.log", SPEC)
    entries = list(again)
    assert len(again) == 3 and [t.index for t, _ in entries] == [0, 1, 2]
    assert np.array_equal(
        entries[2][0].observation["heightmap"],
        make_transition(2).observation["heightmap"],
    )
    assert entries[1][0].reward == 1.0 and entries[2][1] == {"time": 1.0}


def test_a_half_written_last_record_is_cut_off_at_every_length(tmp_path: Path) -> None:
    log = ExperienceLog(tmp_path / "a.log", SPEC)
    log.append(make_transition(0), {})
    whole = (tmp_path / "a.log").stat().st_size
    log.append(make_transition(1), {})
    log.close()
    data = (tmp_path / "a.log").read_bytes()
    for length in (whole + 1, whole + 11, whole + 13, len(data) - 1):
        (tmp_path / "b.log").write_bytes(data[:length])
        again = ExperienceLog(tmp_path / "b.log", SPEC)
        assert len(again) == 1 and (tmp_path / "b.log").stat().st_size == whole
        again.append(make_transition(1), {})
        assert [t.index for t, _ in again] == [0, 1]
        again.close()


def test_damage_before_the_last_record_is_an_error_that_names_the_offset(tmp_path: Path) -> None:
    log = ExperienceLog(tmp_path / "a.log", SPEC)
    for i in range(3):
        log.append(make_transition(i), {})
    log.close()
    data = bytearray((tmp_path / "a.log").read_bytes())
    data[100] ^= 0xFF
    (tmp_path / "a.log").write_bytes(bytes(data))
    with pytest.raises(ReplayError, match="byte 0"):
        ExperienceLog(tmp_path / "a.log", SPEC)


def test_a_full_disk_leaves_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ExperienceLog(tmp_path / "a.log", SPEC)
    log.append(make_transition(0), {})
    write, calls = os.write, []

    def full(fd: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return write(fd, data[:50])  # the disk takes a little, then nothing
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LogFullError, match="No space left"):
            log.append(make_transition(1), {})
    assert len(log) == 1
    log.append(make_transition(1), {})
    again = ExperienceLog(tmp_path / "a.log", is_writing=False)
    assert [t.index for t, _ in again] == [0, 1]


def test_a_reader_takes_in_what_another_process_appends(tmp_path: Path) -> None:
    path = tmp_path / "experience.log"
    reader = ExperienceLog(path, is_writing=False)  # before there is a file
    assert len(reader) == 0 and list(reader.read_on()) == list(reader) == []
    with contextlib.closing(ExperienceLog(path, SPEC)) as writer:
        writer.append(make_transition(0), {})
        writer.append(make_transition(1), {"a": 1})
        assert [t.index for t, _ in reader.read_on()] == [0, 1] and len(reader) == 2
        assert list(reader.read_on()) == []
        writer.append(make_transition(2), {})
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole[:40])  # the next record is on its way
    assert [t.index for t, _ in reader.read_on()] == [2]
    assert [t.index for t, _ in reader] == [0, 1, 2] and len(reader) == 3


def test_a_log_has_one_writer_and_readers_leave_what_is_on_its_way(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = ExperienceLog(path, SPEC)
    log.append(make_transition(0), {})
    with pytest.raises(ReplayError, match="another process is writing to this log"):
        ExperienceLog(path, SPEC)
    with path.open("ab") as file:
        file.write(b"EGX2 and no more of it yet")
    size = path.stat().st_size
    assert len(ExperienceLog(path, is_writing=False)) == 1 and path.stat().st_size == size
    log.close()
    assert len(ExperienceLog(path, SPEC)) == 1 and path.stat().st_size < size


def test_steps_without_an_end_are_cut_off(tmp_path: Path) -> None:
    """Of an episode that was being written when the computer went down, whole records may be left."""
    log = ExperienceLog(tmp_path / "a.log", SPEC)
    log.append_episode([(make_transition(i), {}) for i in range(3)])
    size = log.path.stat().st_size
    log.append_episode([(make_transition(i), {}) for i in range(3, 5)])
    log.drop_last(2)
    assert (len(log), log.path.stat().st_size) == (3, size)
    log.append(make_transition(3), {})
    assert [step.index for step, _ in log] == [0, 1, 2, 3]
    log.drop_last(0)
    with pytest.raises(ReplayError, match="cannot cut 5 of 4 records"):
        log.drop_last(5)
    with pytest.raises(ReplayError, match="only read"):
        ExperienceLog(log.path, is_writing=False).drop_last(1)


def test_an_episode_that_the_disk_does_not_take_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ExperienceLog(tmp_path / "a.log", SPEC)
    log.append(make_transition(0), {})
    before, write = log.path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda fd, data: _full_after(fd, data, write))
    with pytest.raises(LogFullError):
        log.append_episode([(make_transition(i), {}) for i in range(1, 4)])
    assert log.path.read_bytes() == before and len(log) == 1


def _full_after(fd: int, data: bytes, write: Callable[[int, bytes], int]) -> int:
    if len(data) < 3000:
        raise OSError(errno.ENOSPC, "No space left on device")
    return write(fd, data[:3000])
