"""Under which conditions a folder of results was filled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from equigrasp.errors import ConfigError
from equigrasp.experiments.runs.claims import read_json, write_json

_NAME = "conditions.json"


def keep_conditions(folder: Path, conditions: Mapping[str, Any]) -> None:
    """Write conditions into a new folder, or check that those of a folder are the same.

    Args:
        folder: Is made if there is none.
        conditions: What JSON can hold.

    Raises:
        ConfigError: if the folder was filled under others, or does not say under which.
    """
    stated = json.loads(json.dumps(conditions))
    before = read_json(folder / _NAME)
    if before is None:
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigError(
                f"'{folder}' holds files but no {_NAME} that says how they were made; choose another folder."
            )
        write_json(folder / _NAME, stated)
        return
    for key in sorted({*before, *stated}):
        if before.get(key) != stated.get(key):
            raise ConfigError(
                f"'{folder}' holds results with {key} '{before.get(key)}', not '{stated.get(key)}'. "
                "Choose another folder."
            )
