"""ROS parameters from a dataclass: declared, described, ranged, and read when a node is configured."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from equigrasp.errors import ConfigError

T = TypeVar("T")
_WHEN = {
    True: "may change at any time",
    False: "read when the node is configured; may be set while it is unconfigured or inactive",
}


def parameter(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    *,
    is_live: bool = False,
) -> Any:
    """Return a dataclass field that `Parameters` turns into a ROS parameter.

    Args:
        default: Value where none is given; its type is the parameter's type.
        description: What it means, with unit and choices.
        low: Smallest value of a number.
        high: Largest value of a number.
        is_live: Whether a change counts at once, also while the node is active.
    """
    bounds = None if low is None else (low, high)
    metadata = {"description": description, "range": bounds, "is_live": is_live}
    return dataclasses.field(default=default, metadata=metadata)


class Parameters(Generic[T]):
    """The fields of a dataclass as parameters of a node.

    Args:
        node: Has them from now on. rclpy refuses values of another type or out of range.
        cls: The dataclass.

    Attributes:
        values: Those that count: of the last `refresh`, live ones of the last `take_live`.

    Raises:
        ConfigError: if a value is outside its range or of another type.
    """

    def __init__(self, node: Node, cls: type[T]) -> None:
        self._node, self._cls = node, cls
        self._fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for field in self._fields.values():
            _declare(node, field)
        self.values = self._read()

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def is_live(self, name: str) -> bool:
        """Tell whether a change of a parameter counts at once."""
        return bool(self._fields[name].metadata.get("is_live"))

    def refresh(self) -> None:
        """Let what is set count."""
        self.values = self._read()

    def take_live(self) -> None:
        """Let what is set count, of the live parameters."""
        present, new = self.values, self._read()
        live = {name: getattr(new, name) for name in self._fields if self.is_live(name)}
        self.values = dataclasses.replace(present, **live)  # type: ignore[type-var]

    def pending(self) -> list[str]:
        """Return the names of parameters that were set, and do not count before a `refresh`."""
        new = self._read()
        return [n for n in self._fields if getattr(new, n) != getattr(self.values, n)]

    def _read(self) -> T:
        return self._cls(**{n: self._node.get_parameter(n).value for n in self._fields})


def change_refusal(
    node: Node, declared: Iterable[Parameters[Any]], name: str, value: Any, is_active: bool
) -> str:
    """Return why a parameter must not be set now; empty: it may.

    Args:
        node: Whose parameter it is.
        declared: Its parameters; others, as `use_sim_time`, are no business of ours.
        name: Of the parameter.
        value: What it is to be.
        is_active: Whether the node is active.
    """
    group = next((parameters for parameters in declared if name in parameters), None)
    if group is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{_naming(node, name)} must be a finite number, found {value}."
    if is_active and not group.is_live(name):
        return (
            f"{_naming(node, name)} cannot be set while the node is active: it is read when the node is "
            "configured. Deactivate and clean up the node, set it, then configure and activate."
        )
    return ""


def _declare(node: Node, field: "dataclasses.Field[Any]") -> None:
    bounds = field.metadata.get("range")
    descriptor = ParameterDescriptor(
        description=field.metadata.get("description", field.name),
        additional_constraints=_WHEN[bool(field.metadata.get("is_live"))],
    )
    if bounds and isinstance(field.default, float):
        low, high = (float(bound) for bound in bounds)
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=low, to_value=high, step=0.0)
        ]
    elif bounds:
        low, high = (int(bound) for bound in bounds)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
    try:
        value = node.declare_parameter(field.name, field.default, descriptor).value
    except ParameterException as error:
        allowed = f" in [{bounds[0]}, {bounds[1]}]" if bounds else ""
        raise ConfigError(
            f"{_naming(node, field.name)} must be a {type(field.default).__name__}{allowed}: {error}"
        ) from error
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{_naming(node, field.name)} must be a finite number, found {value}.")


def _naming(node: Node, name: str) -> str:
    return f"Parameter '{name}' of node '{node.get_name()}'"
