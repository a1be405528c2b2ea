"""Base of every node: lifecycle, diagnostics, autostart, and an orderly end."""

import contextlib
import itertools
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from equigrasp.diagnosis.environment import prepare_ros
from equigrasp.errors import ConfigError, DeviceError, EquigraspError, shortened
from equigrasp.ros import names, qos
from equigrasp.ros.runtime.fair_executor import FairExecutor
from equigrasp.ros.runtime.message_guard import DROPS
from equigrasp.ros.runtime.process_end import ProcessEnd

_DIAGNOSTICS_PERIOD = 1.0  # [s]
_FIRST_RETRY, _LAST_RETRY = 1.0, 10.0  # [s] between attempts to start; doubles each time


class ManagedNode(LifecycleNode):
    """A lifecycle node whose subclass says what to set up, start, stop and tear down.

    Nothing moves, plans or learns unless the node is active. With `autostart` (the default) it
    configures and activates itself.

    Args:
        name: Of the node.
        is_patient: Whether a start that fails is tried again until it succeeds: for drivers, whose
            device may not be there yet.
    """

    def __init__(self, name: str, is_patient: bool = False) -> None:
        super().__init__(name)
        self.is_active = False
        self._is_patient = is_patient
        self._failure = ""  # why the start, or what is repeated, did not work the last time
        self._made: list[Any] = []
        self._repeats: list[tuple[threading.Event, threading.Thread]] = []
        self.callbacks = ReentrantCallbackGroup()
        self._ask_health: Callable[[], tuple[bool, str, dict[str, str]]] = lambda: (True, "", {})
        self._autostart = bool(self.declare_parameter("autostart", True).value)
        self._diagnostics = self.create_publisher(
            DiagnosticArray, names.DIAGNOSTICS, qos.reliable()
        )
        self._diagnostics_timer = self.create_timer(
            _DIAGNOSTICS_PERIOD,
            self._report,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def set_up(self) -> None:
        """Create what the node offers; raise `EquigraspError` if that fails."""

    def start(self) -> None:
        """Begin to work."""

    def halt(self) -> None:
        """Stop all motion and work; called on deactivation and at every end."""

    def tear_down(self) -> None:
        """Release devices and files; called once at every end."""

    def report_health_with(self, health: Callable[[], tuple[bool, str, dict[str, str]]]) -> None:
        """Have `/diagnostics` filled by a function that returns (is_ok, message, values)."""
        self._ask_health = health

    def destroy_later(self, entity: Any) -> None:
        """Have what was made after the configuring destroyed with what it made."""
        self._made.append(entity)

    def repeat(self, rate: float, work: Callable[[], None]) -> None:
        """Call `work` `rate` times a second while the node is active, in a thread of its own.

        For what happens often: at each turn of a timer, rclpy's executor goes through every entity of
        the node. A `DeviceError` is told on `/diagnostics` until a call works again.
        """
        stop = threading.Event()
        thread = threading.Thread(
            target=self._repeat,
            args=(1.0 / rate, work, stop),
            name=f"{self.get_name()} {work.__name__}",
            daemon=True,
        )
        self._repeats.append((stop, thread))
        thread.start()

    def autostart(self, is_ending: threading.Event | None = None) -> None:
        """Configure and activate, if the parameter says so; a patient node waits for its device.

        Args:
            is_ending: Ends the waiting.

        Raises:
            EquigraspError: if a transition fails.
        """
        pause, is_ending = _FIRST_RETRY, is_ending or threading.Event()
        while self._autostart:
            result = self._start_once()
            if result is TransitionCallbackReturn.SUCCESS:
                return
            if result is TransitionCallbackReturn.ERROR or not self._is_patient:
                raise EquigraspError(f"Node '{self.get_name()}' could not start; see its log.")
            self.get_logger().warning(f"Not started; next attempt in {pause:.0f} s.")
            if is_ending.wait(pause):
                return
            pause = min(2.0 * pause, _LAST_RETRY)

    def _start_once(self) -> TransitionCallbackReturn:
        result = self.trigger_configure()
        return self.trigger_activate() if result is TransitionCallbackReturn.SUCCESS else result

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Set up; a failure leaves the node unconfigured."""
        before = self._entities()
        result = self._guarded(self.set_up)
        self._made = [entity for entity in self._entities() if entity not in before]
        if result is TransitionCallbackReturn.SUCCESS:
            self._failure = ""
        else:
            self._destroy_made()
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start working."""
        result = self._guarded(self.start)
        self.is_active = result is TransitionCallbackReturn.SUCCESS
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop all motion, then idle."""
        self.is_active, self._failure = False, ""
        return self._guarded(self.halt)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop all motion and release everything."""
        self.is_active = False
        self._guarded(self.halt)
        return self.on_cleanup(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, and no longer offer what was set up."""
        self._end_repeats()
        result = self._guarded(self.tear_down)
        self._destroy_made()
        return result

    def end(self) -> None:
        """Stop and release, whatever state the node is in."""
        self.is_active = False
        for step in (self.halt, self._end_repeats, self.tear_down):
            self._guarded(step)

    def _repeat(self, period: float, work: Callable[[], None], stop: threading.Event) -> None:
        due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + period, time.monotonic())  # does not race to make up for a stall
            if not self.is_active:
                continue
            try:
                work()
                self._failure = ""
            except DeviceError as error:  # a lost link may come back
                self._failure = str(error)
                self.get_logger().error(self._failure, throttle_duration_sec=5.0)

    def _end_repeats(self) -> None:
        for stop, thread in self._repeats:
            stop.set()
            thread.join(timeout=1.0)
        self._repeats = []

    def _entities(self) -> list[Any]:
        """Return everything that the node publishes, hears, offers and calls."""
        kinds = (self.publishers, self.subscriptions, self.services, self.clients, self.timers)
        return [*itertools.chain(*kinds), *self.waitables]

    def _destroy_made(self) -> None:
        ways = (
            self.destroy_publisher,
            self.destroy_subscription,
            self.destroy_service,
            self.destroy_client,
            self.destroy_timer,
        )
        for entity in self._made:
            any(destroy(entity) for destroy in ways)
        for waitable in [w for w in self.waitables if w in self._made]:
            waitable.destroy()  # action servers and clients
        self._made = []

    def _guarded(self, step: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            step()
        except (EquigraspError, ImportError) as error:
            self._failure = str(error)
            self.get_logger().error(self._failure)
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would swallow it without a word
            self.get_logger().error(shortened(traceback.format_exc()))
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _report(self) -> None:
        is_ok, message, values = self._ask_health()
        if is_ok and self._failure:
            is_ok, message = False, self._failure
        level = DiagnosticStatus.OK if is_ok else DiagnosticStatus.ERROR
        if is_ok and (dropped := DROPS.recent):
            level, message = DiagnosticStatus.WARN, dropped
        values = values | DROPS.values
        status = DiagnosticStatus(
            level=level,
            name=f"{self.get_name()}: status",
            message=message or ("active" if self.is_active else "not active"),
            hardware_id=self.get_namespace(),
            values=[KeyValue(key=k, value=v) for k, v in values.items()],
        )
        message_array = DiagnosticArray(status=[status])
        message_array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message_array)


def run(make_nodes: Callable[[], Sequence[ManagedNode]], num_threads: int = 6) -> NoReturn:
    """Spin nodes in one process until it is to end, end them in order, and leave the process.

    It ends by SIGINT, SIGTERM, SIGHUP, with its owner, and when any of its threads fails (`ProcessEnd`).
    Each node has an executor of its own, of `num_threads`: one for all would go through the entities of
    all nodes at every event of any.

    The exit code is 0 after an orderly end, and 1 if a node could not start, or a callback or a thread
    failed in a way that nobody foresaw: a dead process is restarted, a deaf one is not.
    """
    try:
        prepare_ros()
    except ConfigError as error:
        sys.exit(f"{error}")
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    process_end = ProcessEnd()
    executors: list[FairExecutor] = []
    nodes: Sequence[ManagedNode] = ()

    def start() -> None:
        for node in nodes:
            node.autostart(process_end.wanted)

    try:
        process_end.watch()
        nodes = () if process_end.wanted.is_set() else make_nodes()
        for node in nodes:
            executors.append(FairExecutor(num_threads))
            executors[-1].add_node(node)
            threading.Thread(
                target=_spin,
                args=[executors[-1], process_end],
                name=f"spin {node.get_name()}",
                daemon=True,
            ).start()
        # In a thread, so that a signal ends the wait for a device at once.
        threading.Thread(target=start, name="start", daemon=True).start()
        process_end.wanted.wait()
    except BaseException as error:
        process_end.fail(error)
    finally:
        for node in reversed(nodes):
            node.end()
        for executor in executors:
            executor.shutdown(timeout_sec=0.5)
        rclpy.try_shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # whoever read them may be gone
                stream.flush()
        # Everything is saved. Tearing the interpreter down under threads of DDS and PyTorch that are
        # still at work would abort, or take seconds.
        os._exit(process_end.exit_code)


def _spin(executor: FairExecutor, process_end: ProcessEnd) -> None:
    """Run a node's callbacks; however that ends, the process ends with it."""
    try:
        executor.spin()
        raise EquigraspError("A node's executor has ended.")
    except BaseException as error:
        process_end.fail(error)
