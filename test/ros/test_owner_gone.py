"""Whatever ends the owner of a graph ends the graph: real processes, real signals, real terminals."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402
from graph import wait_for  # noqa: E402

from equigrasp.experiments.runs.metrics_file import read_metrics  # noqa: E402
from equigrasp.ros import names  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(600)]

NODES = {
    names.SIM_BRIDGE, names.ROBOT_STATE, names.POLICY, names.EXECUTOR, names.COLLECTOR, names.LEARNER,
}  # fmt: skip
PATIENCE = 90.0  # [s]


class Up:
    """`equigrasp up sim` in a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.out, self.master = folder / "run", -1
        self.master, slave = pty.openpty()
        command = [sys.executable, "-W", "ignore", "-m", "equigrasp.cli", "up", "sim"]
        command += ["--method", "asr:tiny", "--attempts", "100000", "--real-time-factor", "4"]
        self.process = subprocess.Popen(
            [*command, "--out", str(self.out)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ
            | {
                "ROS_DOMAIN_ID": str(free_domain()),
                "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            },
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self.nodes: dict[str, int] = {}

    def wait_for_attempts(self, count: int) -> None:
        def has_come() -> bool:
            self._read_terminal()
            assert self.process.poll() is None, "the command has ended"
            return len(read_metrics(self.out / "metrics.csv")) >= count

        wait_for(has_come, 300.0, f"{count} attempts")
        self.nodes = _nodes_below(self.out)
        assert set(self.nodes) == NODES

    def close_terminal(self) -> None:
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    def wait_for_the_end(self) -> None:
        def are_gone() -> bool:
            self._read_terminal()
            self.process.poll()
            return not any(_is_alive(pid) for pid in (self.process.pid, *self.nodes.values()))

        wait_for(are_gone, PATIENCE, f"the end of {_nodes_below(self.out)}")
        self.process.wait()

    def end(self) -> None:
        self.close_terminal()
        for pid in _nodes_below(self.out).values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _read_terminal(self) -> None:
        with suppress(OSError, BlockingIOError):
            while self.master >= 0 and os.read(self.master, 65536):
                pass


def _take_terminal() -> None:
    """Make standard input the terminal of this process, whose end it hears of, also under nohup."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def _up(folder: Path) -> Iterator[Up]:
    up = Up(folder)
    try:
        yield up
    finally:
        up.end()


def _nodes_below(out: Path) -> dict[str, int]:
    """Return the node processes whose logs lie in a run folder, by name."""
    found = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            if folder.name.isdigit() and any(w.startswith(f"{out}/logs/") for w in words):
                path = next(w for w in words if w.startswith(f"{out}/logs/"))
                found[Path(path).stem] = int(folder.name)
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("end", ["the terminal is closed", "SIGKILL", "SIGTSTP"])
def test_the_graph_ends_with_its_supervisor(end: str, tmp_path: Path) -> None:
    with _up(tmp_path) as up:
        up.wait_for_attempts(1)
        if end == "SIGKILL":
            up.process.kill()
        elif end == "SIGTSTP":
            up.process.send_signal(signal.SIGTSTP)
        else:
            up.close_terminal()
        up.wait_for_the_end()
        if end != "SIGKILL":
            assert up.process.returncode == 0
            assert (up.out / "report.md").is_file()
    logged = {p.stem: p.read_text(errors="replace") for p in (tmp_path / "run/logs").glob("*.log")}
    assert not any("Traceback" in text for text in logged.values()), logged
