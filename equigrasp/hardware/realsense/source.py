"""Contract of what gives librealsense a device to stream from."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from equigrasp.errors import DeviceError


@dataclass(frozen=True, eq=False)
class Opened:
    """A device that was found, and how it is to stream.

    Args:
        pipeline: The library's pipeline, not started yet.
        config: The library's pipeline configuration.
        name: What messages call the device: product and serial number.
    """

    pipeline: Any
    config: Any
    name: str


class Source(ABC):
    """One way to a device; opened anew after each `close`.

    Attributes:
        waits_to_be_asked: A frame stays where it is until somebody reads it.
        has_own_time: Frames carry the time at which they were taken; otherwise they count as taken
            when they arrive.
        can_return: A device that is lost may come back.
    """

    waits_to_be_asked = False
    has_own_time = True
    can_return = True

    @abstractmethod
    def open(self) -> Opened:
        """Find the device.

        Raises:
            DeviceTimeoutError: if nothing answers in time.
            DeviceError: if there is no such device, or it cannot stream what is wanted.
        """

    @abstractmethod
    def begin(self) -> None:
        """Let frames come; called once the pipeline runs."""

    @abstractmethod
    def end(self) -> None:
        """Let no more frames come; called before the pipeline stops, and may be called twice."""

    @abstractmethod
    def problem(self) -> str:
        """Return why no more frames will come, such as an unplugged cable; empty: none is known."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the device, after the pipeline has stopped; may be called twice."""


def choose_device(rs: Any, devices: list[Any], serial: str, allow_usb2: bool) -> Any:
    """Return the one device that is wanted.

    Args:
        rs: The library.
        devices: What it found.
        serial: Serial number that is wanted; empty: there is only one.
        allow_usb2: Whether it may be on a USB 2 port.

    Raises:
        DeviceError: if it is not there, cannot be told from others, or is on a USB 2 port.
    """
    found = {info(d, rs.camera_info.serial_number): d for d in devices}
    listed = ", ".join(describe(rs, d) for d in devices) or "none"
    if serial and serial not in found:
        raise DeviceError(f"No RealSense with serial number {serial}. Connected: {listed}.")
    if not found:
        raise DeviceError(
            "No RealSense is connected. Is it plugged into a USB 3 port, and are librealsense's"
            " udev rules installed?"
        )
    if not serial and len(found) > 1:
        raise DeviceError(f"Several RealSense cameras are connected: {listed}. Name its serial.")
    device = found[serial] if serial else devices[0]
    usb = info(device, rs.camera_info.usb_type_descriptor)
    if usb.startswith("2") and not allow_usb2:
        raise DeviceError(
            f"{describe(rs, device)} is on a USB {usb} port or cable; it needs USB 3 (3.0 to 3.2)."
            " To try it all the same, set allow_usb2 and a size and rate that USB 2 carries."
        )
    return device


def describe(rs: Any, device: Any) -> str:
    """Return a device's product name and serial number."""
    name = info(device, rs.camera_info.name) or "RealSense"
    return f"{name} (serial {info(device, rs.camera_info.serial_number) or 'unknown'})"


def info(device: Any, key: Any) -> str:
    """Return what a device says of itself under a key, empty if nothing."""
    return str(device.get_info(key)) if device.supports(key) else ""


def require_streams(rs: Any, device: Any, wanted: dict[Any, tuple[int, int, int]]) -> None:
    """Check that a device has the streams that are wanted.

    Args:
        rs: The library.
        device: The device.
        wanted: Width, height [px] and rate [Hz] by (stream, format).

    Raises:
        DeviceError: if it has not; names the profiles that it has.
    """
    profiles = [p for s in device.query_sensors() for p in s.get_stream_profiles()]
    for (stream, form), (width, height, rate) in wanted.items():
        has = sorted(
            {
                (v.width(), v.height(), v.fps())
                for p in profiles
                if p.stream_type() == stream and p.format() == form
                for v in [p.as_video_stream_profile()]
            }
        )
        if (width, height, rate) not in has:
            listed = ", ".join("{}x{} at {} Hz".format(*h) for h in has) or "none"
            raise DeviceError(
                f"{describe(rs, device)} has no {stream.name} stream of {width}x{height} at"
                f" {rate} Hz. It has: {listed}."
            )
