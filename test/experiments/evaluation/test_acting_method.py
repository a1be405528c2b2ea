"""Which method acts in an evaluation."""

from pathlib import Path

import pytest

from equigrasp.cli.main import main
from equigrasp.config import to_mapping
from equigrasp.errors import ConfigError
from equigrasp.experiments.evaluation.acting_method import acting_method
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights


def test_weights_alone_act_as_the_product_where_they_fit() -> None:
    plain = find_weights("asr_compact_ur5")  # of a softmax, as the product's
    assert acting_method("", "", "", plain) == "asr/equigrasp:compact"
    assert acting_method("asr", "", "", plain) == "asr:compact"
    assert acting_method("", "", "", None) == "asr/equigrasp:compact"


def test_weights_that_do_not_fit_act_as_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "equigrasp.experiments.evaluation.acting_method"
    monkeypatch.setattr(f"{where}._fits", lambda *_: False)
    assert acting_method("", "", "", find_weights("asr_compact_ur5")) == "asr:compact"


def test_a_run_of_before_acts_by_its_method_of_today() -> None:
    assert acting_method("", "", "equigrasp_compact", None) == "asr/equigrasp:compact"
    with pytest.raises(ConfigError, match="'asr_compact' is called 'asr:compact' now"):
        acting_method("asr_compact", "", "equigrasp_compact", None)


def test_a_run_of_before_is_carried_on(tmp_path: Path) -> None:
    run, config = RunFolder(tmp_path), load_method("asr:tiny")[1]
    arguments = {"seed": "0", "cell": "ur5", "weights": ""}
    run.begin(arguments | {"method": "asr_tiny"}, to_mapping(config), None)
    run.begin(arguments | {"method": "asr:tiny"}, to_mapping(config), True)
    with pytest.raises(ConfigError, match="method 'asr:tiny', not 'asr:compact'"):
        run.begin(arguments | {"method": "asr:compact"}, to_mapping(config), True)


def test_the_reference_of_before_is_refused_with_its_new_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", str(tmp_path), "--policy", "script"])
    assert "'script' is called 'heuristic' now" in capsys.readouterr().err
