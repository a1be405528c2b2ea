"""Label maps that hold no picture are told from those that do."""

import pytest

pytest.importorskip("equigrasp_interfaces")

from equigrasp_interfaces.msg import LabelMap  # noqa: E402

from equigrasp.errors import PerceptionError  # noqa: E402
from equigrasp.ros.messages.images import from_color_msg  # noqa: E402
from equigrasp.ros.messages.scenes import to_labels_image_msg  # noqa: E402


@pytest.mark.parametrize(("size", "data"), [(0, []), (0, [1]), (3, [1, 2]), (3, []), (1, [0, 1])])
def test_a_map_of_another_size_than_it_says_is_refused(size: int, data: list[int]) -> None:
    with pytest.raises(PerceptionError, match=f"of {size} px holds {len(data)} values"):
        to_labels_image_msg(LabelMap(size_px=size, data=data))


def test_a_sound_map_is_drawn() -> None:
    picture = from_color_msg(to_labels_image_msg(LabelMap(size_px=2, data=[0, 1, 1, 2])))
    assert picture.shape == (2, 2, 3) and not picture[0, 0].any() and picture[1, 1].any()
