"""Pages lead to what is there, and the index leads to every page."""

import re
from pathlib import Path

import pytest
from repository import ROOT, name, text_files

PAGES = [p for p in text_files() if p.suffix == ".md" and "results" not in p.parts]
INDEX = ROOT / "docs" / "README.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


def test_a_link_into_the_void_is_found() -> None:
    assert leads_somewhere(INDEX, "conventions.md#units") and leads_somewhere(INDEX, "methods")
    for link in ("nowhere.md", "conventions.md#nothing", "#nothing"):
        assert not leads_somewhere(INDEX, link), link


def test_the_index_names_every_page() -> None:
    linked = {(INDEX.parent / link.partition("#")[0]).resolve() for link in links(INDEX)}
    pages = [p for p in PAGES if INDEX.parent in p.parents and p != INDEX]
    assert pages and [name(p) for p in pages if p not in linked] == []


def links(page: Path) -> list[str]:
    """Return what a page links to inside the repository."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [link for link in LINK.findall(text) if "://" not in link]


def leads_somewhere(page: Path, link: str) -> bool:
    """Tell whether a file is there, and a heading in it where the link names one."""
    path, _, heading = link.partition("#")
    target = (page.parent / path) if path else page
    if not target.exists():
        return False
    return not heading or heading in _headings(target)


def _headings(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
