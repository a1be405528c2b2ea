"""Names of methods, those of before included."""

from pathlib import Path

import pytest

from equigrasp.errors import ConfigError
from equigrasp.learning.method_names import full_name, known_methods, name_from_file, sizes_of
from equigrasp.methods.registry import load_method

ASR = (
    "baseline c32 cross_entropy epsilon_greedy no_augmentation_buffer no_equivariance no_failure_priority "
    "no_fcb no_off_policy_loss no_on_policy_target"
).split()
VARIANTS = {  # names of before, without the size
    "asr": "asr",
    "fcn": "fcn",
    "equigrasp": "asr/equigrasp",
    **{f"asr_{v}": f"asr/{v}" for v in ASR},
    **{f"{v}_asr": f"asr/{v}" for v in ("drq", "equ", "rad")},
    **{f"{v}_fcn": f"fcn/{v}" for v in ("rad", "rot", "rad_rot")},
}
OLD = {f"{o}_{s}": f"{n}:{s}" for o, n in VARIANTS.items() for s in ("compact", "paper")}
OLD |= {"asr_tiny": "asr:tiny"}


def test_every_name_of_before_has_a_new_one() -> None:
    of_before = {m for m in known_methods() if m.partition("/")[0] in ("asr", "fcn")}
    assert len(OLD) == 39 and set(VARIANTS.values()) == of_before


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_a_name_of_before_is_refused_with_the_new_one(old: str, new: str) -> None:
    with pytest.raises(ConfigError, match=f"Method '{old}' is called '{new}' now"):
        load_method(old)
    assert name_from_file(old) == new and name_from_file(new) == new


def test_every_method_loads_in_every_size() -> None:
    for method in known_methods():
        for size in sizes_of(method):
            assert load_method(method, size) == load_method(f"{method}:{size}")


@pytest.mark.parametrize(
    ("method", "size", "told"),
    [
        ("qtopt", "", "Unknown method 'qtopt'. Known methods: asr, asr/baseline"),
        ("asr/bold", "", "Unknown method 'asr/bold'"),
        ("fcn", "tiny", "Method 'fcn' has no size 'tiny'. Sizes: compact, paper"),
        ("asr:tiny", "paper", "Method 'asr:tiny' names its size, which is not 'paper'"),
        ("equigrasp", "compact", "is called 'asr/equigrasp' now"),
    ],
)
def test_what_is_not_there_is_refused(method: str, size: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        full_name(method, size)


def test_a_size_is_not_applied_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "bold.yaml"
    file.write_text("extends: asr_tiny\ntraining: {num_copies: 3}\n")  # as written before
    assert full_name(str(file), "paper") == str(file)
    _, config = load_method(str(file))
    _, tiny = load_method("asr:tiny")
    assert config.training.num_copies == 3 and config.network == tiny.network


def test_a_file_that_extends_itself_is_refused(tmp_path: Path) -> None:
    base, top = tmp_path / "base.yaml", tmp_path / "top.yaml"
    base.write_text(f"extends: {top}\n")
    top.write_text(f"extends: {base}\n")
    with pytest.raises(ConfigError, match=r"top\.yaml: .*extends itself"):
        load_method(str(top))
