"""Pictures of decisions and curves of runs."""

from pathlib import Path

import cv2
import numpy as np

from equigrasp.experiments.runs.metrics_file import WINDOW
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.angles import angle_to_bin
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import PUSH_MAP, Q_MAP, ROTATION_VALUES, Decision
from equigrasp.perception.observation import LABELS, TARGET, Observation

_SCALE = 4  # picture pixels a cell
_TOP = 0.12  # [m] height that is drawn brightest
_BAND_PX = 34


def draw_decision(observation: Observation, decision: Decision[PlanarGrasp]) -> np.ndarray:
    """Draw heightmap, Q-map and yaw values with the chosen grasp.

    Returns:
        RGB picture, uint8; base +x points down and base +y right, as in the arrays.
    """
    size, border = observation.heightmap.shape[0], observation.workspace.border_px
    heights = colorize(observation.heightmap / _TOP, cv2.COLORMAP_VIRIDIS)
    q_map = np.zeros((size, size), np.float32)
    q_map[border : size - border, border : size - border] = decision.views[Q_MAP]
    values = colorize(q_map, cv2.COLORMAP_INFERNO)
    panels = [_enlarge(p) for p in (heights, values)]
    for panel in panels:
        low, high = border * _SCALE, (size - border) * _SCALE
        cv2.rectangle(panel, (low, low), (high, high), (200, 200, 200), 1)
        _draw_gripper(panel, decision.action, observation.workspace)
    panels.append(_draw_yaws(decision, size * _SCALE))
    picture = np.hstack(panels)
    band = np.full((_BAND_PX, picture.shape[1], 3), 255, np.uint8)
    is_random = bool(np.isnan(decision.value))
    chosen = "random" if is_random else f"P(success) {decision.value:.2f}"
    texts = ("heightmap (bright: 12 cm)", "q1: P(success) of each pixel", "q2: of each yaw")
    for text, x in zip(texts, (8, size * _SCALE + 8, 2 * size * _SCALE + 8), strict=True):
        cv2.putText(
            band, text, (x, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA
        )
    label = f"chosen: {chosen}, version {decision.policy_version}"
    cv2.putText(
        picture, label, (8, size * _SCALE - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1,
        cv2.LINE_AA,
    )  # fmt: skip
    return np.vstack([band, picture])


def draw_action(
    observation: Observation, decision: Decision[PlanarGrasp | Push], caption: str
) -> np.ndarray:
    """Draw the action square's heights with the grasp or push in it, small; see `draw_decision`.

    Where there are labels the objects are outlined, and what is aimed at in red.
    """
    workspace, size = observation.workspace, observation.heightmap.shape[0]
    heights = _enlarge(colorize(observation.heightmap / _TOP, cv2.COLORMAP_VIRIDIS))
    labels = observation.arrays.get(LABELS, np.zeros(0, np.uint8))
    for label in np.unique(labels[labels > 0]):
        cv2.drawContours(heights, _outlines(labels == label), -1, (220, 220, 220), 1)
    aim = decision.aimed(observation).goal
    if TARGET in aim:
        cv2.drawContours(heights, _outlines(aim[TARGET] > 0), -1, (255, 80, 80), 3)
    if isinstance(decision.action, Push):
        _draw_push(heights, decision.action, workspace)
    else:
        _draw_gripper(heights, decision.action, workspace)
    inner = slice(workspace.border_px * _SCALE, (size - workspace.border_px) * _SCALE)
    panel = heights[inner, inner]
    side = panel.shape[0] * 3 // 4
    panel = cv2.resize(panel, (side, side), interpolation=cv2.INTER_AREA)
    band = np.full((_BAND_PX - 8, side, 3), 255, np.uint8)
    cv2.putText(
        band, caption, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA
    )
    return np.vstack([band, panel])


def draw_push_map(observation: Observation, decision: Decision[Push]) -> np.ndarray:
    """Draw heightmap and values of pushes with the chosen push, the target outlined.

    Returns:
        RGB picture, uint8; see `draw_decision`.
    """
    workspace, size = observation.workspace, observation.heightmap.shape[0]
    low, high = workspace.border_px, workspace.border_px + workspace.action_size_px
    of_pushes = decision.views[PUSH_MAP]
    is_push = np.isfinite(of_pushes)
    least, most = float(np.nanmin(of_pushes)), float(np.nanmax(of_pushes))
    values = np.zeros((size, size), np.float32)
    # The best is white; what is worst, still above where no push may begin, dark.
    values[low:high, low:high][is_push] = 0.15 + 0.85 * (of_pushes[is_push] - least) / max(
        most - least, 1e-6
    )
    heights = colorize(observation.heightmap / _TOP, cv2.COLORMAP_VIRIDIS)
    panels = [_enlarge(p) for p in (heights, colorize(values, cv2.COLORMAP_INFERNO))]
    outlines = _outlines(decision.aimed(observation).goal[TARGET] > 0)
    for panel in panels:
        cv2.drawContours(panel, outlines, -1, (255, 255, 255), 1)
        _draw_push(panel, decision.action, workspace)
    picture = np.hstack(panels)
    text = f"score of the best grasp {decision.value:.2f}, values {least:.2f} to {most:.2f}"
    cv2.putText(
        picture, text, (8, size * _SCALE - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1,
        cv2.LINE_AA,
    )  # fmt: skip
    return picture


def lay_out(pictures: list[np.ndarray], num_cols: int) -> np.ndarray:
    """Put RGB pictures of one size side by side, row below row, on white."""
    height, width = pictures[0].shape[:2]
    gap = 6
    num_rows = -(-len(pictures) // num_cols)
    shape = num_rows * (height + gap) - gap, num_cols * (width + gap) - gap, 3
    sheet = np.full(shape, 255, np.uint8)
    for i, picture in enumerate(pictures):
        row, col = (i // num_cols) * (height + gap), (i % num_cols) * (width + gap)
        sheet[row : row + height, col : col + width] = picture
    return sheet


def load_picture(path: Path) -> np.ndarray:
    """Read an RGB picture; raise `FileNotFoundError` if it is not there."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(f"There is no picture '{path}'.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write an RGB picture as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def draw_learning_curve(path: Path, rows: list[dict[str, str]], title: str) -> None:
    """Draw success and loss over attempts from rows of `metrics.csv`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    attempts = np.array([int(r["attempt"]) + 1 for r in rows])
    success = np.array([float(r["success"]) for r in rows])
    rate = np.array([float(r["running_success_rate"]) for r in rows])
    figure = Figure(figsize=(8.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot(attempts, 100 * rate, color="tab:blue", label=f"mean of the last {WINDOW} attempts")
    for is_success, y, color in ((True, 102, "tab:green"), (False, -2, "tab:red")):
        chosen = attempts[(success > 0) == is_success]
        label = "success" if is_success else "failure"
        top.scatter(chosen, np.full(chosen.shape, y), s=4, color=color, label=label)
    top.set(ylabel="success [%]", ylim=(-5, 105), title=title)
    top.grid(alpha=0.3)
    top.legend(loc="lower right", bbox_to_anchor=(1.0, 0.06), markerscale=3)
    known = [(int(r["attempt"]) + 1, float(r["loss"])) for r in rows if r["loss"]]
    if known:
        bottom.plot(*zip(*known, strict=True), color="tab:gray", lw=0.8)
    bottom.set(xlabel="grasp attempts", ylabel="loss")
    bottom.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def colorize(values: np.ndarray, color_map: int) -> np.ndarray:
    """Return values from 0 to 1, shape (H, W), as colours, RGB uint8 (H, W, 3)."""
    bytes_ = (np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(bytes_, color_map), cv2.COLOR_BGR2RGB)


def _enlarge(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_NEAREST)


def _outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return the outlines of a mask (S, S) in an enlarged picture."""
    large = _enlarge(np.asarray(mask).astype(np.uint8))
    return list(cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0])


def _draw_push(panel: np.ndarray, push: Push, workspace: Workspace) -> None:
    """Draw an arrow from where a push begins to where it ends."""
    start = np.array(workspace.xy_to_pixel(push.x, push.y)[::-1]) + 0.5
    way = np.array([np.sin(push.direction), np.cos(push.direction)]) * push.length
    end = start + way / workspace.pixel_size
    ends = point(start * _SCALE), point(end * _SCALE)
    cv2.arrowedLine(panel, *ends, (80, 255, 80), 2, cv2.LINE_AA, tipLength=0.25)


def _draw_gripper(panel: np.ndarray, grasp: PlanarGrasp, workspace: Workspace) -> None:
    """Draw both finger pads and the line between them."""
    pixel_size = workspace.pixel_size
    row, col = workspace.xy_to_pixel(grasp.x, grasp.y)
    centre = np.array([col + 0.5, row + 0.5]) * _SCALE
    theta, half = grasp.theta, grasp.width / 2 / pixel_size * _SCALE
    opening = np.array([np.sin(theta), np.cos(theta)])  # (col, row): yaw turns rows into columns
    across = np.array([opening[1], -opening[0]])
    pad = 0.011 / pixel_size * _SCALE
    ends = [centre - half * opening, centre + half * opening]
    cv2.line(panel, point(ends[0]), point(ends[1]), (255, 255, 255), 1, cv2.LINE_AA)
    for end in ends:
        corners = point(end - pad * across), point(end + pad * across)
        cv2.line(panel, *corners, (255, 80, 80), 4, cv2.LINE_AA)
    cv2.circle(panel, point(centre), 4, (80, 255, 80), -1, cv2.LINE_AA)


def _draw_yaws(decision: Decision[PlanarGrasp], side: int) -> np.ndarray:
    panel = np.full((side, side // 2, 3), 245, np.uint8)
    centre = np.array([side / 4, side / 2])
    values = decision.views[ROTATION_VALUES]
    chosen = angle_to_bin(decision.action.theta, len(values))
    for k, value in enumerate(values):
        theta = k * np.pi / len(values)
        arm = np.array([np.sin(theta), np.cos(theta)]) * float(value) * side / 4.4
        is_chosen = k == chosen
        color, width = ((220, 50, 50), 4) if is_chosen else ((90, 90, 160), 2)
        cv2.line(panel, point(centre - arm), point(centre + arm), color, width, cv2.LINE_AA)
    cv2.circle(panel, point(centre), int(side / 4.4), (200, 200, 200), 1, cv2.LINE_AA)
    return panel


def point(position: np.ndarray) -> tuple[int, int]:
    """Return the pixel of a position (x, y) in a picture."""
    return round(float(position[0])), round(float(position[1]))
