"""Activation, echoes and repetitions, with a scripted link below."""

import dataclasses
import logging

import pytest

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.robotiq.link import Link
from equigrasp.hardware.robotiq.protocol import RobotiqProtocol, has_ended
from equigrasp.hardware.robotiq.registers import Activation, Command, Detection, Status

READY = Status(True, True, Activation.COMPLETE, Detection.AT_REQUEST, 0, 230, 230)


class ScriptedLink(Link):
    """Answers with what a test laid out, the last answer for ever; notes what is written."""

    def __init__(self, *answers: Status | DeviceError) -> None:
        self.answers = list(answers)
        self.written: list[Command] = []
        self.num_opened = 0
        self.is_open = False

    def open(self) -> None:
        self.num_opened += not self.is_open
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def write(self, command: Command) -> None:
        self.written.append(command)

    def read(self) -> Status:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, DeviceError):
            raise answer
        return answer


def _with(**changes: object) -> Status:
    return dataclasses.replace(READY, **changes)


@pytest.mark.parametrize(
    ("status", "is_over"),
    [
        (READY, True),
        (_with(detection=Detection.CONTACT_CLOSING), True),
        (_with(detection=Detection.CONTACT_OPENING), True),
        (_with(detection=Detection.IN_MOTION), False),
        (_with(position_request=3), False),  # speaks of the request before
        (_with(is_going=False), False),  # the go-to bit has not come through
    ],
)
def test_a_motion_is_over_once_the_echo_is_there(status: Status, is_over: bool) -> None:
    assert has_ended(status, 230) is is_over


def test_an_active_gripper_is_sent_nothing() -> None:
    link = ScriptedLink(READY)
    RobotiqProtocol(link, 0.1).connect()
    assert link.written == []


@pytest.mark.parametrize("before", [_with(fault=0x0E), _with(activation=Activation.IN_PROGRESS)])
def test_an_activation_is_a_rising_edge(before: Status) -> None:
    reset = _with(is_activated=False, activation=Activation.RESET)
    link = ScriptedLink(before, before, reset, _with(activation=Activation.IN_PROGRESS), READY)
    RobotiqProtocol(link, 1.0).connect()
    assert link.written == [Command(), Command(is_activated=True)]


def test_a_fault_during_the_activation_ends_it() -> None:
    reset = _with(is_activated=False, activation=Activation.RESET)
    failed = _with(fault=0x0D, activation=Activation.RESET)
    with pytest.raises(DeviceError, match="0x0D, activation fault"):
        RobotiqProtocol(ScriptedLink(reset, reset, failed), 1.0).connect()


def test_a_gripper_that_does_not_reset_is_told_with_its_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("equigrasp.hardware.robotiq.protocol._RESET_TIMEOUT", 0.05)
    with pytest.raises(DeviceTimeoutError, match=r"did not reset within 0\.05 s.*0x0A, under"):
        RobotiqProtocol(ScriptedLink(_with(fault=0x0A)), 1.0).connect()


def test_a_silence_that_reading_ends_is_no_fault() -> None:
    assert RobotiqProtocol(ScriptedLink(_with(fault=0x09), READY), 1.0).status() == READY
    assert RobotiqProtocol(ScriptedLink(_with(fault=0x09)), 1.0).status().fault == 0x09


def test_one_failure_opens_the_link_anew_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    link = ScriptedLink(DeviceError("garbage"), READY)
    with caplog.at_level(logging.WARNING):
        assert RobotiqProtocol(link, 1.0).status() == READY
    assert link.num_opened == 2
    assert "garbage Trying once more" in caplog.text


def test_two_failures_are_raised_and_leave_the_link_closed() -> None:
    link = ScriptedLink(DeviceTimeoutError("one"), DeviceTimeoutError("two"), READY)
    protocol = RobotiqProtocol(link, 1.0)
    with pytest.raises(DeviceTimeoutError, match="two"):
        protocol.status()
    assert not link.is_open
    assert protocol.status() == READY


def test_holding_changes_nothing_but_the_go_to_bit() -> None:
    link = ScriptedLink(READY)
    protocol = RobotiqProtocol(link, 1.0)
    protocol.go_to(100, 20, 30)
    protocol.hold()
    assert link.written == [
        Command(True, True, False, 100, 20, 30),
        Command(True, False, False, 100, 20, 30),
    ]
