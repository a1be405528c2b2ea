"""Environment variables of machines that are not ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from equigrasp.diagnosis import environment
from equigrasp.diagnosis.environment import (
    check_ros,
    examine_environment,
    foreign_folder,
    prepare_ros,
    ros_domain,
)
from equigrasp.errors import ConfigError
from equigrasp.paths import share_dir


def _run(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line with other environment variables."""
    paths = [p for p in (variables.pop("PYTHONPATH", ""), str(share_dir())) if p]
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "equigrasp.cli", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("value", ["300", "233", "-1", "abc", "1.0", "\u0663", "9" * 5000, " 1"])
def test_a_domain_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", value)
    with pytest.raises(ConfigError, match="is not a whole number from 0 to 232"):
        ros_domain()
    (finding,) = examine_environment()
    assert not finding.is_ok and "ROS_DOMAIN_ID" in finding.remedy


def test_an_empty_domain_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "")
    assert ros_domain() == 0


@pytest.mark.parametrize("home", ["/proc", "/dev/null", ""])
def test_ros_logs_elsewhere_without_a_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    monkeypatch.setenv("HOME", home or str(tmp_path))
    monkeypatch.setenv("ROS_LOG_DIR", "" if home else "/proc/x")
    monkeypatch.delenv("ROS_HOME", raising=False)
    prepare_ros()
    assert Path(os.environ["ROS_LOG_DIR"]).is_dir()


def test_a_log_folder_that_is_fine_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ROS_LOG_DIR", raising=False)
    prepare_ros()
    assert "ROS_LOG_DIR" not in os.environ


@pytest.mark.ros
@pytest.mark.parametrize("name", ["rmw_cyclonedds_cpp", "nonsense"])
def test_a_middleware_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", name)
    with pytest.raises(ConfigError, match=f"middleware '{name}': .*{name}"):
        check_ros()
    _, finding = examine_environment()
    assert "unset RMW_IMPLEMENTATION" in finding.remedy


@pytest.mark.ros
@pytest.mark.slow
def test_up_says_why_and_doctor_runs(tmp_path: Path) -> None:
    up = _run("up", "sim", "--out", str(tmp_path / "run"), RMW_IMPLEMENTATION="nonsense")
    assert up.returncode == 2 and up.stderr.count("\n") == 1
    assert "middleware 'nonsense'" in up.stderr
    assert not (tmp_path / "run").exists()
    doctor = _run("doctor", RMW_IMPLEMENTATION="nonsense", HOME="/proc")
    assert doctor.returncode == 1
    assert "FAIL ROS cannot start with middleware 'nonsense'" in doctor.stdout
    assert "ok   configuration cells/ur5" in doctor.stdout


def _put(folder: Path, package: str, content: str) -> str:
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(content, encoding="utf-8")
    return str(folder)


def test_a_foreign_package_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = _put(tmp_path, "strange_package", "")
    monkeypatch.syspath_prepend(folder)
    assert foreign_folder("strange_package") == ""
    monkeypatch.setenv("PYTHONPATH", folder)
    assert foreign_folder("strange_package") == folder
    assert environment.remedy_for("strange_package", "make setup").endswith("unset PYTHONPATH")
    assert foreign_folder("equigrasp") == foreign_folder("json") == foreign_folder("nothing") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "content", "command"),
    [
        ("yaml", "x = 1", "report"),
        ("numpy", "raise ImportError('built for Python 3.10')", "report"),
        ("scipy", "print 'Python 2'", "evaluate"),
    ],
)
def test_a_foreign_pythonpath_is_named(
    tmp_path: Path, package: str, content: str, command: str
) -> None:
    foreign = _put(tmp_path, package, content)
    for words in (("doctor",), (command, "x")):
        found = _run(*words, PYTHONPATH=foreign)
        text = found.stdout + found.stderr
        assert found.returncode == 1
        assert "unset PYTHONPATH" in text and package in text
        assert "Traceback" not in text


def test_letters_that_a_terminal_lacks_are_replaced() -> None:
    code = "from equigrasp.cli import main; main._tolerate_any_terminal(); print('success … → °')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(share_dir())},
        capture_output=True,
        timeout=120,
    )
    assert found.returncode == 0
    assert found.stdout == b"success ? ? ?\n"
