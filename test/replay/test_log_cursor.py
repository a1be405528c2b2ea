"""Log replay: whole episodes of several logs, each once, in order."""

from pathlib import Path

import pytest
from episodes import SPEC, make_episode, steps_of

from equigrasp.errors import ReplayError
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.log_cursor import LogCursor
from equigrasp.replay.step import ArraySpec, ExperienceSpec


def write(path: Path, numbers: list[int], length: int = 3) -> ExperienceLog:
    """Return a log, still open, to which episodes of some numbers were added."""
    log = ExperienceLog(path, SPEC)
    for number in numbers:
        log.append_episode(make_episode(number, length, len(log)))
    return log


def numbers(episodes: list) -> list[int]:
    """Return the numbers of episodes."""
    return [steps_of(episode)[0].episode for episode in episodes]


def test_logs_take_turns_until_the_last_is_read(tmp_path: Path) -> None:
    paths = [tmp_path / "a.log", tmp_path / "b.log", tmp_path / "later.log"]
    write(paths[0], [0, 1, 2, 3])
    write(paths[1], [10, 11])
    cursor = LogCursor(paths, SPEC)
    assert numbers(cursor.read(1000)) == [0, 10, 1, 11, 2, 3]
    assert cursor.read(1000) == []
    write(paths[2], [20])
    assert numbers(cursor.read(1000)) == [20]


def test_any_stop_resumes_at_the_next_episode(tmp_path: Path) -> None:
    """Each read is done by a new cursor, which knows only the positions of the last one."""
    paths = [tmp_path / "a.log", tmp_path / "b.log"]
    logs = [write(paths[0], [0, 1, 2]), write(paths[1], [10, 11, 12, 13])]
    found, positions = list[int](), ()
    for turn in range(20):
        cursor = LogCursor(paths, SPEC, positions)
        found += numbers(cursor.read(1))
        positions = cursor.positions
        if turn == 5:
            logs[0].append_episode(make_episode(3, 3, len(logs[0])))
    assert sorted(found) == [0, 1, 2, 3, 10, 11, 12, 13]
    assert [n for n in found if n < 10] == [0, 1, 2, 3]
    assert [(p.num_steps, p.num_episodes) for p in positions] == [(12, 4), (12, 4)]


def test_every_torn_tail_is_waited_for(tmp_path: Path) -> None:
    """The log is cut within every part of its last episode, and then written to its end."""
    path = tmp_path / "a.log"
    write(path, [0, 1], length=2).close()
    data = path.read_bytes()
    begin = LogCursor([path], SPEC)
    begin.read(1)
    for end in range(begin.positions[0].offset, len(data), 17):
        path.write_bytes(data[:end])
        cursor = LogCursor([path], SPEC)
        assert numbers(cursor.read(1000)) == [0] and cursor.read(1000) == []
        assert cursor.positions == begin.positions
        path.write_bytes(data)
        assert numbers(cursor.read(1000)) == [1]


def test_an_episode_without_end_is_given_out_as_it_is(tmp_path: Path) -> None:
    """The robot's program was killed in its midst, and began a new one."""
    log = write(tmp_path / "a.log", [])
    log.append_episode(make_episode(0, 3)[:2])
    cursor = LogCursor([log.path], SPEC)
    assert cursor.read(1000) == []
    log.append_episode(make_episode(1, 2, first=2))
    assert [len(e) for e in cursor.read(1000)] == [2, 2]


def test_damage_and_other_logs_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, [0, 1]).close()
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    with pytest.raises(ReplayError, match="record at byte 0 is damaged"):
        LogCursor([path], SPEC).read(10)
    data[40] ^= 1
    path.write_bytes(data)
    other = ExperienceSpec({"heightmap": ArraySpec((64, 64), "uint16", "zlib")}, SPEC.action)
    with pytest.raises(ReplayError, match="byte 0 is of something else: .*must hold heightmap"):
        LogCursor([path], other).read(10)


def test_positions_of_other_or_shorter_logs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, [0, 1]).close()
    cursor = LogCursor([path], SPEC)
    cursor.read(1000)
    with pytest.raises(ReplayError, match="Positions of .*a.log are none of .*b.log"):
        LogCursor([tmp_path / "b.log"], SPEC, cursor.positions)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReplayError, match="it was cut or deleted"):
        LogCursor([path], SPEC, cursor.positions)
    with pytest.raises(ReplayError, match="stands twice"):
        LogCursor([path, path], SPEC)


def test_a_rewound_cursor_gives_all_again(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, [0, 1, 2])
    cursor = LogCursor([path], SPEC)
    first = numbers(cursor.read(1000))
    cursor.rewind()
    assert numbers(cursor.read(1000)) == first == [0, 1, 2]


def test_a_log_of_another_run_under_the_same_name_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, [0, 1]).close()
    cursor = LogCursor([path], SPEC)
    cursor.read(1)
    log = write(tmp_path / "c.log", [])
    log.append_episode(make_episode(5, 3, first=40))
    path.write_bytes(path.read_bytes()[: cursor.positions[0].offset] + log.path.read_bytes())
    with pytest.raises(ReplayError, match="holds step 40 in the place of step 3"):
        cursor.read(1000)
