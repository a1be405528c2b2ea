"""Programs that measure still find all that they import."""

import importlib.util
import sys
from pathlib import Path

import pytest
from repository import ROOT, name, python_files

PROGRAMS = [p for p in python_files("campaigns") if "def main(" in p.read_text(encoding="utf-8")]


def _cases() -> list:
    needs_ros = {p: "from graph import" in p.read_text(encoding="utf-8") for p in PROGRAMS}
    return [pytest.param(p, id=name(p), marks=[pytest.mark.ros] * needs_ros[p]) for p in PROGRAMS]


@pytest.mark.parametrize("program", _cases())
def test_a_campaign_lists_its_options(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if "from graph import" in program.read_text(encoding="utf-8"):
        pytest.importorskip("rclpy")
    monkeypatch.syspath_prepend(str(program.parent))
    monkeypatch.setattr("sys.argv", [program.name, "--help"])
    spec = importlib.util.spec_from_file_location(f"campaign_{program.stem}", program)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_every_campaign_is_in_the_readme() -> None:
    listed = (ROOT / "campaigns" / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in python_files("campaigns") if f"`{p.name}`" not in listed] == []
