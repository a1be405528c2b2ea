"""Fixtures that several folders share, the tier of wall-clock bounds, and second tries for ROS."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from equigrasp.config import load_config
from equigrasp.devices.cell import ArmConfig, GripperConfig
from equigrasp.geometry.workspace import Workspace

# Files that take a minute or more, or a tenth of their tier, the longest first: they begin first.
LONGEST = (
    "ros/test_graph.py",
    "ros/test_push_grasp_graph.py",
    "ros/test_owner_gone.py",
    "experiments/benchmarks/test_benchmark_queue.py",
    "examples/test_examples.py",
    "experiments/push_grasp/test_push_grasp_training.py",
    "experiments/runs/test_runs.py",
    "experiments/pretraining/test_pretraining.py",
    "ros/test_calibration.py",
    "methods/test_configurations.py",
    "methods/test_asr.py",
    "contract/test_trajectory_forms.py",
    "methods/test_push_grasp.py",
)


class WallClock:
    """Holds a test to bounds on wall-clock time where it is run for them (`make test-timing`).

    Elsewhere the same test only judges what happens, in which order and by which clock of the robot.
    """

    def __init__(self, is_held: bool) -> None:
        self._is_held = is_held

    def hold(self, duration: float, bound: float, what: str = "it") -> None:
        """Fail where the bounds count and `duration` [s] is not below `bound` [s]."""
        if self._is_held and not duration < bound:
            pytest.fail(f"{what} took {duration:.3f} s; {bound} s are allowed")

    @contextlib.contextmanager
    def within(self, bound: float, what: str = "it") -> Iterator[None]:
        """Hold what is done inside to `bound` [s]."""
        began = time.monotonic()
        yield
        self.hold(time.monotonic() - began, bound, what)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the tier of wall-clock bounds."""
    parser.addoption("--timing", action="store_true", help="hold tests to wall-clock bounds")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what has wall-clock bounds; give ROS tests a second try, in another domain; sort.

    Processes of a graph keep DDS's leases and heartbeats by the wall clock, which no test can hold still.
    """
    folder = Path(__file__).parent
    places = {folder / name: place for place, name in enumerate(LONGEST)}
    if missing := [str(path) for path in places if not path.is_file()]:
        raise pytest.UsageError(f"LONGEST names files that are not there: {', '.join(missing)}.")
    items.sort(key=lambda item: places.get(item.path, len(places)))
    for item in items:
        if "wall_clock" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timed)
        if item.get_closest_marker("ros") and not config.getoption("--timing"):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=5))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests needed a second try, and why: each is a fault to be found."""
    for report in terminalreporter.stats.get("rerun", []):
        crash = getattr(report.longrepr, "reprcrash", None)
        terminalreporter.write_line(f"SECOND TRY {report.nodeid}: {getattr(crash, 'message', '')}")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def wall_clock(request: pytest.FixtureRequest) -> WallClock:
    """Bounds on wall-clock time, which count in `make test-timing` only."""
    return WallClock(request.config.getoption("--timing"))


@pytest.fixture
def workspace() -> Workspace:
    """A tray's workspace at the paper's resolution."""
    return Workspace("left", 0.45, 0.21, floor_z=0.002)


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)


@pytest.fixture
def arm_config() -> ArmConfig:
    """The UR5."""
    return load_config(ArmConfig, "arms", "ur5")


@pytest.fixture
def gripper_config() -> GripperConfig:
    """The 2F-85."""
    return load_config(GripperConfig, "grippers", "robotiq_2f_85")
