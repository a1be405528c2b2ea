"""Between heightmap messages and observations."""

import array

import numpy as np
from equigrasp_interfaces.msg import Heightmap as HeightmapMsg

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.ros import names
from equigrasp.ros.messages.times import from_time, to_time


def to_heightmap_msg(observation: Observation) -> HeightmapMsg:
    """Return an observation as a message."""
    w = observation.workspace
    message = HeightmapMsg(
        workspace=w.name,
        center_x=w.center_x,
        center_y=w.center_y,
        floor_z=w.floor_z,
        ceiling_z=w.ceiling_z,
        pixel_size=w.pixel_size,
        size_px=w.heightmap_size_px,
        action_size_px=w.action_size_px,
        data=array.array("f", observation.heightmap.astype(np.float32).tobytes()),
    )
    message.header.stamp = to_time(observation.stamp)
    message.header.frame_id = names.BASE_FRAME
    return message


def from_heightmap_msg(message: HeightmapMsg) -> Observation:
    """Return a message as an observation; raise `PerceptionError` or `ConfigError` if it is bad."""
    size = message.size_px
    if len(message.data) != size * size:
        raise PerceptionError(f"Heightmap of {size} px holds {len(message.data)} values.")
    workspace = Workspace(
        message.workspace,
        message.center_x,
        message.center_y,
        message.floor_z,
        message.ceiling_z,
        message.pixel_size,
        size,
        message.action_size_px,
    )
    heightmap = np.frombuffer(message.data, dtype=np.float32).reshape(size, size)
    return Observation.of_heightmap(heightmap, workspace, from_time(message.header.stamp))
