"""Every .msg, .srv and .action parses, is explained, and names only declared packages."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from repository import INTERFACE_PACKAGES, name

SECTIONS = {".msg": 1, ".srv": 2, ".action": 3}
PRIMITIVES = {"bool", "byte", "char", "float32", "float64", "string", "wstring"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
# type[array] name default?  and  type NAME = value
FIELD = re.compile(r"^([\w/]+)(?:<=\d+)?(\[(?:<=)?\d*\])? ([a-z][a-z0-9_]*)(?: [^=].*)?$")
CONSTANT = re.compile(r"^(\w+) ([A-Z][A-Z0-9_]*) ?= ?(.+)$")

FILES = sorted(
    p for package in INTERFACE_PACKAGES for s in SECTIONS for p in package.rglob("*" + s)
)
each_file = pytest.mark.parametrize("path", FILES, ids=name)


def test_the_interfaces_are_found() -> None:
    names = {p.name for p in INTERFACE_PACKAGES}
    assert {"equigrasp_interfaces", "control_msgs", "tf2_msgs"} <= names
    assert {p.suffix for p in FILES} == set(SECTIONS)


@each_file
def test_interface_parses(path: Path) -> None:
    sections = _sections(path)
    assert len(sections) == SECTIONS[path.suffix]
    known = {p.stem for p in path.parents[1].glob("msg/*.msg")}
    for section in sections:
        lines = [_code(line) for line in section if _code(line)]
        assert [x for x in lines if not (FIELD.match(x) or CONSTANT.match(x))] == []
        fields = [m for m in map(FIELD.match, lines) if m and not CONSTANT.match(m.string)]
        names = [m.group(3) for m in fields]
        assert len(names) == len(set(names))
        local = {m.group(1) for m in fields if "/" not in m.group(1)}
        assert local - PRIMITIVES - known == set()
        constants = {m.group(1) for m in map(CONSTANT.match, lines) if m}
        assert constants <= PRIMITIVES


@each_file
def test_interface_names_only_declared_packages(path: Path) -> None:
    package = path.parents[1]
    declared = {d.text for d in ET.parse(package / "package.xml").iter("depend")}
    cmake = (package / "CMakeLists.txt").read_text(encoding="utf-8")
    fields = (FIELD.match(_code(line)) for s in _sections(path) for line in s)
    used = {m.group(1).split("/")[0] for m in fields if m and "/" in m.group(1)}
    assert used - declared - {package.name} == set()
    assert [u for u in used - {package.name} if f"find_package({u} REQUIRED)" not in cmake] == []


@each_file
def test_every_field_has_a_comment(path: Path) -> None:
    for section in _sections(path):
        is_explained = False
        for line in section:
            if "#" in line:
                is_explained = True
            elif not line.strip():
                is_explained = False
            else:
                assert is_explained, line


def _sections(path: Path) -> list[list[str]]:
    sections: list[list[str]] = [[]]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() == "---":
            sections.append([])
        else:
            sections[-1].append(line)
    return sections


def _code(line: str) -> str:
    return " ".join(line.partition("#")[0].split())
