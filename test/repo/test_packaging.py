"""What is installed fits what is there."""

import ast
import configparser
import re
import runpy
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import EntryPoint
from pathlib import Path
from unittest.mock import Mock

import pytest
from repository import INTERFACE_PACKAGES, ROOT, name, parse, python_files

# rosdep's keys, where they are not the name of what is imported (rosdistro, rosdep/python.yaml).
ROSDEP = {"cv2": "python3-opencv", "serial": "python3-serial", "yaml": "python3-yaml"}
ROSDEP |= {name: f"python3-{name}" for name in ("matplotlib", "numpy", "scipy", "tqdm")}
ALTERNATIVES = {"coal", "hppfcl"}  # one library under its new and its old name
PIN = re.compile(r"^[A-Za-z0-9_.-]+(\[\w+\])?==[^\s;]+(; python_version [<>]=? \"3\.\d+\")?$")
PACKAGES = [ROOT, *sorted(p.parent for p in (ROOT / "ros2_ws" / "src").glob("*/package.xml"))]
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


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_package_xml_declares_all_that_is_imported(package: Path) -> None:
    folders = ("equigrasp", "launch") if package == ROOT else (name(package),)
    own = ET.parse(package / "package.xml").findtext("name")
    used = _imported(folders) - set(sys.stdlib_module_names) - {own}
    from_pip = _from_pip(package)
    assert {ROSDEP.get(u, u) for u in used - from_pip} - _dependencies(package) == set()
    assert not {ROSDEP.get(u, u) for u in from_pip} & _dependencies(package)


def test_package_xml_lists_nothing_from_pip_that_nobody_imports() -> None:
    text = (ROOT / "package.xml").read_text(encoding="utf-8")
    listed = {n for line in re.findall(r"^ +pip: (.*)$", text, re.MULTILINE) for n in _words(line)}
    assert listed and listed - ALTERNATIVES <= _imported(("equigrasp",))
    keys = {d for d in _dependencies(ROOT) if d.startswith("python3-")} - {"python3-pytest"}
    assert keys == set(ROSDEP.values())


def test_programs_carry_no_interpreter_of_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as colcon installs them nor with --symlink-install, which takes another way."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    said, written = _setup(monkeypatch), []
    entry_points = {"console_scripts": {"arm": EntryPoint("arm", "a.b:main", "console_scripts")}}
    develop = object.__new__(said["cmdclass"]["develop"])
    develop.write_script = lambda file, text, *_: written.append((file, text))
    develop.install_wrapper_scripts(
        Mock(as_requirement=lambda: "equigrasp", get_entry_map=lambda g: entry_points.get(g, {}))
    )
    assert [file for file, _ in written] == ["arm"]
    for line in (written[0][1].splitlines()[0], "#!" + setup["build_scripts"]["executable"]):
        assert line == "#!/usr/bin/env python3"


def test_versions_agree() -> None:
    version = ET.parse(ROOT / "package.xml").findtext("version")
    assert f'version="{version}"' in _setup_text()
    assert f'"{version}"' in (ROOT / "equigrasp" / "__init__.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_a_package_says_where_it_comes_from(package: Path) -> None:
    root = ET.parse(package / "package.xml").getroot()
    assert {url.get("type") for url in root.findall("url")} == {
        "website",
        "repository",
        "bugtracker",
    }
    assert all((url.text or "").startswith("https://") for url in root.findall("url"))
    assert [author.text for author in root.findall("author")] == ["equigrasp developers"]
    order = ["name", "version", "description", "maintainer", "license", "url", "author"]
    tags = [child.tag for child in root if child.tag in order]
    assert tags == sorted(tags, key=order.index)  # as the schema wants it


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_changelogs_agree(package: Path) -> None:
    """ROS's tools read the .rst; what changed is told once, in CHANGELOG.md."""
    versions = re.findall(
        r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    text = (package / "CHANGELOG.rst").read_text(encoding="utf-8")
    own = ET.parse(package / "package.xml").findtext("name")
    title = f"Changelog for package {own}"
    assert text.splitlines()[:3] == ["^" * len(title), title, "^" * len(title)]
    headings = re.findall(r"^(.+)\n-+$", text, re.MULTILINE)
    expected = ["Forthcoming" if v == "Unreleased" else v for v in versions]
    assert [h.split(" (")[0] for h in headings] == expected


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_the_level_of_quality_is_declared(package: Path) -> None:
    own = ET.parse(package / "package.xml").findtext("name") or ""
    text = (ROOT / "QUALITY_DECLARATION.md").read_text(encoding="utf-8")
    assert re.search(rf"`{own}`.*\*\*Quality Level [345]\*\*", text)


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
    said = _setup(monkeypatch)
    installed = {file for _, files in said["data_files"] for file in files}
    there = {str(p.relative_to(ROOT)) for p in (ROOT / "models").rglob("*") if p.is_file()}
    assert there and there <= installed


def _setup(monkeypatch: pytest.MonkeyPatch) -> dict:
    said: dict = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("setuptools.setup", said.update)
    runpy.run_path(str(ROOT / "setup.py"))
    return said


def _imported(folders: tuple[str, ...]) -> set[str]:
    """Return the packages that files import, at their head or later, by statement or by a call."""
    found = set()
    for path in python_files(*folders):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return {module.split(".")[0] for module in found}


def _from_pip(package: Path) -> set[str]:
    """Return what a package.xml says is not rosdep's."""
    text = (package / "package.xml").read_text(encoding="utf-8")
    lines = re.findall(r"^ +(?:pip|optional): (.*)$", text, re.MULTILINE)
    return {word for line in lines for word in _words(line)}


def _words(line: str) -> list[str]:
    return re.findall(r"\w+", line)


def _is_def(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef)
