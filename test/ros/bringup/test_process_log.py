"""Logs of processes do not fill the disk."""

from pathlib import Path

from equigrasp.ros.bringup.process_log import bound_log


def test_a_log_that_grew_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "arm.log"
    with path.open("ab") as log:  # as a process holds it
        log.write(b"first\n")
        log.flush()
        bound_log(path, 100)
        assert path.read_bytes() == b"first\n"
        for number in range(2):
            log.write(b"x" * 101)
            log.flush()
            bound_log(path, 100)
            assert path.stat().st_size == 0, number
        log.write(b"last\n")
    assert path.read_bytes() == b"last\n"
    assert (tmp_path / "arm.old.log").read_bytes() == b"x" * 101
    assert sorted(p.name for p in tmp_path.iterdir()) == ["arm.log", "arm.old.log"]


def test_a_log_that_is_not_there_is_left_alone(tmp_path: Path) -> None:
    bound_log(tmp_path / "nothing" / "arm.log")
    assert list(tmp_path.iterdir()) == []
