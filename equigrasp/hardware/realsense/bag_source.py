"""A recording, replayed by librealsense."""

from pathlib import Path
from typing import Any

from equigrasp.errors import DeviceError
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.library import import_realsense
from equigrasp.hardware.realsense.source import Opened, Source, choose_device, describe


class BagSource(Source):
    """Replays a file. Its frames count as taken when they come out of it."""

    has_own_time = False
    can_return = False

    def __init__(self, config: RealSenseConfig) -> None:
        self._config = config
        self._rs = import_realsense()
        self._playback: Any = None
        self.waits_to_be_asked = not config.replay_in_real_time

    def open(self) -> Opened:
        rs, path = self._rs, self._config.bag_file
        if not Path(path).is_file():
            raise DeviceError(f"There is no recording '{path}'.")
        context = rs.context()
        try:
            self._playback = playback = context.load_device(path)
        except RuntimeError as error:
            raise DeviceError(f"'{path}' is not a recording of librealsense: {error}") from error
        choose_device(rs, [playback], self._config.serial, allow_usb2=True)
        playback.set_real_time(self._config.replay_in_real_time)
        playback.pause()  # or frames pass by before both sensors listen
        pipeline, config = rs.pipeline(context), rs.config()
        pipeline.set_device(playback)
        config.enable_device_from_file(path, self._config.replay_in_a_loop)
        return Opened(pipeline, config, f"{describe(rs, playback)} in '{path}'")

    def begin(self) -> None:
        self._playback.resume()

    def end(self) -> None:
        """Nothing to do: the player runs with the pipeline."""

    def problem(self) -> str:
        is_over = self._playback.current_status() == self._rs.playback_status.stopped
        if is_over and not self._config.replay_in_a_loop:
            return (
                f"the recording '{self._config.bag_file}' is over."
                " Set replay_in_a_loop, or connect again"
            )
        return ""

    def close(self) -> None:
        self._playback = None
