"""The command `equigrasp`."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equigrasp.errors import EquigraspError
from equigrasp.experiments import pretrain_command, publish_command
from equigrasp.experiments.benchmarks import command as bench_command
from equigrasp.experiments.count_argument import count
from equigrasp.experiments.termination import terminating_as_ctrl_c

if TYPE_CHECKING:
    from equigrasp.experiments.doctor import Finding
    from equigrasp.experiments.virtual_cell import VirtualCell

EPILOG = """examples:
  equigrasp up sim --attempts 500 --real-time-factor 4   learn over ROS 2, simulated robot
  equigrasp doctor --cell ur5 --robot-ip 192.168.1.102   check a real robot cell; moves nothing
  equigrasp up ur5 --robot-ip 192.168.1.102              learn on a real robot
  equigrasp virtual ur5                                  a UR5 cell for want of a real one
  equigrasp train --attempts 300 --out results/a         the same method in one process
  equigrasp pretrain --out results/b                     first weights without a single grasp
  equigrasp evaluate results/a --attempts 100            frozen weights on unseen objects
  equigrasp report results/a                             draw the curve, write report.md
  equigrasp publish results/a --name my_weights          weights and model card from a run
  equigrasp doctor                                       check machine and installation
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return an exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        with terminating_as_ctrl_c():
            return int(options.run(options))
    except EquigraspError as error:
        print(f"equigrasp: {error}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(f"equigrasp: {error}. Run `make setup`, or `equigrasp doctor`.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("equigrasp: stopped; what was learned is saved.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="equigrasp",
        description="A robot learns to grasp, on itself, in about an hour.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_up(commands)
    train = commands.add_parser("train", help="learn in one process, without ROS")
    _add_arguments(train, "sim")
    _add_run_options(train)
    train.set_defaults(run=_train)
    pretrain = commands.add_parser("pretrain", help="first weights, without a single grasp")
    pretrain_command.add_options(pretrain)
    _add_resume(pretrain)
    pretrain.set_defaults(run=_pretrain)
    _add_evaluate(commands)
    publish = commands.add_parser("publish", help="make weights with a model card from a run")
    publish_command.add_options(publish)
    publish.set_defaults(run=_publish)
    report = commands.add_parser("report", help="draw a run and write its report.md")
    report.add_argument("folder", type=Path, help="run folder")
    report.set_defaults(run=_report)
    bench = commands.add_parser("bench", help="the paper's tables and curves; speed of the parts")
    bench_command.add_options(bench)
    bench.set_defaults(run=_bench)
    _add_virtual(commands)
    _add_doctor(commands)
    from equigrasp.nodes.calibrate_command import add_calibrate

    add_calibrate(commands, print, input)
    return parser


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="try frozen weights",
        description="Makes attempts without learning. An evaluation that was stopped carries on; "
        "other weights, objects, seeds or commits begin anew.",
    )
    evaluate.add_argument("folder", type=Path, help="run folder; evaluation.json goes there")
    evaluate.add_argument("--attempts", type=count, default=100, help="how many [100]")
    evaluate.add_argument("--objects", default="household", help="object set or folder of meshes")
    evaluate.add_argument(
        "--split",
        default="test",
        choices=["train", "test", "all", "easy", "hard"],
        help="easy and hard: of the test split, as measured; they write to a subfolder [test]",
    )
    evaluate.add_argument("--seed", type=int, default=1000, help="seed of objects and choices")
    evaluate.add_argument("--cell", help="cell: a name or a YAML file [the run's]")
    evaluate.add_argument(
        "--depth-noise",
        default="",
        choices=["none", "realsense"],
        help="what the simulated camera adds; writes to a subfolder [as the camera's file says]",
    )
    evaluate.add_argument(
        "--weights", help="name below models, or a safetensors file [the run's newest]"
    )
    evaluate.add_argument(
        "--policy",
        default="learned",
        choices=["learned", "random", "script", "oracle"],
        help="the others are references, script by heightmaps, oracle by the true places of the objects; "
        "they write to a subfolder [learned]",
    )
    evaluate.set_defaults(run=_evaluate)


def _add_up(commands: Any) -> None:
    from equigrasp.nodes.launch_parts import MODES

    up = commands.add_parser("up", help="start the ROS 2 graph and learn")
    modes = up.add_subparsers(title="modes", required=True, metavar="MODE", dest="mode")
    for name, mode in MODES.items():
        parser = modes.add_parser(name, help=mode.description)
        _add_arguments(parser, name)
        _add_run_options(parser)
        if mode.is_real:
            parser.add_argument(
                "--yes", action="store_true", help="move without being asked first"
            )
        parser.set_defaults(run=_up)


def _add_virtual(commands: Any) -> None:
    virtual = commands.add_parser(
        "virtual", help="serve a robot cell that speaks the vendors' protocols"
    )
    kinds = virtual.add_subparsers(title="what", required=True, metavar="WHAT")
    ur5 = kinds.add_parser("ur5", help="UR5, 2F-85 and depth camera in one PyBullet world")
    ur5.add_argument("--cell", default="ur5", help="robot cell with a UR5 [ur5]")
    ur5.add_argument("--host", default="127.0.0.1", help="loopback address, 127.x.y.z [127.0.0.1]")
    ur5.add_argument("--objects", default="household", help="object set or folder of meshes")
    ur5.add_argument("--split", default="train", choices=["train", "test", "all"])
    ur5.add_argument("--num-objects", type=int, default=15, help="objects in the first tray [15]")
    ur5.add_argument("--seed", type=int, default=0, help="seed of objects and their drop [0]")
    ur5.add_argument(
        "--e-series", action="store_true", help="500 Hz and remote control; else a CB3"
    )
    ur5.add_argument("--modbus", action="store_true", help="gripper on a serial port as well")
    ur5.add_argument("--camera-rate", type=float, default=6.0, help="frames per second [6]")
    ur5.set_defaults(run=_virtual)
    order = kinds.add_parser("order", help="do something to a virtual cell that runs: faults")
    order.add_argument("name", nargs="?", default="help", help="such as protective_stop [help]")
    order.add_argument("value", nargs="?", default="", help="what the order needs")
    order.add_argument("--host", default="127.0.0.1", help="address of the cell [127.0.0.1]")
    order.set_defaults(run=_order)


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor", help="check machine, installation and configuration, or a robot cell"
    )
    doctor.add_argument("--cell", default="", help="also check this cell's devices; moves nothing")
    doctor.add_argument("--robot-ip", default="", help="the robot controller's address")
    doctor.add_argument("--gripper-driver", default="", help="name below config/gripper_drivers")
    doctor.add_argument("--gripper-host", default="", help="address of the gripper's URCap")
    doctor.add_argument("--gripper-device", default="", help="serial port of the gripper")
    doctor.add_argument("--camera-source", default="", help="device, bag:FILE or tcp://HOST:PORT")
    doctor.add_argument("--camera-serial", default="", help="serial number of the camera")
    doctor.set_defaults(run=_doctor)


def _add_arguments(parser: argparse.ArgumentParser, mode: str) -> None:
    from equigrasp.nodes.launch_parts import MODES

    for argument in MODES[mode].arguments:
        parser.add_argument(
            "--" + argument.name.replace("_", "-"),
            default=argument.default,
            choices=argument.choices or None,
            help=f"{argument.description} [{argument.default or 'empty'}]",
        )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--attempts", type=count, default=500, help="attempts in the run [500]")
    _add_resume(parser)


def _add_resume(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="only carry on what lies in --out")
    group.add_argument("--new", action="store_true", help="refuse if --out holds a run already")


def _values(options: argparse.Namespace, mode: str) -> dict[str, str]:
    from equigrasp.nodes.launch_parts import MODES, resolve

    return resolve(mode, {a.name: str(getattr(options, a.name)) for a in MODES[mode].arguments})


def _is_resume(options: argparse.Namespace) -> bool | None:
    return True if options.resume else False if options.new else None


def _up(options: argparse.Namespace) -> int:
    from equigrasp.nodes.supervisor import Supervisor

    values = _values(options, options.mode)
    if not (getattr(options, "yes", True) or _is_cell_clear()):
        print("equigrasp: nothing was started.", file=sys.stderr)
        return 1
    return Supervisor(options.mode, values, options.attempts, _is_resume(options)).run()


def _is_cell_clear() -> bool:
    print(
        "A real robot is about to move: the gripper may open and close at once, then the arm goes\n"
        "home and begins to grasp. Is the cell clear, and your hand on the emergency stop?"
    )
    try:
        return input("Type yes to go on: ").strip().lower() == "yes"
    except EOFError:
        print("There is nobody to answer; --yes goes without asking.", file=sys.stderr)
        return False


def _train(options: argparse.Namespace) -> int:
    from equigrasp.experiments.report import write_report
    from equigrasp.experiments.simulated_run import train

    folder = train(_values(options, "sim"), options.attempts, _is_resume(options))
    print(f"report: {write_report(folder)}")
    return 0


def _pretrain(options: argparse.Namespace) -> int:
    return pretrain_command.run(options, _is_resume(options), print)


def _evaluate(options: argparse.Namespace) -> int:
    from equigrasp.config import read_yaml
    from equigrasp.experiments.evaluation import DEPTH_NOISE, evaluate, evaluation_folder
    from equigrasp.experiments.run_folder import RunFolder
    from equigrasp.learning.weight_store import load_weights
    from equigrasp.methods.registry import DEFAULT_METHOD
    from equigrasp.paths import find_weights

    run = RunFolder(options.folder)
    arguments = read_yaml(run.config)["arguments"] if run.config.is_file() else {}
    is_learned = options.policy == "learned"
    given = find_weights(options.weights) if options.weights else None
    weights = (given or run.newest_weights()) if is_learned else None
    of_weights = load_weights(given)[1].get("configuration", "") if given else ""
    values = {
        "cell": options.cell or arguments.get("cell", "ur5"),
        "method": arguments.get("method") or of_weights or DEFAULT_METHOD,
        "objects": options.objects,
        "split": options.split,
        "seed": str(options.seed),
    }
    if options.depth_noise:
        values[DEPTH_NOISE] = options.depth_noise
    out = evaluation_folder(run.path, options.split, options.policy, options.depth_noise)
    result = evaluate(values, options.policy, weights, options.attempts, out)
    low, high = result["interval_95"]
    print(
        f"{result['successes']} of {result['attempts']} attempts succeeded: "
        f"{100 * result['success_rate']:.0f} % (95 % interval {100 * low:.0f}–{100 * high:.0f} %)"
    )
    return 0


def _publish(options: argparse.Namespace) -> int:
    return publish_command.run(options, print)


def _report(options: argparse.Namespace) -> int:
    from equigrasp.experiments.report import write_report

    print(write_report(options.folder))
    return 0


def _bench(options: argparse.Namespace) -> int:
    if not bench_command.is_speed_alone(options):
        return bench_command.run(options, print)
    from equigrasp.experiments.bench import bench

    bench(not options.no_paper, options.out)
    if not options.no_graph:
        from equigrasp.nodes.graph_bench import bench_graph

        print("\n".join(bench_graph()))
    return 0


def _virtual(options: argparse.Namespace) -> int:
    from equigrasp.devices.real_time import take_real_time_priority
    from equigrasp.experiments.virtual_cell import VirtualCell, VirtualCellConfig

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    config = VirtualCellConfig(
        cell=options.cell,
        host=options.host,
        objects=options.objects,
        split=options.split,
        num_objects=options.num_objects,
        seed=options.seed,
        is_e_series=options.e_series,
        has_modbus=options.modbus,
        camera_rate=options.camera_rate,
    )
    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: is_over.set())
    cell = VirtualCell(config)
    take_real_time_priority()  # as a real controller has it
    with cell:
        print("\n".join(cell.addresses()), flush=True)
        if sys.stdin.isatty():
            print("Orders, one a line; help lists them. Ctrl-C ends.")
            threading.Thread(target=_obey_terminal, args=[cell], daemon=True).start()
        is_over.wait()
    return 0


def _obey_terminal(cell: "VirtualCell") -> None:
    for line in sys.stdin:
        if line.strip():
            print(cell.orders.obey(line).replace(" | ", "\n   "))


def _order(options: argparse.Namespace) -> int:
    from equigrasp.virtual.command_server import ORDER_PORT, send_order

    told = send_order(options.host, ORDER_PORT, f"{options.name} {options.value}")
    print(told.replace(" | ", "\n") if options.name == "help" else told or "done")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from equigrasp.experiments.cell_doctor import CellToExamine, examine_cell
    from equigrasp.experiments.doctor import examine

    findings = list(examine())
    _print_findings(findings)
    if options.cell:
        cell = CellToExamine(
            options.cell,
            options.robot_ip,
            options.gripper_driver,
            options.gripper_host,
            options.gripper_device,
            options.camera_source,
            options.camera_serial,
        )
        for finding in examine_cell(cell):  # each as it comes: some take seconds
            _print_findings([finding])
            findings.append(finding)
    return 0 if all(f.is_ok for f in findings) else 1


def _print_findings(findings: "Iterable[Finding]") -> None:
    for finding in findings:
        print(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.what}", flush=True)
        if not finding.is_ok:
            print(f"     to mend it: {finding.remedy}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
