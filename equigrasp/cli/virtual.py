"""`equigrasp virtual`: a robot cell that speaks the vendors' protocols."""

import argparse
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from equigrasp.cli.arguments import add_units, objects_of

if TYPE_CHECKING:
    from equigrasp.virtual.cell.virtual_cell import VirtualCell

from equigrasp.cli.arguments import seed, within


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    virtual = commands.add_parser(
        "virtual", help="serve a robot cell that speaks the vendors' protocols"
    )
    kinds = virtual.add_subparsers(title="what", required=True, metavar="WHAT")
    ur5 = kinds.add_parser("ur5", help="UR5, 2F-85 and depth camera in one PyBullet world")
    ur5.add_argument("--cell", default="ur5", help="robot cell with a UR5 [ur5]")
    ur5.add_argument("--host", default="127.0.0.1", help="loopback address, 127.x.y.z [127.0.0.1]")
    ur5.add_argument(
        "--open-to-network",
        action="store_true",
        help="let --host be any address: whoever reaches it commands the cell",
    )
    ur5.add_argument("--objects", default="household", help="object set or folder of meshes")
    add_units(ur5)
    ur5.add_argument("--split", default="train", choices=["train", "test", "all"])
    ur5.add_argument(
        "--num-objects", type=within(int, 0, 60), default=15, help="objects in the first tray [15]"
    )
    ur5.add_argument("--seed", type=seed, default=0, help="seed of objects and their drop [0]")
    ur5.add_argument(
        "--e-series",
        action="store_true",
        help="an e-Series with 500 Hz and remote control, not a CB3",
    )
    ur5.add_argument(
        "--modbus", action="store_true", help="offer the gripper on a serial port too"
    )
    ur5.add_argument(
        "--camera-rate", type=within(float, 0.1, 60.0), default=6.0, help="frames per second [6]"
    )
    ur5.set_defaults(run=_virtual)
    order = kinds.add_parser(
        "order", help="send a command to a running virtual cell, such as a fault"
    )
    order.add_argument(
        "name",
        nargs="?",
        default="help",
        help="such as protective_stop; help lists all [help]",
    )
    order.add_argument("value", nargs="?", default="", help="value that the command needs")
    order.add_argument("--host", default="127.0.0.1", help="address of the cell [127.0.0.1]")
    order.set_defaults(run=_order)


def _virtual(options: argparse.Namespace) -> int:
    from equigrasp.devices.end_signals import end_signals, let_go_of_terminal
    from equigrasp.devices.real_time import take_real_time_priority
    from equigrasp.virtual.cell.virtual_cell import VirtualCell, VirtualCellConfig

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    config = VirtualCellConfig(
        cell=options.cell,
        host=options.host,
        objects=objects_of(options),
        split=options.split,
        num_objects=options.num_objects,
        seed=options.seed,
        is_e_series=options.e_series,
        has_modbus=options.modbus,
        camera_rate=options.camera_rate,
        is_open_to_network=options.open_to_network,
    )
    is_over = threading.Event()

    def end(number: int, frame: object) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
        is_over.set()

    for number in end_signals():
        signal.signal(number, end)
    cell = VirtualCell(config)
    take_real_time_priority()  # as a real controller has it
    with cell:
        print("\n".join(cell.addresses()), flush=True)
        if sys.stdin.isatty():
            print("Commands, one a line; help lists them. Ctrl-C ends.")
            threading.Thread(
                target=_obey_terminal, args=[cell], name="orders", daemon=True
            ).start()
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
