"""Every test that the safety page calls a proof exists."""

import re

from repository import ROOT


def test_the_tests_named_on_the_safety_page_exist() -> None:
    page = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 10
    for path, function in named:
        assert f"def {function or 'test_'}" in (ROOT / path).read_text(encoding="utf-8"), path
