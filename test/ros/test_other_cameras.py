"""Another camera's driver is understood by remapping its topics: here as realsense2_camera names them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from domains import free_domain
from equigrasp_interfaces.msg import Experience  # noqa: E402
from equigrasp_interfaces.srv import PlanGrasp  # noqa: E402
from other_driver import BOX, MODEL, POSE, REMAPPINGS, OtherDriver
from test_nodes import Bench  # noqa: E402

from equigrasp.ros.messages.heightmaps import from_heightmap_msg

pytestmark = pytest.mark.ros


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, domain_id=free_domain())
    yield made
    made.close()


def _start_policy(bench: Bench) -> None:
    bench.start(
        "training.policy",
        *("-p", "method:=asr:tiny", "-p", "image_timeout:=1.0"),
        *REMAPPINGS,
    )


def _plan(bench: Bench) -> PlanGrasp.Response:
    """Have a grasp planned on an image that is not older than the question."""
    while True:
        request = PlanGrasp.Request(workspace="left", mode=Experience.MODE_RANDOM)
        request.not_before = bench.node.get_clock().now().to_msg()
        answer = bench.call(PlanGrasp, "plan_grasp", request)
        if answer.error_code != PlanGrasp.Response.NOT_ACTIVE:
            return answer


def test_a_grasp_is_planned_on_the_images_of_another_driver(bench: Bench) -> None:
    driver = OtherDriver(bench.node)
    _start_policy(bench)
    answer = _plan(bench)
    assert answer.error_code == 0, answer.error_msg
    observation = from_heightmap_msg(answer.heightmap)
    assert observation.heightmap.max() == pytest.approx(0.05, abs=1e-3)
    depth = np.zeros((240, 320))
    depth[BOX] = 0.948
    points = POSE.apply(MODEL.deproject(depth))
    rows, cols = observation.workspace.xy_to_grid(points[:, 0], points[:, 1])
    found = np.argwhere(observation.heightmap > 0.025).mean(axis=0)
    assert found == pytest.approx([rows.mean(), cols.mean()], abs=1.0)
    driver.distortion = ("equidistant", [0.1] * 4)
    answers = [_plan(bench) for _ in range(2)]  # the first may have been under way
    answer = answers[-1]
    assert answer.error_code == PlanGrasp.Response.BAD_IMAGE
    assert "'equidistant' is not one of plumb_bob" in answer.error_msg


def test_images_of_a_clock_that_was_set_are_named_and_not_used(
    bench: Bench, wall_clock: Any
) -> None:
    driver = OtherDriver(bench.node)
    _start_policy(bench)
    assert _plan(bench).error_code == 0
    for offset, word in ((3600.0, "s in the future"), (-3600.0, "s before it was wanted")):
        driver.clock_offset = offset
        with wall_clock.within(4.0):  # image_timeout, and a busy machine
            answer = _plan(bench)
        assert answer.error_code == PlanGrasp.Response.NO_IMAGE
        assert "the newest is stamped 3" in answer.error_msg
        assert word in answer.error_msg
        driver.clock_offset = 0.0
        assert _plan(bench).error_code == 0


def test_images_of_nothing_but_nan_are_no_empty_tray(bench: Bench) -> None:
    driver = OtherDriver(bench.node)
    _start_policy(bench)
    driver.fill = math.nan
    answer = _plan(bench)
    assert answer.error_code == PlanGrasp.Response.BAD_IMAGE
    assert "Only 0% of workspace 'left' is seen" in answer.error_msg
    driver.fill = None
    assert _plan(bench).error_code == 0
