"""Pictures to judge a calibration by."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from equigrasp.calibration.hand_eye import HandEyeResult
from equigrasp.calibration.hand_eye_refinement import Sample
from equigrasp.calibration.table import TableResult
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.camera_model import CameraModel

_NUM_SHOWN = 4
_COLORS = ("#0072B2", "#D55E00")  # told apart by colour-blind readers as well


def draw_hand_eye(
    path: Path,
    result: HandEyeResult,
    samples: list[Sample],
    pictures: list[np.ndarray],
    model: CameraModel,
) -> None:
    """Draw the corners found in some pictures, all residuals, and the error of each pose."""
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    grid = figure.add_gridspec(2, 6)
    worst_first = sorted(result.poses, key=lambda p: -p.held_out_px)
    by_name = {s.name: i for i, s in enumerate(samples)}
    for k, pose in enumerate(worst_first[:_NUM_SHOWN]):
        axes = figure.add_subplot(grid[k // 2, 2 * (k % 2) : 2 * (k % 2) + 2])
        index = by_name[pose.name]
        corners = samples[index].view.corners_px
        axes.imshow(pictures[index])
        axes.plot(*corners.T, "+", color="#00FF60", markersize=6)
        low, high = corners.min(axis=0) - 60, corners.max(axis=0) + 60
        axes.set_xlim(max(0, low[0]), min(model.width_px, high[0]))
        axes.set_ylim(min(model.height_px, high[1]), max(0, low[1]))
        axes.set_title(f"{pose.name}: {pose.held_out_px:.2f} px held out", fontsize=9)
        axes.set_axis_off()
    axes = figure.add_subplot(grid[0, 4:])
    errors = np.concatenate(result.errors_px)
    axes.plot(*errors.T, ".", color=_COLORS[0], markersize=3)
    axes.axhline(0.0, color="0.7", linewidth=0.8)
    axes.axvline(0.0, color="0.7", linewidth=0.8)
    axes.set_aspect("equal")
    axes.set_xlabel("right [px]")
    axes.set_ylabel("down [px]")
    axes.set_title(f"corners, seen minus predicted: {result.rms_px:.2f} px rms", fontsize=9)
    axes = figure.add_subplot(grid[1, 4:])
    names = [p.name.removeprefix("pose ") for p in result.poses]
    axes.bar(names, [p.held_out_mm for p in result.poses], color=_COLORS[0])
    axes.tick_params(axis="x", labelsize=7)
    axes.set_xlabel("pose")
    axes.set_ylabel("held-out error at the board [mm]")
    axes.set_title(f"{result.held_out_mm:.2f} mm rms: {result.verdict}", fontsize=9)
    _save(figure, path)


def draw_table(path: Path, result: TableResult, heightmaps: list[np.ndarray]) -> None:
    """Draw each tray's heights above the configured floor, 10 mm either way."""
    figure = Figure(figsize=(5.2 * len(heightmaps), 4.6), layout="constrained")
    for k, (floor, heights) in enumerate(zip(result.floors, heightmaps, strict=True)):
        axes = figure.add_subplot(1, len(heightmaps), k + 1)
        shown = axes.imshow(1000 * heights, cmap="coolwarm", vmin=-10, vmax=10)
        sx, sy = np.rad2deg(floor.slopes)
        axes.set_title(
            f"{floor.workspace.name}: {floor.offset_mm:+.1f} mm\nslopes {sx:+.2f} and {sy:+.2f} deg, "
            f"noise {floor.noise_mm:.1f} mm",
            fontsize=9,
        )
        axes.set_xlabel("column (+y)")
        axes.set_ylabel("row (+x)")
        figure.colorbar(shown, ax=axes, label="height above the configured floor [mm]")
    _save(figure, path)


def draw_trays(
    path: Path, workspaces: tuple[Workspace, ...], corners: dict[str, np.ndarray]
) -> None:
    """Draw corners as found and action squares as fitted, seen from above."""
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot()
    for workspace in workspaces:
        half = workspace.action_size_px * workspace.pixel_size / 2.0
        x, y = workspace.center_x, workspace.center_y
        ring = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * half + [x, y]
        axes.plot(ring[:, 1], ring[:, 0], color=_COLORS[0])
        axes.plot(y, x, "+", color=_COLORS[0])
        axes.annotate(workspace.name, (y, x), xytext=(4, 4), textcoords="offset points")
        if workspace.name in corners:
            found = corners[workspace.name]
            axes.plot(found[:, 1], found[:, 0], "o", color=_COLORS[1], markersize=5)
    axes.plot(0.0, 0.0, "ks")
    axes.annotate("base", (0.0, 0.0), xytext=(6, 4), textcoords="offset points")
    axes.invert_xaxis()
    axes.set_aspect("equal")
    axes.set_xlabel("base y [m]")
    axes.set_ylabel("base x [m]")
    axes.set_title("squares: where grasps are chosen; dots: corners as found", fontsize=9)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))  # type: ignore[no-untyped-call]
