"""Pictures of how targets were fetched: each look with its masks, its score, and the push or grasp that followed."""

from pathlib import Path

from equigrasp.experiments.push_grasp.target_task import Look, TargetResult
from equigrasp.experiments.runs.pictures import draw_action, lay_out, save_picture
from equigrasp.geometry.actions import Push


class EpisodeStrips:
    """Draws the first targets that were pushed, one picture each.

    Args:
        folder: Where pictures `<scene>_<target>.png` go; made with the first one.
        count: How many there shall be; those of before count.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count

    def draw(self, result: TargetResult, looks: list[Look]) -> None:
        """Draw a target if it was pushed, and pictures are missing."""
        is_enough = len(list(self._folder.glob("*.png"))) >= self._count
        if is_enough or not result.num_pushes:
            return
        pictures = [draw_action(*look, _caption(look, result)) for look in looks]
        name = f"{result.scene}_{result.target}.png"
        save_picture(self._folder / name, lay_out(pictures, len(pictures)))


def _caption(look: Look, result: TargetResult) -> str:
    decision = look[1]
    text = f"score {decision.value:.2f}: "
    if isinstance(decision.action, Push):
        return text + "push"
    return text + ("grasp, taken" if result.is_taken else "grasp, not taken")
