"""ROS parameters from a dataclass: declared, described, ranged, read-only."""

import dataclasses
import math
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from equigrasp.errors import ConfigError

T = TypeVar("T")


def parameter(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Return a dataclass field that `declare` turns into a ROS parameter.

    Args:
        default: Value where none is given; its type is the parameter's type.
        description: What it means, with unit and choices.
        low: Smallest value of a number.
        high: Largest value of a number.
    """
    metadata = {"description": description, "range": None if low is None else (low, high)}
    return dataclasses.field(default=default, metadata=metadata)


def declare(node: Node, cls: type[T]) -> T:
    """Declare the fields of `cls` as read-only parameters and return their values.

    Raises:
        ConfigError: if a value is outside its range or of another type.
    """
    values = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        descriptor = ParameterDescriptor(
            description=field.metadata.get("description", field.name), read_only=True
        )
        bounds = field.metadata.get("range")
        if bounds and isinstance(field.default, bool) is False:
            low, high = bounds
            if isinstance(field.default, float):
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
                ]
            elif isinstance(field.default, int):
                descriptor.integer_range = [
                    IntegerRange(from_value=int(low), to_value=int(high), step=0)
                ]
        try:
            values[field.name] = node.declare_parameter(
                field.name, field.default, descriptor
            ).value
        except ParameterException as error:
            allowed = f" in [{bounds[0]}, {bounds[1]}]" if bounds else ""
            raise ConfigError(
                f"Parameter '{field.name}' of node '{node.get_name()}' must be a "
                f"{type(field.default).__name__}{allowed}: {error}"
            ) from error
        if isinstance(values[field.name], float) and not math.isfinite(values[field.name]):
            raise ConfigError(
                f"Parameter '{field.name}' of node '{node.get_name()}' must be a finite number, "
                f"found {values[field.name]}."
            )
    return cls(**values)
