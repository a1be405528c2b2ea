"""Base of every node: lifecycle, diagnostics, autostart, and an orderly end."""

import contextlib
import itertools
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from equigrasp.diagnosis.environment import prepare_ros
from equigrasp.errors import ConfigError, DeviceError, EquigraspError, shortened
from equigrasp.ros import names, qos
from equigrasp.ros.runtime.fair_executor import FairExecutor
from equigrasp.ros.runtime.health import Health, Level, Reporter
from equigrasp.ros.runtime.message_guard import DROPS
from equigrasp.ros.runtime.parameters import Parameters, change_refusal
from equigrasp.ros.runtime.process_end import ProcessEnd
from equigrasp.ros.runtime.rclpy_versions import check_version

T = TypeVar("T")
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
        self.is_active = self.is_configured = False
        self._is_patient = is_patient
        self._declared: list[Parameters[Any]] = []
        self._failure = ""  # why the start, or what is repeated, did not work the last time
        self._made: list[Any] = []
        self._repeats: list[tuple[threading.Event, threading.Thread]] = []
        self.callbacks = ReentrantCallbackGroup()
        self._ask_health: Callable[[], Health] = Health
        self._reporter = Reporter(self.get_name(), self.get_namespace())
        at_start = ParameterDescriptor(
            description="Whether the node configures and activates itself.", read_only=True
        )
        self._autostart = bool(self.declare_parameter("autostart", True, at_start).value)
        self._diagnostics = self.create_publisher(
            DiagnosticArray, names.DIAGNOSTICS, qos.reliable()
        )
        self._diagnostics_timer = self.create_timer(
            _DIAGNOSTICS_PERIOD,
            self._report,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self.add_on_set_parameters_callback(self._judge_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)

    def set_up(self) -> None:
        """Create what the node offers; raise `EquigraspError` if that fails."""

    def start(self) -> None:
        """Begin to work."""

    def halt(self) -> None:
        """Stop all motion and work; called on deactivation and at every end."""

    def tear_down(self) -> None:
        """Release devices and files; called at every end, in any state, maybe twice."""

    def change_refusal(self, name: str) -> str:
        """Return why a live parameter must not change just now; empty: it may."""
        return ""

    def declare(self, cls: type[T]) -> Parameters[T]:
        """Declare the fields of `cls` as parameters, to be read at each configuring.

        Raises:
            ConfigError: if a value is outside its range or of another type.
        """
        self._declared.append(Parameters(self, cls))
        return self._declared[-1]

    def report_health_with(self, health: Callable[[], Health]) -> None:
        """Have `/diagnostics` filled by what a function returns."""
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

    def set_up_anew(self) -> None:
        """Clean up, configure, and activate if it was active: what the node stands on is another now.

        Raises:
            EquigraspError: if a transition fails.
        """
        if not self.is_configured:
            return
        steps = [self.trigger_cleanup, self.trigger_configure]
        if self.is_active:
            steps = [self.trigger_deactivate, *steps, self.trigger_activate]
        for step in steps:
            if step() is not TransitionCallbackReturn.SUCCESS:
                raise EquigraspError(f"Node '{self.get_name()}' could not be set up again.")

    def _start_once(self) -> TransitionCallbackReturn:
        result = self.trigger_configure()
        return self.trigger_activate() if result is TransitionCallbackReturn.SUCCESS else result

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters and set up; a failure leaves the node unconfigured."""
        before = self._entities()
        result = self._guarded(self._read_and_set_up)
        self._made = [entity for entity in self._entities() if entity not in before]
        self.is_configured = result is TransitionCallbackReturn.SUCCESS
        if self.is_configured:
            self._failure = ""
        elif result is TransitionCallbackReturn.FAILURE:  # after an error, `on_error` does it
            why = self._failure
            self._release()
            self._failure = why
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start working."""
        if pending := [name for p in self._declared for name in p.pending()]:
            self.get_logger().warning(
                f"Set since the node was configured, and not in force: {', '.join(pending)}. They are read "
                "when the node is cleaned up and configured."
            )
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
        return self._release()

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, and no longer offer what was set up."""
        return self._release()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release everything after what nobody foresaw; the node may be configured again."""
        self.is_active = False
        self._guarded(self.halt)
        return self._release()

    def end(self) -> None:
        """Stop and release, whatever state the node is in."""
        self.is_active = False
        for step in (self.halt, self._end_repeats, self.tear_down):
            self._guarded(step)

    def _read_and_set_up(self) -> None:
        for parameters in self._declared:
            parameters.refresh()
        self.set_up()

    def _release(self) -> TransitionCallbackReturn:
        self._end_repeats()
        result = self._guarded(self.tear_down)
        self._destroy_made()
        self.is_configured = False
        return result

    def _judge_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        for p in parameters:
            refusal = change_refusal(self, self._declared, p.name, p.value, self.is_active)
            if not refusal and self.is_active and any(p.name in d for d in self._declared):
                refusal = self.change_refusal(p.name)
            if refusal:
                return SetParametersResult(successful=False, reason=refusal)
        return SetParametersResult(successful=True)

    def _take_parameters(self, parameters: list[Parameter]) -> None:
        for declared in self._declared:
            declared.take_live()

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
        health = self._ask_health()
        if self._failure:
            health = health.or_worse(Health(Level.ERROR, self._failure))
        level = Level.WARN if DROPS.recent else Level.OK
        health = health.or_worse(Health(level, DROPS.recent, DROPS.values))
        state = "active" if self.is_active else "not active"
        self._diagnostics.publish(self._reporter.message(health, state))


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
        warnings = check_version()
    except ConfigError as error:
        sys.exit(f"{error}")
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    for warning in warnings:
        rclpy.logging.get_logger("equigrasp").warning(warning)
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
