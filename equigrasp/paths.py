"""Where the repository's data folders lie, installed or in a checkout."""

from pathlib import Path

from equigrasp.errors import ConfigError

LABELS_SUFFIX = ".labels.npz"
_CHECKOUT = Path(__file__).resolve().parents[1]


def share_dir() -> Path:
    """Return the folder that holds `config/`, `launch/`, `urdf/` and `models/`.

    A checkout (or an editable install) is used as it lies; otherwise the folder is the
    `share/equigrasp` of the colcon or pip prefix that the package was installed to.

    Raises:
        ConfigError: if neither holds a `config/` folder.
    """
    if (_CHECKOUT / "config").is_dir() and (_CHECKOUT / "package.xml").is_file():
        return _CHECKOUT
    for prefix in Path(__file__).resolve().parents:
        candidate = prefix / "share" / "equigrasp"
        if (candidate / "config").is_dir():
            return candidate
    raise ConfigError(
        f"No folder 'share/equigrasp/config' above {Path(__file__).parent}. "
        "Reinstall the package: its data files are missing."
    )


def config_dir() -> Path:
    """Return the folder of the YAML configuration."""
    return share_dir() / "config"


def rviz_config() -> Path:
    """Return the file with which RViz shows a cell."""
    return config_dir() / "rviz" / "cell.rviz"


def urdf_dir() -> Path:
    """Return the folder of the robot descriptions made by this project."""
    return share_dir() / "urdf"


def models_dir() -> Path:
    """Return the folder of trained weights."""
    return share_dir() / "models"


def find_weights(name: str) -> Path:
    """Return the path of weights by their name below `models/`, or of any `.safetensors` file.

    Raises:
        ConfigError: if there are none; lists the names there are.
    """
    return _find_model(name, ".safetensors", "weight file", "weights")


def find_labels(name: str) -> Path:
    """Return the path of labels by their name below `models/`, or of any `.labels.npz` file.

    Raises:
        ConfigError: if there are none; lists the names there are.
    """
    return _find_model(name, LABELS_SUFFIX, "file of labels", "labels")


def _find_model(name: str, suffix: str, file: str, what: str) -> Path:
    is_file_name = name.endswith(suffix)
    path = Path(name) if is_file_name else models_dir() / f"{name}{suffix}"
    if path.is_file():
        return path
    names = sorted(p.name.removesuffix(suffix) for p in models_dir().glob(f"*{suffix}"))
    raise ConfigError(
        f"{f'There is no {file}' if is_file_name else f'Unknown {what}'} '{name}'. Known {what}: "
        f"{', '.join(names) or 'none'}; or give the path of a file that ends in {suffix}."
    )
