"""Weights from another run: refused, with the reason, where they do not fit this one."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from equigrasp.config import from_mapping, to_mapping
from equigrasp.errors import ConfigError, WeightsError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Policy, Probe
from equigrasp.learning.method_names import name_from_file
from equigrasp.learning.weight_store import fill_parameters, load_weights
from equigrasp.paths import find_weights

SYMMETRY_TOLERANCE = 1e-3  # of probabilities; float32 leaves less than 1e-5
PROBE = "probe"  # in the metadata: what the policy answered where the file was written
_PROBE_TOLERANCE = 0.02  # of probabilities: devices and precisions differ by less
_PIXEL_TOLERANCE = 0.01  # share by which the size of cells may differ


def first_weights(name: str, config: Any) -> Path | None:
    """Return the file of the weights that a run begins with; None: untrained.

    Args:
        name: Of weights, or a file; empty: as the configuration says; `none`: untrained.
        config: The method's configuration.
    """
    chosen = name_of_first_weights(name, config.training.first_weights)
    return find_weights(chosen) if chosen else None


def name_of_first_weights(name: str, of_method: str) -> str:
    """Return what a run begins with by its option and its method; empty: untrained."""
    chosen = name or of_method
    return "" if chosen == "none" else chosen


def describe_weights(
    name: str, config: Any, workspace: Workspace, gripper: str, facts: dict[str, str]
) -> dict[str, str]:
    """Return the metadata that `load_trained_weights` checks.

    Args:
        name: Of the method's configuration.
        config: The method's configuration.
        workspace: What the networks were trained to look at.
        gripper: What they were trained with.
        facts: Further entries, for people.
    """
    return facts | {
        "method": str(config.method),
        "configuration": name,
        "network": json.dumps(to_mapping(config.network), sort_keys=True),
        "heightmap_size_px": str(workspace.heightmap_size_px),
        "pixel_size": str(workspace.pixel_size),
        "gripper": gripper,
    }


def read_trained_weights(
    path: Path, config: Any, workspaces: Sequence[Workspace] = (), gripper: str = ""
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return a file's tensors and metadata if it says that they fit, without building networks.

    Files that a run wrote for itself tell less about themselves, so that less is checked.

    Args:
        path: The file.
        config: The method's configuration.
        workspaces: What the policy will look at.
        gripper: Its name below `config/grippers`; empty: not checked.

    Raises:
        WeightsError: if the file is damaged or altered, or of another method or network, or was
            trained to look at or to grasp with something else; names file, thing, value, and what
            would be valid.
    """
    tensors, metadata = load_weights(path)
    _check_method(path, metadata, config)
    for workspace in workspaces:
        _check_workspace(path, metadata, workspace)
    trained_with = metadata.get("gripper", gripper)
    if gripper and trained_with != gripper:
        raise WeightsError(
            f"{path}: learned to grasp with gripper '{trained_with}'; this cell's is '{gripper}'."
        )
    return tensors, metadata


def check_trained_weights(
    path: Path,
    make_networks: Callable[[Any, int], dict[str, torch.nn.Module]],
    config: Any,
    workspaces: Sequence[Workspace] = (),
    gripper: str = "",
) -> None:
    """Raise what loading would raise, but for the symmetry, before anything is started.

    Args:
        path: As the other arguments, see `read_trained_weights`.
        make_networks: The method's; see `Method`.
        config: The method's configuration.
        workspaces: What the policy will look at.
        gripper: Its name.
    """
    tensors, metadata = read_trained_weights(path, config, workspaces, gripper)
    if "network" not in metadata:  # else it is the configuration's: nothing needs to be built
        fill_parameters(make_networks(config, 0), tensors, str(path))


def load_trained_weights(
    policy: Policy[Any],
    path: Path,
    config: Any,
    workspaces: Sequence[Workspace] = (),
    gripper: str = "",
    version: int | None = None,
) -> dict[str, str]:
    """Put weights into a policy if they fit it, and return the file's metadata.

    Args:
        policy: Of the configuration; not to be used if this raises.
        path: As the other arguments, see `read_trained_weights`.
        config: The method's configuration.
        workspaces: What the policy will look at.
        gripper: Its name.
        version: What to call the weights; None: as the file says.

    Raises:
        WeightsError: as `read_trained_weights`, or if names, shapes, types or values of the tensors
            are not the network's, or the policy that results lacks the symmetry it should have.
    """
    tensors, metadata = read_trained_weights(path, config, workspaces, gripper)
    known = int(metadata.get("version", 0)) if version is None else version
    policy.load(tensors, known, str(path))
    probe = policy.probe()
    error = probe.symmetry_error
    if error is not None and not error <= SYMMETRY_TOLERANCE:
        raise WeightsError(
            f"{path}: the policy is not equivariant: turning a scene changes its "
            f"probabilities by {error:.2g}; at most {SYMMETRY_TOLERANCE:g} is rounding."
        )
    if PROBE in metadata:
        _check_answers(path, probe, json.loads(metadata[PROBE]))
    return metadata


def _check_answers(path: Path, probe: Probe, expected: list[float]) -> None:
    """Refuse weights that mean something else here, such as coordinates in another basis."""
    error = np.abs(np.array(probe.answers) - np.array(expected)).max()
    if not error <= _PROBE_TOLERANCE:
        raise WeightsError(
            f"{path}: on a test scene its networks answer otherwise than where it was written, by up to "
            f"{error:.2g}; at most {_PROBE_TOLERANCE:g} is accepted. Install the versions of "
            "requirements/, or train the weights again."
        )


def _check_method(path: Path, metadata: dict[str, str], config: Any) -> None:
    name = name_from_file(metadata.get("configuration", ""))
    remedy = f" Choose method '{name}'." if name else ""
    method = metadata.get("method", str(config.method))
    if method != config.method:
        raise WeightsError(
            f"{path}: holds weights of method '{method}', not '{config.method}'.{remedy}"
        )
    if "network" not in metadata:
        return
    try:  # options that are younger than the file have their defaults
        trained = from_mapping(type(config.network), json.loads(metadata["network"]), str(path))
    except (ConfigError, ValueError) as error:
        raise WeightsError(
            f"{path}: of a network that this version does not know: {error}"
        ) from error
    wanted = to_mapping(config.network)
    for key, value in to_mapping(trained).items():
        if value != wanted[key]:
            raise WeightsError(
                f"{path}: trained with network.{key} {value}; "
                f"this configuration has {wanted[key]}.{remedy}"
            )


def _check_workspace(path: Path, metadata: dict[str, str], workspace: Workspace) -> None:
    size = int(metadata.get("heightmap_size_px", workspace.heightmap_size_px))
    if size != workspace.heightmap_size_px:
        raise WeightsError(
            f"{path}: trained on heightmaps of {size} px; "
            f"workspace '{workspace.name}' has {workspace.heightmap_size_px} px."
        )
    pixel_size = float(metadata.get("pixel_size", workspace.pixel_size))
    if abs(workspace.pixel_size - pixel_size) > _PIXEL_TOLERANCE * pixel_size:
        raise WeightsError(
            f"{path}: trained on cells of {1000 * pixel_size:g} mm; workspace '{workspace.name}' "
            f"has {1000 * workspace.pixel_size:g} mm; at most 1 % of difference is accepted."
        )
