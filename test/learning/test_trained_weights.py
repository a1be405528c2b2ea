"""Weights from another run are taken over whole, or refused with the reason."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equigrasp import paths
from equigrasp.config import to_mapping
from equigrasp.errors import ConfigError, WeightsError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.pixel_probe import probe_heightmap
from equigrasp.learning.method_names import name_from_file
from equigrasp.learning.trained_weights import (
    PROBE,
    SYMMETRY_TOLERANCE,
    check_trained_weights,
    describe_weights,
    load_trained_weights,
    name_of_first_weights,
    read_trained_weights,
)
from equigrasp.learning.weight_store import load_weights, read_parameters, write_weights
from equigrasp.methods.asr import METHOD as asr
from equigrasp.methods.fcn import METHOD as fcn
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights, models_dir

GRIPPER = "robotiq_2f_85"
CONFIG = load_method("asr:tiny")[1]


@pytest.fixture(scope="module")
def networks() -> dict[str, torch.nn.Module]:
    """Networks with weights of their own."""
    return asr.make_networks(CONFIG, 3)


@pytest.fixture(scope="module")
def policy() -> Any:
    """A policy with other weights; every test loads its own."""
    return asr.make_policy(CONFIG, asr.make_networks(CONFIG, 0))


@pytest.fixture
def path(tmp_path: Path, networks: dict[str, torch.nn.Module], workspace: Workspace) -> Path:
    """A file as it is published."""
    described = describe_weights("asr:tiny", CONFIG, workspace, GRIPPER, {"version": "7"})
    write_weights(tmp_path / "tiny.safetensors", read_parameters(networks), described)
    return tmp_path / "tiny.safetensors"


def test_weights_that_fit_are_taken_over(
    path: Path, policy: Any, networks: dict[str, torch.nn.Module], workspace: Workspace
) -> None:
    metadata = load_trained_weights(policy, path, CONFIG, [workspace], GRIPPER)
    assert policy.version == 7 and metadata["configuration"] == "asr:tiny"
    own = asr.make_policy(CONFIG, networks)
    ours, theirs = (p.values(probe_heightmap(), 32, 5, 6) for p in (policy, own))
    assert np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])


def test_any_flipped_byte_is_refused_or_changes_nothing(path: Path) -> None:
    data, sound = path.read_bytes(), load_weights(path)
    rng = np.random.default_rng(0)
    header = 8 + int.from_bytes(data[:8], "little")
    places = [*rng.integers(0, header, 60), *rng.integers(header, len(data), 60)]
    num_refused = 0
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            tensors, metadata = load_weights(path)
        except WeightsError as error:
            assert str(path) in str(error)
            num_refused += 1
            continue
        assert metadata == sound[1] or set(metadata) != set(sound[1])  # its key: no checksum then
        assert all(torch.equal(tensors[k], v) for k, v in sound[0].items())
    assert num_refused > len(places) - 10


@pytest.mark.parametrize("size", [0, 5, 200, -4])
def test_a_truncated_file_is_refused(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(WeightsError, match=r"tiny.safetensors: not a readable weight file"):
        load_weights(path)


def test_one_altered_value_is_refused(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"tiny.safetensors: altered: .* checksum"):
        load_weights(path)


def test_another_architecture_is_named(path: Path) -> None:
    wide = dataclasses.replace(CONFIG.network, q1_fields=(2, 2, 2))
    told = r"tiny.safetensors: trained with network.q1_fields \[1, 1, 2, 2\]; .* has \[2, 2, 2\]"
    with pytest.raises(WeightsError, match=told + ".* method 'asr:tiny'"):
        read_trained_weights(path, dataclasses.replace(CONFIG, network=wide))


def test_what_no_shape_tells_is_refused_too(path: Path) -> None:
    other = dataclasses.replace(CONFIG.network, input_scale=3.0)  # the same tensors
    with pytest.raises(WeightsError, match="network.input_scale"):
        read_trained_weights(path, dataclasses.replace(CONFIG, network=other))
    with pytest.raises(WeightsError, match="of method 'asr', not 'fcn'"):
        read_trained_weights(path, fcn.config())


def test_what_the_policy_looks_at_and_grasps_with_must_fit(
    path: Path, workspace: Workspace
) -> None:
    coarse = dataclasses.replace(workspace, pixel_size=0.004)
    with pytest.raises(WeightsError, match=r"cells of 3.125 mm; workspace 'left' has 4 mm"):
        read_trained_weights(path, CONFIG, [workspace, coarse])
    calibrated = dataclasses.replace(workspace, pixel_size=0.00313)
    read_trained_weights(path, CONFIG, [calibrated], GRIPPER)
    small = dataclasses.replace(workspace, heightmap_size_px=112)
    with pytest.raises(WeightsError, match=r"heightmaps of 128 px; workspace 'left' has 112 px"):
        read_trained_weights(path, CONFIG, [small])
    with pytest.raises(WeightsError, match=f"gripper '{GRIPPER}'; this cell's is 'wide'"):
        read_trained_weights(path, CONFIG, gripper="wide")


def test_an_option_younger_than_the_file_has_its_default(
    tmp_path: Path, networks: dict[str, torch.nn.Module], workspace: Workspace
) -> None:
    described = describe_weights("asr:tiny", CONFIG, workspace, GRIPPER, {})
    younger = described["network"].replace('"output": "softmax", ', "")
    assert younger != described["network"]
    path = tmp_path / "a.safetensors"
    write_weights(path, read_parameters(networks), described | {"network": younger})
    read_trained_weights(path, CONFIG)
    older = described["network"].replace('"output"', '"outputs"')
    write_weights(path, read_parameters(networks), described | {"network": older})
    with pytest.raises(WeightsError, match="does not know.*unknown key 'outputs'"):
        read_trained_weights(path, CONFIG)


@pytest.mark.parametrize("fault", ["nan", "type", "shape"])
def test_weights_that_a_run_wrote_are_checked_against_the_network(
    fault: str, tmp_path: Path, policy: Any, networks: dict[str, torch.nn.Module]
) -> None:
    tensors = read_parameters(networks)
    key = sorted(tensors)[0]
    if fault == "nan":
        tensors[key].view(-1)[0] = float("nan")
    elif fault == "type":
        tensors[key] = tensors[key].double()
    else:
        tensors[key] = torch.zeros(3, 3, 3)
    path = tmp_path / "run.safetensors"
    write_weights(path, tensors, {"method": "asr"})
    told = {"nan": "not finite", "type": "torch.float64, the network needs", "shape": "has shape"}
    match = f"run.safetensors: tensor '{re.escape(key)}' .*{told[fault]}"
    before = read_parameters(policy._modules)
    with pytest.raises(WeightsError, match=match):
        load_trained_weights(policy, path, CONFIG)
    with pytest.raises(WeightsError, match=match):
        check_trained_weights(path, lambda config, seed: policy._modules, CONFIG)
    after = read_parameters(policy._modules)
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_the_symmetry_is_measured_by_turning_a_scene(policy: Any) -> None:
    error = policy.probe().symmetry_error
    assert error is not None and error < SYMMETRY_TOLERANCE / 10
    heightmap = probe_heightmap()
    assert heightmap.max() > 0.05 and heightmap.dtype == np.float32
    for k in (1, 2, 3):
        assert np.abs(heightmap - np.rot90(heightmap, k)).max() > 0.05


@pytest.mark.parametrize("name", ["q1", "q2"])
def test_a_policy_that_lost_its_symmetry_is_refused(
    name: str, path: Path, policy: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class _Skewed(torch.nn.Module):
        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.network(image).clone()
            logits[:, 1] += torch.linspace(0.0, 1.0, logits.shape[-1])
            return logits

        def named_parameters(self, *args: Any, **kwargs: Any) -> Any:
            return self.network.named_parameters(*args, **kwargs)

    monkeypatch.setitem(policy._modules, name, _Skewed(policy._modules[name]))
    with pytest.raises(
        WeightsError, match=r"tiny.safetensors: .*not equivariant.*turning a scene"
    ):
        load_trained_weights(policy, path, CONFIG, [workspace])


def test_weights_that_answer_otherwise_than_where_they_were_written_are_refused(
    tmp_path: Path, policy: Any, networks: dict[str, torch.nn.Module], workspace: Workspace
) -> None:
    own = asr.make_policy(CONFIG, networks)
    answers = own.probe().answers
    assert len(answers) == 16 + CONFIG.network.num_rotations
    described = describe_weights("asr:tiny", CONFIG, workspace, GRIPPER, {"version": "7"})
    for name, change in (("same", 0.015), ("other", 0.03)):
        told = [*answers[:5], answers[5] + change, *answers[6:]]
        path = tmp_path / f"{name}.safetensors"
        write_weights(path, read_parameters(networks), described | {PROBE: json.dumps(told)})
    load_trained_weights(policy, tmp_path / "same.safetensors", CONFIG, [workspace], GRIPPER)
    with pytest.raises(WeightsError, match=r"other.safetensors.*answer otherwise.*by up to 0.03;"):
        load_trained_weights(policy, tmp_path / "other.safetensors", CONFIG)


def test_networks_without_symmetry_are_not_held_to_it() -> None:
    network = dataclasses.replace(CONFIG.network, kind="conventional")
    config = dataclasses.replace(CONFIG, network=network)
    policy = asr.make_policy(config, asr.make_networks(config, 0))
    assert policy.probe().symmetry_error is None
    row = policy.values(probe_heightmap(), 32, 5, 6)[1]
    assert row.shape == (config.network.num_rotations,)


def test_unknown_weights_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    known = sorted(p.stem for p in models_dir().glob("*.safetensors"))
    assert find_weights(known[0]) == models_dir() / f"{known[0]}.safetensors"
    with pytest.raises(ConfigError, match=f"Unknown weights 'asr_compat'.*{known[0]}"):
        find_weights("asr_compat")
    with pytest.raises(ConfigError, match="no weight file 'x.safetensors'.*Known weights"):
        find_weights("x.safetensors")


def test_an_installed_package_finds_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lib" / "python3" / "site-packages" / "equigrasp"
    monkeypatch.setattr(paths, "_CHECKOUT", package.parent)
    monkeypatch.setattr(paths, "__file__", str(package / "paths.py"))
    share = tmp_path / "share" / "equigrasp"
    (share / "config").mkdir(parents=True)
    with pytest.raises(ConfigError, match="Known weights: none"):
        find_weights("mine")
    (share / "models").mkdir()
    (share / "models" / "mine.safetensors").touch()
    assert find_weights("mine") == share / "models" / "mine.safetensors"


@pytest.mark.parametrize("path", sorted(models_dir().glob("*.safetensors")), ids=lambda p: p.stem)
def test_every_published_weight_file_has_its_card_and_fits_its_configuration(path: Path) -> None:
    tensors, metadata = load_weights(path)
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", card)
    assert pictures and all((path.parent / name).is_file() for name in pictures)
    assert metadata["configuration"].replace(":", "_") in path.stem
    config = load_method(name_from_file(metadata["configuration"]))[1]
    assert read_trained_weights(path, config) and to_mapping(config)["network"]


@pytest.mark.parametrize(
    ("option", "of_method", "name"),
    [("", "a", "a"), ("b", "a", "b"), ("none", "a", ""), ("", "", ""), ("b", "", "b")],
)
def test_a_run_begins_with_what_its_option_says_or_else_its_method(
    option: str, of_method: str, name: str
) -> None:
    assert name_of_first_weights(option, of_method) == name
