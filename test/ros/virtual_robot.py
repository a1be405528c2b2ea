"""`equigrasp virtual ur5` as a process, at a loopback address of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import yaml
from graph import wait_for

from equigrasp.config import read_yaml
from equigrasp.errors import DeviceTimeoutError
from equigrasp.paths import config_dir
from equigrasp.virtual.command_server import ORDER_PORT, send_order

CAMERA_PORT = 29997


class VirtualRobot:
    """Runs from its making to `close()`.

    Args:
        host: Loopback address that nobody else uses.
        log: What it says goes here.
        options: Of the command.
    """

    def __init__(self, host: str, log: Path, *options: str) -> None:
        self.host = host
        command = [sys.executable, "-m", "equigrasp.cli.main", "virtual", "ur5", "--host", host]
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        wait_for(self._is_up, 60.0, f"the virtual cell; see {log}")

    @property
    def arguments(self) -> dict[str, str]:
        """Arguments of the mode `ur5` with which the graph finds it."""
        return {"robot_ip": self.host, "camera_source": f"tcp://{self.host}:{CAMERA_PORT}"}

    def order(self, line: str) -> str:
        """Do something to it; see `equigrasp virtual order`."""
        return send_order(self.host, ORDER_PORT, line)

    def close(self) -> int:
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(20.0)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, "the virtual cell did not start"
        try:
            self.order("objects")
        except DeviceTimeoutError:
            return False
        return True


def patient_cell(folder: Path) -> str:
    """Write the UR5's cell with a driver that forgives a busy machine, and return its path."""
    driver = read_yaml(config_dir() / "arm_drivers" / "ur5_rtde.yaml")
    driver |= {"watchdog_frequency": 4.0, "link_timeout": 0.5}
    cell = read_yaml(config_dir() / "cells" / "ur5.yaml")
    cell["arm_driver"] = str(folder / "driver.yaml")
    for name, values in (("driver", driver), ("cell", cell)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return str(folder / "cell.yaml")


def children(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    try:
        direct = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        others = [
            p for t in Path(f"/proc/{pid}/task").iterdir() if t.name != str(pid)
            for p in (t / "children").read_text().split()
        ]  # fmt: skip
    except OSError:
        return []
    found = [int(p) for p in direct + others]
    return found + [c for p in found for c in children(p)]


def own_host(number: int) -> str:
    """Return a loopback address that no other process uses."""
    pid = os.getpid()
    return f"127.{10 + number}.{pid // 254 % 256}.{1 + pid % 254}"
