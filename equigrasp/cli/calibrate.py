"""`equigrasp calibrate`: measure where camera, trays and table are."""

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from equigrasp.calibration.board import BoardConfig, write_board
from equigrasp.calibration.setup import Ask, CalibrationSetup, Say
from equigrasp.cli.arguments import seed, within
from equigrasp.diagnosis.environment import check_ros
from equigrasp.errors import ConfigError
from equigrasp.paths import config_dir

EPILOG = """in this order:
  equigrasp calibrate board --out board.pdf          print it at 100 %, measure a square, glue it to a plate
  equigrasp calibrate hand-eye --cell ur5            where the camera is
  equigrasp calibrate table --cell ur5               whether the trays look level and at height 0
  equigrasp calibrate workspace --cell ur5           where the trays are
Each adds to one file, config/calibrations/CELL.yaml. The cell uses it when its own file says
`calibration: CELL`. The drivers of arm and camera must run; --simulated needs neither robot nor ROS.
docs/hardware/calibration.md describes every step.
"""
_FORMAT = argparse.RawDescriptionHelpFormatter


def add(commands: "argparse._SubParsersAction", say: Say = print, ask: Ask = input) -> None:
    """Add the command to a parser's subcommands; `say` and `ask` speak with the person."""
    calibrate = commands.add_parser(
        "calibrate", help="measure where camera, trays and table are", epilog=EPILOG,
        formatter_class=_FORMAT,
    )  # fmt: skip
    what = calibrate.add_subparsers(title="what", required=True, metavar="WHAT")
    board = what.add_parser("board", help="write the ChArUco board for printing")
    _add_board(board)
    board.add_argument(
        "--out", type=Path, default=Path("board.pdf"), help="a .pdf or .png [board.pdf]"
    )
    board.set_defaults(run=lambda o: _board(o, say))
    _add_hand_eye(what, say, ask)
    _add_table(what, say)
    _add_workspace(what, say, ask)


def _add_hand_eye(what: "argparse._SubParsersAction", say: Say, ask: Ask) -> None:
    hand_eye = what.add_parser(
        "hand-eye",
        help="camera beside the robot, board on the gripper",
        description="The gripper holds the board (or it is bolted to the flange); the arm shows it to "
        "the camera in many poses. Reports the camera's pose in base_link, with a verdict.",
    )
    _add_common(hand_eye)
    _add_board(hand_eye)
    hand_eye.add_argument(
        "--guided", action="store_true", help="you move the arm and press Enter at each pose"
    )
    hand_eye.add_argument(
        "--poses",
        type=within(int, 1, 1000),
        default=25,
        help="poses that the arm goes to by itself [25]",
    )
    hand_eye.add_argument(
        "--dry-run", action="store_true", help="plan and list the poses, move nothing"
    )
    hand_eye.add_argument("--yes", action="store_true", help="do not ask before the arm moves")
    hand_eye.add_argument(
        "--camera-serial",
        default="",
        help="stored in the file: a warning follows when another camera is connected",
    )
    hand_eye.set_defaults(run=lambda o: _hand_eye(o, say, ask))


def _add_table(what: "argparse._SubParsersAction", say: Say) -> None:
    table = what.add_parser("table", help="tilt and height of the empty trays' floors")
    _add_common(table)
    table.add_argument(
        "--apply",
        choices=["nothing", "camera", "floor"],
        default="nothing",
        help="camera: turn and lift its pose so that the floors are level and at height 0; floor: "
        "set the trays' floor_z [nothing]",
    )
    table.set_defaults(run=lambda o: _table(o, say))


def _add_workspace(what: "argparse._SubParsersAction", say: Say, ask: Ask) -> None:
    workspace = what.add_parser("workspace", help="where the trays are")
    _add_common(workspace)
    workspace.add_argument(
        "--by",
        choices=["see", "touch"],
        default="see",
        help="see: the walls of the empty trays in the depth image; touch: you bring the fingertips "
        "to three or four corners of each floor [see]",
    )
    workspace.add_argument(
        "--inset",
        type=within(float, 0.0, 1000.0),
        default=0.0,
        help="mm that the TCP stays inside a corner, along both walls [0]",
    )
    workspace.set_defaults(run=lambda o: _workspace(o, say, ask))


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cell", default="ur5", help="a name below config/cells, or a YAML file [ur5]"
    )
    parser.add_argument(
        "--simulated",
        action="store_true",
        help="on a simulated cell with small errors of pose; reports the true error",
    )
    parser.add_argument(
        "--use-sim-time", action="store_true", help="the drivers run on simulated time (/clock)"
    )
    parser.add_argument(
        "--seed", type=seed, default=0, help="seed of the simulated cell's errors [0]"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="calibration file [config/calibrations/CELL.yaml; simulated: results/calibration/CELL.yaml]",
    )


def _add_board(parser: argparse.ArgumentParser) -> None:
    default = BoardConfig()
    parser.add_argument(
        "--squares",
        type=within(int, 2, 100),
        nargs=2,
        default=(default.squares_x, default.squares_y),
        metavar=("X", "Y"),
        help="columns and rows of squares [7 5]",
    )
    parser.add_argument(
        "--square",
        type=within(float, 0.1, 1000.0),
        default=1000 * default.square_length,
        help="side of a square as measured, mm [38]",
    )
    parser.add_argument(
        "--marker",
        type=within(float, 0.1, 1000.0),
        default=1000 * default.marker_length,
        help="side of a marker as measured, mm [28]",
    )
    parser.add_argument(
        "--dictionary", default=default.dictionary, help="ArUco dictionary [DICT_4X4_50]"
    )


def _board_of(options: argparse.Namespace) -> BoardConfig:
    x, y = options.squares
    return BoardConfig(x, y, options.square / 1000, options.marker / 1000, options.dictionary)


def _board(options: argparse.Namespace, say: Say) -> int:
    board = _board_of(options)
    write_board(options.out, board)
    width, height = (1000 * s for s in board.size)
    say(
        f"written: {options.out}: print at 100 %; the squares then measure {width:.1f} x {height:.1f} mm."
    )
    return 0


def _hand_eye(options: argparse.Namespace, say: Say, ask: Ask) -> int:
    from equigrasp.calibration.hand_eye_command import run_hand_eye

    board = _board_of(options)
    moves = not (options.guided or options.dry_run or options.simulated or options.yes)
    if (
        moves
        and ask("The arm will move by itself, slowly. Clear the cell and type yes > ") != "yes"
    ):
        say("Nothing moved.")
        return 1
    with _setup(options, "hand-eye", board) as setup:
        run_hand_eye(
            setup, board, count=options.poses, is_guided=options.guided,
            is_dry_run=options.dry_run, say=say, ask=ask,
        )  # fmt: skip
        _say_how_to_use(setup, say)
    return 0


def _table(options: argparse.Namespace, say: Say) -> int:
    from equigrasp.calibration.table_command import run_table

    with _setup(options, "table") as setup:
        run_table(setup, apply=options.apply, say=say)
    return 0


def _workspace(options: argparse.Namespace, say: Say, ask: Ask) -> int:
    from equigrasp.calibration.workspace_command import run_workspace

    if options.simulated and options.by == "touch":
        raise ConfigError("A simulated arm cannot be moved by hand: use --by see.")
    with _setup(options, "workspace") as setup:
        run_workspace(setup, by=options.by, inset=options.inset / 1000, say=say, ask=ask)
        _say_how_to_use(setup, say)
    return 0


@contextlib.contextmanager
def _setup(
    options: argparse.Namespace, what: str, board: BoardConfig | None = None
) -> Iterator[CalibrationSetup]:
    name = Path(options.cell).stem
    if options.simulated:
        from equigrasp.calibration.simulated.simulated_calibration import simulated_setup

        path = options.out or Path("results/calibration") / f"{name}.yaml"
        with simulated_setup(options.cell, what, path, options.seed, board) as setup:
            yield setup
        return
    check_ros()
    from equigrasp.ros.remote.remote_calibration import remote_setup

    path = options.out or config_dir() / "calibrations" / f"{name}.yaml"
    serial = getattr(options, "camera_serial", "")
    with remote_setup(
        options.cell, what, path, serial, use_sim_time=options.use_sim_time
    ) as setup:
        yield setup


def _say_how_to_use(setup: CalibrationSetup, say: Callable[[str], None]) -> None:
    if setup.path.is_file() and setup.configured.calibration != setup.path.stem:
        say(
            f"To use it, put `calibration: {setup.path.stem}` (or the file's path) into the cell's YAML file."
        )
