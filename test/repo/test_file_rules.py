"""Files that are not code: configuration, robot descriptions, text."""

import re
from pathlib import Path

import pytest
import yaml
from repository import ROOT, name, text_files

# A path below a home or a scratch folder exists on one machine only.
MACHINE_PATH = re.compile(r"(?<![\w./~>}-])/(?:home|root|work|Users|tmp|mnt)/\w")

YAML_FILES = sorted((ROOT / "config").rglob("*.yaml"))
DESCRIPTIONS = sorted({p.parent for p in (ROOT / "urdf").rglob("*.urdf")})


def test_the_files_are_found() -> None:
    assert YAML_FILES
    assert DESCRIPTIONS
    assert len(text_files()) > 100


@pytest.mark.parametrize("path", YAML_FILES, ids=name)
def test_yaml_is_a_mapping_without_repeated_keys(path: Path) -> None:
    assert isinstance(yaml.load(path.read_text(encoding="utf-8"), _Strict), dict)


@pytest.mark.parametrize("path", YAML_FILES, ids=name)
def test_yaml_says_what_it_is_for(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("folder", DESCRIPTIONS, ids=name)
def test_description_has_readme_and_licence(folder: Path) -> None:
    assert {"README.md", "LICENSE"} <= {p.name for p in folder.iterdir()}


def test_no_path_of_one_machine() -> None:
    found = [
        f"{name(path)}: {line}"
        for path in text_files()
        for line in path.read_text(encoding="utf-8").splitlines()
        if MACHINE_PATH.search(line)
    ]
    assert found == []


class _Strict(yaml.SafeLoader):
    """YAML lets a later key silently replace an earlier one; this loader refuses."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.constructor.ConstructorError(None, None, f"repeated keys {repeated}")
        return super().construct_mapping(node, deep)
