"""A folder of results says under which conditions it was filled, and takes no others."""

from pathlib import Path

import pytest

from equigrasp.errors import ConfigError
from equigrasp.experiments.runs.conditions import keep_conditions


def test_other_conditions_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    keep_conditions(folder, {"seed": 0, "spreads": {10: 0.1}})
    keep_conditions(folder, {"seed": 0, "spreads": {10: 0.1}})
    with pytest.raises(ConfigError, match="holds results with seed '0', not '1'"):
        keep_conditions(folder, {"seed": 1, "spreads": {10: 0.1}})
    with pytest.raises(ConfigError, match="with split 'None', not 'test'"):
        keep_conditions(folder, {"seed": 0, "spreads": {10: 0.1}, "split": "test"})


def test_files_of_unknown_origin_are_not_carried_on(tmp_path: Path) -> None:
    (tmp_path / "trays.csv").write_text("tray\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no conditions.json"):
        keep_conditions(tmp_path, {"seed": 0})
