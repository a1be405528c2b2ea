"""What is installed fits what is there."""

import ast
import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from repository import INTERFACE_PACKAGES, ROOT, name, parse, python_files

# Packages whose messages or code are imported are told by these endings.
ROS_PACKAGE = re.compile(r"^(rclpy|launch|launch_ros|tf2_ros|\w+_(msgs|interfaces|srvs))$")
OPTIONAL = {"launch", "launch_ros", "tf2_ros"}
PIN = re.compile(r"^[A-Za-z0-9_.-]+(\[\w+\])?==[^\s;]+(; python_version [<>]=? \"3\.\d+\")?$")
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


def _setup_text() -> str:
    return (ROOT / "setup.py").read_text(encoding="utf-8")


def _executables() -> dict[str, str]:
    nodes = re.search(r"^NODES = (\{.*?^\})$", _setup_text(), re.MULTILINE | re.DOTALL)
    assert nodes, "setup.py has no mapping NODES"
    return dict(ast.literal_eval(nodes.group(1)))


def _dependencies(package: Path) -> set[str]:
    root = ET.parse(package / "package.xml").getroot()
    return {d.text or "" for d in root if d.tag.endswith("depend")}


def test_each_installed_program_has_a_main() -> None:
    programs = ["cli/main.py", *(f"ros/{f}/{n}_node.py" for n, f in _executables().items())]
    for program in programs:
        functions = [n.name for n in parse(ROOT / "equigrasp" / program).body if _is_def(n)]
        assert "main" in functions, program


def test_each_node_with_a_main_is_installed() -> None:
    files = (ROOT / "equigrasp" / "ros").rglob("*_node.py")
    with_main = {
        p.stem.removesuffix("_node"): p.parent.name
        for p in files
        if "\ndef main(" in p.read_text()
    }
    assert with_main == _executables()


def test_package_xml_declares_every_ros_package_that_is_imported() -> None:
    used = set()
    for path in python_files("equigrasp", "launch"):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                used.add(node.module.split(".")[0])
            elif isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
    imported = {u for u in used if ROS_PACKAGE.match(u)} - OPTIONAL
    assert "rclpy" in imported
    assert imported - _dependencies(ROOT) == set()


def test_versions_agree() -> None:
    version = ET.parse(ROOT / "package.xml").findtext("version")
    assert f'version="{version}"' in _setup_text()
    assert f'"{version}"' in (ROOT / "equigrasp" / "__init__.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", [ROOT, *INTERFACE_PACKAGES], ids=lambda p: p.name)
def test_package_xml_is_complete(package: Path) -> None:
    root = ET.parse(package / "package.xml").getroot()
    assert root.get("format") == "3"
    assert root.findtext("name") == (package.name if package != ROOT else "equigrasp")
    assert root.findtext("license") == "MIT"
    assert root.find("maintainer").get("email") == "equigrasp@example.com"
    assert root.findtext("description")


@pytest.mark.parametrize("path", REQUIREMENTS, ids=name)
def test_requirements_are_pinned(path: Path) -> None:
    lines = [x.partition("#")[0].strip() for x in path.read_text(encoding="utf-8").splitlines()]
    lines = [x for x in lines if x]
    assert lines
    assert [x for x in lines if not PIN.match(x)] == []


def test_weights_cards_and_pictures_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("setuptools.setup", said.update)
    runpy.run_path(str(ROOT / "setup.py"))
    installed = {file for _, files in said["data_files"] for file in files}
    there = {str(p.relative_to(ROOT)) for p in (ROOT / "models").rglob("*") if p.is_file()}
    assert there and there <= installed


def _is_def(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef)
