"""Between labelled scenes and messages."""

import array

import cv2
import numpy as np
from equigrasp_interfaces.msg import LabelMap
from equigrasp_interfaces.msg import SceneObject as SceneObjectMsg
from geometry_msgs.msg import Point
from sensor_msgs.msg import Image

from equigrasp.errors import PerceptionError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.perception.scene_objects import SceneObject
from equigrasp.ros import names
from equigrasp.ros.messages.images import to_color_msg
from equigrasp.ros.messages.times import from_time, to_time

_SAME = 1e-6  # [m] by which two grids may differ and be the same
_HUE_STEP, _NUM_HUES, _SATURATION = 67, 180, 190  # OpenCV's; neighbours in number differ much


def to_label_map_msg(observation: Observation) -> LabelMap:
    """Return the labels of an observation as a message."""
    w = observation.workspace
    labels = observation.arrays[LABELS].astype(np.uint8)
    message = LabelMap(
        workspace=w.name,
        center_x=w.center_x,
        center_y=w.center_y,
        pixel_size=w.pixel_size,
        size_px=w.heightmap_size_px,
        data=array.array("B", labels.tobytes()),
    )
    message.header.stamp = to_time(observation.stamp)
    message.header.frame_id = names.BASE_FRAME
    return message


def from_label_map_msg(message: LabelMap, workspace: Workspace) -> np.ndarray:
    """Return the labels of a message, shape (S, S), uint8.

    Args:
        message: Of a workspace.
        workspace: Which one, and the grid that the labels must lie on.

    Raises:
        PerceptionError: if they lie on another grid, or the message holds another number of cells.
    """
    w, size = workspace, message.size_px
    found = (message.center_x, message.center_y, message.pixel_size)
    wanted = (w.center_x, w.center_y, w.pixel_size)
    is_same = size == w.heightmap_size_px and np.allclose(found, wanted, rtol=0.0, atol=_SAME)
    if not is_same or message.workspace != w.name:
        raise PerceptionError(
            f"Labels of workspace '{message.workspace}', {size} px of {message.pixel_size} m about "
            f"({message.center_x}, {message.center_y}) m, do not lie on the heightmap's grid: "
            f"'{w.name}', {w.heightmap_size_px} px of {w.pixel_size} m about "
            f"({w.center_x}, {w.center_y}) m."
        )
    if message.header.frame_id not in ("", names.BASE_FRAME):
        raise PerceptionError(
            f"Labels are given in frame '{names.BASE_FRAME}', found '{message.header.frame_id}'."
        )
    return _cells(message)


def to_scene_object_msg(thing: SceneObject) -> SceneObjectMsg:
    """Return an object as a message."""
    places = (Point(x=x, y=y, z=z) for x, y, z in (thing.centroid, thing.lower, thing.upper))
    centroid, lower, upper = places
    return SceneObjectMsg(
        id=thing.label,
        centroid=centroid,
        area=thing.area,
        height=thing.height,
        box_lower=lower,
        box_upper=upper,
    )


def to_labels_image_msg(message: LabelMap) -> Image:
    """Return a label map as a picture, a colour an object, black where there is none.

    Raises:
        PerceptionError: if it has no cells, or another number of them than it says.
    """
    labels = _cells(message)
    hue = (labels.astype(np.int64) * _HUE_STEP % _NUM_HUES).astype(np.uint8)
    value = np.where(labels > 0, 255, 0).astype(np.uint8)
    colors = cv2.merge([hue, np.full_like(hue, _SATURATION), value])
    picture = np.asarray(cv2.cvtColor(colors, cv2.COLOR_HSV2RGB))
    return to_color_msg(picture, from_time(message.header.stamp), names.BASE_FRAME)


def _cells(message: LabelMap) -> np.ndarray:
    """Return what a label map holds, shape (S, S)."""
    size, count = message.size_px, len(message.data)
    if not size or count != size * size:
        raise PerceptionError(f"A label map of {size} px holds {count} values.")
    return np.frombuffer(bytes(message.data), np.uint8).reshape(size, size)
