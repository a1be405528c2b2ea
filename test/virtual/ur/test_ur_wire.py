"""RTDE frames and data packages."""

import struct

import pytest

from equigrasp.virtual.ur import ur_wire


def test_frames_are_taken_whole_and_in_order() -> None:
    first = ur_wire.frame(ur_wire.START, b"")
    second = ur_wire.frame(ur_wire.TEXT_MESSAGE, b"hello")
    buffer = bytearray()
    taken = []
    for byte in first + second + second[:4]:
        buffer.append(byte)
        taken += ur_wire.take_frames(buffer)
    assert taken == [(ur_wire.START, b""), (ur_wire.TEXT_MESSAGE, b"hello")]
    assert bytes(buffer) == second[:4]


def test_a_data_package_is_big_endian_in_the_order_of_its_recipe() -> None:
    names = ("timestamp", "actual_q", "robot_mode")
    recipe = ur_wire.Recipe(3, names, tuple(ur_wire.OUTPUT_TYPES[n] for n in names))
    package = recipe.pack({"timestamp": 1.5, "actual_q": [1, 2, 3, 4, 5, 6], "robot_mode": -1})
    assert package == struct.pack(">HBB7di", 64, ord("U"), 3, 1.5, 1, 2, 3, 4, 5, 6, -1)


def test_inputs_come_back_by_name() -> None:
    names = ("input_int_register_0", "input_double_register_24")
    recipe = ur_wire.Recipe(1, names, tuple(ur_wire.INPUT_TYPES[n] for n in names))
    assert recipe.unpack(struct.pack(">id", 11, 0.25)) == dict(zip(names, (11, 0.25), strict=True))
    with pytest.raises(ValueError, match="12 bytes"):
        recipe.unpack(b"short")
