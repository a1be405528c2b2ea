"""Names are imported on use; what is wrong is told with what would be right."""

import math

import pytest

from equigrasp.errors import ConfigError
from equigrasp.registry import Registry

PLACES = {"sine": "math:sin", "lost": "math:sinus", "gone": "nowhere:sin"}


def test_a_name_is_imported_and_listed() -> None:
    registry = Registry("function", PLACES)
    assert registry.find("sine") is math.sin
    assert list(registry) == list(PLACES) and len(registry) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cosine", "Unknown function 'cosine'. Known functions: gone, lost, sine.$"),
        ("math:cos", "Unknown function 'math:cos'"),
        ("lost", "Cannot load function 'lost'.*no attribute 'sinus'"),
        ("gone", "Cannot load function 'gone'.*No module named 'nowhere'"),
    ],
)
def test_what_is_not_there_is_named(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Registry("function", PLACES).find(name)


def test_an_open_registry_takes_places() -> None:
    registry = Registry("function", PLACES, is_open=True)
    assert registry.find("math:cos") is math.cos
    with pytest.raises(ConfigError, match="or name your own, module:FUNCTION"):
        registry.find("cosine")
