"""The command `equigrasp`."""

import argparse
import sys
from pathlib import Path

from equigrasp.errors import EquigraspError
from equigrasp.experiments.benchmarks.command import add_options

EPILOG = """examples:
  equigrasp up sim --attempts 500 --real-time-factor 4   learn over ROS 2, simulated robot
  equigrasp train --attempts 300 --out results/a         the same method in one process
  equigrasp evaluate results/a --attempts 100            frozen weights on unseen objects
  equigrasp report results/a                             draw the curve, write report.md
  equigrasp doctor                                       check machine and installation
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return an exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
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
    up = commands.add_parser("up", help="start the ROS 2 graph and learn")
    up.add_argument("mode", choices=["sim"], help="sim: PyBullet stands in for the robot")
    _add_arguments(up)
    _add_run_options(up)
    up.set_defaults(run=_up)
    train = commands.add_parser("train", help="learn in one process, without ROS")
    _add_arguments(train)
    _add_run_options(train)
    train.set_defaults(run=_train)
    evaluate = commands.add_parser("evaluate", help="try frozen weights")
    evaluate.add_argument("folder", type=Path, help="run folder; evaluation.json goes there")
    evaluate.add_argument("--attempts", type=_count, default=100, help="how many [100]")
    evaluate.add_argument("--objects", default="household", help="object set or folder of meshes")
    evaluate.add_argument("--split", default="test", choices=["train", "test", "all"])
    evaluate.add_argument("--seed", type=int, default=1000, help="seed of objects and choices")
    evaluate.add_argument("--weights", type=Path, help="weight file [the run's newest]")
    evaluate.add_argument(
        "--policy",
        default="learned",
        choices=["learned", "random", "oracle"],
        help="random and oracle are references; they write to a subfolder [learned]",
    )
    evaluate.set_defaults(run=_evaluate)
    report = commands.add_parser("report", help="draw a run and write its report.md")
    report.add_argument("folder", type=Path, help="run folder")
    report.set_defaults(run=_report)
    bench = commands.add_parser("bench", help="the paper's tables and curves; speed of the parts")
    add_options(bench)
    bench.set_defaults(run=_bench)
    doctor = commands.add_parser("doctor", help="check machine, installation and configuration")
    doctor.set_defaults(run=_doctor)
    from equigrasp.nodes.calibrate_command import add_calibrate

    add_calibrate(commands, print, input)
    return parser


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from equigrasp.nodes.launch_parts import ARGUMENTS

    for argument in ARGUMENTS:
        parser.add_argument(
            "--" + argument.name.replace("_", "-"),
            default=argument.default,
            choices=argument.choices or None,
            help=f"{argument.description} [{argument.default or 'none'}]",
        )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--attempts", type=_count, default=500, help="attempts in the run [500]")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="only carry on what lies in --out")
    group.add_argument("--new", action="store_true", help="refuse if --out holds a run already")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {value}")
    return value


def _values(options: argparse.Namespace) -> dict[str, str]:
    from equigrasp.nodes.launch_parts import ARGUMENTS, resolve

    return resolve({a.name: str(getattr(options, a.name)) for a in ARGUMENTS})


def _is_resume(options: argparse.Namespace) -> bool | None:
    return True if options.resume else False if options.new else None


def _up(options: argparse.Namespace) -> int:
    from equigrasp.nodes.supervisor import Supervisor

    values = _values(options)
    return Supervisor(options.mode, values, options.attempts, _is_resume(options)).run()


def _train(options: argparse.Namespace) -> int:
    from equigrasp.experiments.report import write_report
    from equigrasp.experiments.simulated_run import train

    folder = train(_values(options), options.attempts, _is_resume(options))
    print(f"report: {write_report(folder)}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from equigrasp.config import read_yaml
    from equigrasp.experiments.run_folder import RunFolder
    from equigrasp.experiments.simulated_run import evaluate

    run = RunFolder(options.folder)
    arguments = read_yaml(run.config)["arguments"] if run.config.is_file() else {}
    values = {
        "cell": arguments.get("cell", "ur5"),
        "method": arguments.get("method", "asr_compact"),
        "objects": options.objects,
        "split": options.split,
        "seed": str(options.seed),
    }
    is_learned = options.policy == "learned"
    weights = (options.weights or run.newest_weights()) if is_learned else None
    out = run.path if is_learned else run.path / options.policy
    result = evaluate(values, options.policy, weights, options.attempts, out)
    low, high = result["interval_95"]
    print(
        f"{result['successes']} of {result['attempts']} attempts succeeded: "
        f"{100 * result['success_rate']:.0f} % (95 % interval {100 * low:.0f}–{100 * high:.0f} %)"
    )
    return 0


def _report(options: argparse.Namespace) -> int:
    from equigrasp.experiments.report import write_report

    print(write_report(options.folder))
    return 0


def _bench(options: argparse.Namespace) -> int:
    if set(options.names) - {"speed"}:
        from equigrasp.experiments.benchmarks.command import run

        return run(options, print)
    from equigrasp.experiments.bench import bench

    bench()
    if not options.no_graph:
        from equigrasp.nodes.graph_bench import bench_graph

        print("\n".join(bench_graph()))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from equigrasp.experiments.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.what}")
        if not finding.is_ok:
            print(f"     to mend it: {finding.remedy}")
    return 0 if all(f.is_ok for f in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
