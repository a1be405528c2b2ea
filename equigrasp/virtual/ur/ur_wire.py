"""RTDE version 2 on the wire: frames and the types of the fields, big-endian.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) Guide".
"""

import struct
from dataclasses import dataclass, field

REQUEST_PROTOCOL_VERSION = ord("V")
GET_CONTROLLER_VERSION = ord("v")
TEXT_MESSAGE = ord("M")
DATA_PACKAGE = ord("U")
SETUP_OUTPUTS = ord("O")
SETUP_INPUTS = ord("I")
START = ord("S")
PAUSE = ord("P")

# struct format of each RTDE type.
_FORMATS = {
    "UINT8": "B",
    "INT32": "i",
    "UINT32": "I",
    "UINT64": "Q",
    "DOUBLE": "d",
    "VECTOR3D": "3d",
    "VECTOR6D": "6d",
    "VECTOR6INT32": "6i",
}

_OUTPUTS = {
    "DOUBLE": "timestamp actual_execution_time speed_scaling target_speed_fraction actual_momentum "
    "actual_main_voltage actual_robot_voltage actual_robot_current payload standard_analog_input0 "
    "standard_analog_input1 standard_analog_output0 standard_analog_output1",
    "VECTOR6D": "target_q target_qd target_qdd target_current target_moment actual_q actual_qd "
    "actual_current joint_control_output actual_TCP_pose actual_TCP_speed actual_TCP_force "
    "target_TCP_pose target_TCP_speed joint_temperatures actual_joint_voltage ft_raw_wrench "
    "payload_inertia",
    "VECTOR3D": "actual_tool_accelerometer payload_cog",
    "UINT64": "actual_digital_input_bits actual_digital_output_bits",
    "INT32": "robot_mode safety_mode",
    "UINT32": "runtime_state robot_status_bits safety_status_bits",
    "VECTOR6INT32": "joint_mode",
}
_INPUTS = {
    "UINT32": "speed_slider_mask",
    "UINT8": "standard_digital_output_mask standard_digital_output tool_digital_output_mask "
    "tool_digital_output configurable_digital_output_mask configurable_digital_output "
    "standard_analog_output_mask standard_analog_output_type",
    "DOUBLE": "speed_slider_fraction standard_analog_output_0 standard_analog_output_1",
}


def _types(table: dict[str, str], direction: str) -> dict[str, str]:
    types = {name: kind for kind, names in table.items() for name in names.split()}
    for i in range(48):  # 0..23 for users on every version, 24..47 the upper range
        types[f"{direction}_int_register_{i}"] = "INT32"
        types[f"{direction}_double_register_{i}"] = "DOUBLE"
    return types


OUTPUT_TYPES = _types(_OUTPUTS, "output")
INPUT_TYPES = _types(_INPUTS, "input")


@dataclass(frozen=True)
class Recipe:
    """An ordered choice of fields that travels in one data package."""

    number: int
    names: tuple[str, ...]
    types: tuple[str, ...]
    _format: struct.Struct = field(init=False, repr=False)

    def __post_init__(self) -> None:
        layout = ">" + "".join(_FORMATS[t] for t in self.types)
        object.__setattr__(self, "_format", struct.Struct(layout))

    def pack(self, values: dict[str, object]) -> bytes:
        """Return the data package; a field without a value is 0."""
        flat: list[object] = []
        for name, kind in zip(self.names, self.types, strict=True):
            count = int(_FORMATS[kind][:-1] or 1)
            value = values.get(name, 0)
            flat += list(value) if isinstance(value, list | tuple) else [value] * count
        return frame(DATA_PACKAGE, bytes([self.number]) + self._format.pack(*flat))

    def unpack(self, payload: bytes) -> dict[str, float]:
        """Return the values of a data package without its recipe number; scalars only.

        Raises:
            ValueError: if the payload does not have the recipe's length.
        """
        if len(payload) != self._format.size:
            raise ValueError(
                f"Recipe {self.number} has {self._format.size} bytes, found {len(payload)}."
            )
        return dict(zip(self.names, self._format.unpack(payload), strict=True))


def frame(kind: int, payload: bytes) -> bytes:
    """Return a frame: length with the header (16 bits), kind (8 bits), payload."""
    return struct.pack(">HB", len(payload) + 3, kind) + payload


def take_frames(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Return the complete frames at the head of a buffer as (kind, payload), and remove them."""
    frames = []
    while len(buffer) >= 3:
        length, kind = struct.unpack_from(">HB", buffer)
        if len(buffer) < length:
            break
        frames.append((kind, bytes(buffer[3:length])))
        del buffer[: max(length, 3)]
    return frames
