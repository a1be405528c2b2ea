"""Weights on disk."""

from pathlib import Path

import pytest
import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.exploration import boltzmann_probabilities, sample_index
from equigrasp.learning.weight_store import (
    WeightStore,
    fill_parameters,
    load_weights,
    read_parameters,
)
from equigrasp.seeding import derive_seed


def test_weights_return_as_saved_and_old_versions_go(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, num_kept=2)
    for version in range(4):
        file = store.save(version, {"a": torch.full((3,), float(version))}, {"method": "asr"})
    tensors, metadata = load_weights(file.path, file.sha256)
    assert torch.equal(tensors["a"], torch.full((3,), 3.0))
    assert metadata == {"method": "asr", "version": "3"} and store.versions() == [2, 3]


def test_a_truncated_or_altered_file_is_refused(tmp_path: Path) -> None:
    store = WeightStore(tmp_path)
    file = store.save(1, {"a": torch.zeros(100)}, {})
    data = file.path.read_bytes()
    file.path.write_bytes(data[:-7])
    with pytest.raises(WeightsError, match="policy_00000001"):
        load_weights(file.path)
    file.path.write_bytes(data[:-1] + b"\x01")
    with pytest.raises(WeightsError, match="checksum"):
        load_weights(file.path, file.sha256)
    with pytest.raises(WeightsError, match="altered"):
        load_weights(file.path)  # by the checksum that it carries
    assert store.newest() is None


def test_a_broken_newest_version_falls_back_to_the_one_before(tmp_path: Path) -> None:
    store = WeightStore(tmp_path)
    store.save(1, {"a": torch.ones(2)}, {})
    store.save(2, {"a": torch.ones(2)}, {}).path.write_bytes(b"nothing")
    newest = store.newest()
    assert newest is not None and newest[1]["version"] == "1"


@pytest.mark.parametrize("fault", ["missing", "extra", "shape", "nan"])
def test_weights_that_do_not_fit_change_nothing(fault: str) -> None:
    module = torch.nn.Linear(3, 2)
    before = read_parameters({"m": module})
    tensors = {k: v + 1 for k, v in before.items()}
    if fault == "missing":
        del tensors["m.bias"]
    elif fault == "extra":
        tensors["m.other"] = torch.zeros(1)
    elif fault == "shape":
        tensors["m.bias"] = torch.zeros(5)
    else:
        tensors["m.bias"][0] = float("nan")
    with pytest.raises(WeightsError, match="file"):
        fill_parameters({"m": module}, tensors, "file")
    after = read_parameters({"m": module})
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_masked_entries_are_never_chosen(rng) -> None:  # type: ignore[no-untyped-def]
    import numpy as np

    values, mask = np.zeros((4, 4)), np.zeros((4, 4), bool)
    mask[1, 2] = mask[3, 3] = True
    p = boltzmann_probabilities(values, 0.01, mask)
    assert p.sum() == pytest.approx(1.0) and p[1, 2] == pytest.approx(0.5)
    assert {sample_index(p, rng) for _ in range(100)} == {(1, 2), (3, 3)}
    with pytest.raises(ValueError, match="allowed"):
        boltzmann_probabilities(values, 0.01, np.zeros((4, 4), bool))


def test_seeds_depend_on_every_part_and_zero_is_a_seed() -> None:
    assert derive_seed(0, 1) == derive_seed(0, 1)
    assert len({derive_seed(a, b) for a in range(4) for b in range(4)}) == 16
