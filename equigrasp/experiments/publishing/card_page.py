"""The frame of a model card, whatever was measured."""

from collections.abc import Sequence

from equigrasp.geometry.workspace import Workspace


def card_page(
    name: str,
    commands: Sequence[str],
    note: str,
    facts: Sequence[str],
    sections: Sequence[str],
    config_text: str,
) -> str:
    """Return a card in Markdown.

    Args:
        name: Of the weights.
        commands: That use them.
        note: A sentence; may be empty.
        facts: Rows of the table at its head.
        sections: Lines about success and what else was seen, with their titles.
        config_text: The run's `config.yaml`.
    """
    lines = [
        f"# {name}",
        "",
        *(f"    {command}" for command in commands),
        "",
        *([note, ""] if note else []),
        "| | |",
        "|---|---|",
        *facts,
        "",
        *sections,
        "",
        "## Configuration of the run",
        "",
        "```yaml",
        config_text.rstrip(),
        "```",
        "",
        "This page was written by `equigrasp publish` from the files of the run and its evaluations.",
        "",
    ]
    return "\n".join(lines)


def what_fits(workspace: Workspace, gripper: str) -> str:
    """Return the row of a card about the cells that its weights fit."""
    size, cell_mm = workspace.heightmap_size_px, 1000 * workspace.pixel_size
    return f"| fits | heightmaps of {size} × {size} cells of {cell_mm:g} mm, gripper `{gripper}` |"
