"""Announced weights are taken from the run's own folder alone, and only newer ones of sane size."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.announced_weights import load_announced, num_parameter_bytes
from equigrasp.learning.weight_store import WeightFile, WeightStore

MODULES: dict[str, torch.nn.Module] = {"net": torch.nn.Linear(3, 2)}
TENSORS = {"net.weight": torch.ones(2, 3), "net.bias": torch.zeros(2)}


@dataclass
class Announced:
    """A sound announcement, of which a test spoils a part."""

    folder: Path
    file: str
    sha256: str
    version: int
    newest: int = 4

    def load(self) -> dict[str, torch.Tensor]:
        size = num_parameter_bytes(MODULES)
        return load_announced(self.folder, self.file, self.sha256, self.version, self.newest, size)


@pytest.fixture
def announced(tmp_path: Path) -> Announced:
    file: WeightFile = WeightStore(tmp_path / "run" / "weights").save(5, TENSORS, {})
    return Announced(tmp_path / "run" / "weights", str(file.path), file.sha256, 5)


def test_the_learners_own_file_is_taken(announced: Announced) -> None:
    assert num_parameter_bytes(MODULES) == 32
    assert torch.equal(announced.load()["net.weight"], TENSORS["net.weight"])


@pytest.mark.parametrize("newest", [5, 6, 2**40])
def test_a_version_that_does_not_rise_is_refused(newest: int, announced: Announced) -> None:
    announced.newest = newest
    with pytest.raises(WeightsError, match=f"must be newer than {newest}"):
        announced.load()


def test_another_version_than_the_name_is_refused(announced: Announced) -> None:
    announced.version = 2**63
    with pytest.raises(WeightsError, match="version in its name"):
        announced.load()


@pytest.mark.parametrize("where", ["elsewhere", "below", "above", "other name", "odd", "nul"])
def test_a_file_elsewhere_is_refused(where: str, announced: Announced, tmp_path: Path) -> None:
    path = Path(announced.file)
    places = {
        "elsewhere": tmp_path / path.name,
        "below": announced.folder / "more" / path.name,
        "above": announced.folder / ".." / path.name,
        "other name": announced.folder / "checkpoint_00000005.safetensors",
    }
    announced.file = {"odd": "/dev/zero", "nul": "a\0b"}.get(where) or str(places[where])
    if where in places:
        places[where].parent.mkdir(exist_ok=True)
        path.rename(places[where])
    with pytest.raises(WeightsError, match="no weight file of this run"):
        announced.load()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_what_is_no_regular_file_is_refused(
    kind: str, announced: Announced, tmp_path: Path
) -> None:
    path = Path(announced.file)
    path.rename(tmp_path / "weights.safetensors")
    if kind == "link":
        path.symlink_to(tmp_path / "weights.safetensors")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(WeightsError, match="regular files"):
        announced.load()


def test_a_huge_file_is_not_read(announced: Announced) -> None:
    os.truncate(announced.file, 6 * 10**9)
    with pytest.raises(WeightsError, match="has 6000000000 bytes"):
        announced.load()


@pytest.mark.parametrize("sha256", ["", "g" * 64, "0" * 64, "0" * 10_000])
def test_another_checksum_is_refused(sha256: str, announced: Announced) -> None:
    announced.sha256 = sha256
    with pytest.raises(WeightsError, match="checksum"):
        announced.load()


def test_a_file_that_is_not_there_is_named(announced: Announced) -> None:
    Path(announced.file).unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        announced.load()
