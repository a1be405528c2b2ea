"""Whatever is logged is described."""

import re

import pytest
from repository import ROOT

from equigrasp.experiments.evaluation.evaluation_folder import COLUMNS as EVALUATION_COLUMNS
from equigrasp.experiments.runs.metrics_file import COLUMNS as METRICS_COLUMNS

PAGE = (ROOT / "docs" / "methods" / "asr_metrics.md").read_text(encoding="utf-8")
MESSAGE = ROOT / "ros2_ws/src/equigrasp_interfaces/msg/LearnerStatus.msg"


def _status_fields() -> list[str]:
    lines = MESSAGE.read_text(encoding="utf-8").splitlines()
    fields = [m.group(1) for line in lines if (m := re.fullmatch(r"\w+ ([a-z_0-9]+)", line))]
    assert "replay_bytes" in fields
    return fields


@pytest.mark.parametrize("name", [*METRICS_COLUMNS, *EVALUATION_COLUMNS, *_status_fields()])
def test_every_logged_metric_is_in_a_table_of_the_methods_page(name: str) -> None:
    assert re.search(rf"^\|[^|]*`{name}`[^|]*\|", PAGE, re.MULTILINE)
