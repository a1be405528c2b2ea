"""Evaluations carry on where they stopped, and say what each grasp aimed at."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from equigrasp.environments.environment import StepResult
from equigrasp.errors import ConfigError
from equigrasp.experiments.evaluation.evaluation import (
    FREEING_PUSHES,
    _policy,
    aimed_at,
    evaluate,
    evaluation_folder,
    shape_names,
)
from equigrasp.experiments.evaluation.evaluation_folder import (
    EvaluationFolder,
    failure_picture,
    read_attempts,
)
from equigrasp.experiments.rollouts.loop import LoopStep
from equigrasp.experiments.runs.claims import claim
from equigrasp.experiments.runs.pictures import draw_action, lay_out, load_picture
from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.freeing_policy import FreeingPolicy
from equigrasp.learning.grasping.grasp_step import encode_grasp
from equigrasp.learning.interfaces import Decision
from equigrasp.perception.observation import Observation
from equigrasp.primitives.outcome import GraspOutcome
from equigrasp.simulation.make import make_simulated_cell
from equigrasp.simulation.object_sets.household import HouseholdSet

CONDITIONS = {"weights_digest": "a", "split": "easy", "seed": "1", "policy": "learned"}


def _attempt(workspace: Workspace, is_success: bool) -> LoopStep[PlanarGrasp]:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[60:70, 50:60] = 0.08
    x, y = workspace.pixel_to_xy(64, 55)
    decision = Decision(
        action=PlanarGrasp(x, y, 0.05, math.pi / 2, 0.085),
        encoded=encode_grasp(PixelGrasp(64, 55, 4)),
        value=0.75,
        policy_version=3,
        decision_time=0.01,
    )
    outcome = GraspOutcome(is_success, is_success, 0.02, 4.0, 0.1)
    result = StepResult(float(is_success), outcome)
    return LoopStep(Observation.of_heightmap(heightmap, workspace), decision, result)


def test_an_evaluation_carries_on_after_a_crash(tmp_path: Path, workspace: Workspace) -> None:
    folder = EvaluationFolder(tmp_path, CONDITIONS)
    for number in range(3):
        folder.add(_attempt(workspace, number > 0), f"mug_{number}", number, 5.0)
    with (tmp_path / "evaluation.csv").open("a") as file:
        file.write("3,1,mu")  # torn
    again = EvaluationFolder(tmp_path, CONDITIONS)
    again.add(_attempt(workspace, True), "box_1", 0, 5.0)
    assert [r["object"] for r in read_attempts(tmp_path)] == ["mug_0", "mug_1", "mug_2", "box_1"]
    assert failure_picture(tmp_path, 0).is_file() and not failure_picture(tmp_path, 1).exists()
    result = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert (result["attempts"], result["successes"], result["refused"]) == (4, 3, 3)
    assert result["success_rate"] == 0.75 and result["split"] == "easy"
    assert result["interval_95"][0] < 0.75 < result["interval_95"][1]


@pytest.mark.parametrize("key", sorted(CONDITIONS))
def test_other_conditions_begin_anew(key: str, tmp_path: Path, workspace: Workspace) -> None:
    EvaluationFolder(tmp_path, CONDITIONS).add(_attempt(workspace, False), "mug_0", 0, 5.0)
    assert EvaluationFolder(tmp_path, CONDITIONS).rows
    other = EvaluationFolder(tmp_path, CONDITIONS | {key: "other"})
    assert other.rows == [] and not failure_picture(tmp_path, 0).exists()
    assert not (tmp_path / "evaluation.json").exists()


def test_two_processes_do_not_evaluate_into_one_folder(tmp_path: Path) -> None:
    arguments = {"cell": "ur5", "method": "asr:tiny", "objects": "household", "split": "easy"}
    with claim(tmp_path / "evaluation.lock"):
        with pytest.raises(ConfigError, match="Another process is evaluating"):
            evaluate(arguments | {"seed": "3"}, "oracle", None, 2, tmp_path)


def test_each_set_of_objects_has_its_folder() -> None:
    run = Path("run")
    folders = {(s, p): evaluation_folder(run, s, p) for s in ("test", "easy") for p in ("learned", "random")}  # fmt: skip
    assert folders["test", "learned"] == run and folders["easy", "learned"] == run / "easy"
    assert folders["easy", "random"] == run / "random" / "easy"
    noisy = evaluation_folder(run, "easy", "heuristic", "realsense")
    assert noisy == run / "heuristic" / "realsense" / "easy"
    assert evaluation_folder(run, "test", depth_noise="realsense") == run / "realsense"


def test_easy_and_hard_shapes_are_unseen_and_apart() -> None:
    names = {s: set(shape_names(HouseholdSet(), "household", s, 1000)) for s in ("easy", "hard", "test")}  # fmt: skip
    assert all(len(n) == 15 for n in names.values()) and not names["easy"] & names["hard"]
    assert set.union(*names.values()) <= set(HouseholdSet().names("test"))
    with pytest.raises(ConfigError, match="never measured"):
        shape_names(HouseholdSet(), "random_urdfs", "easy", 0)


def test_the_object_between_the_fingers_is_aimed_at(workspace: Workspace) -> None:
    with make_simulated_cell("ur5") as simulation:
        world = simulation.world
        places = {"bar_0": (0.45, 0.16), "cube_1": (0.45, 0.24)}
        for name, (x, y) in places.items():
            world.place_object(name, Transform.from_rpy(np.array([x, y, 0.02]), np.zeros(3)))
        half_length = 0.05  # of any bar at least, along y
        at_its_end = PlanarGrasp(0.45, 0.16 + half_length - 0.005, 0.03, 0.0, 0.085)
        assert (
            aimed_at(world, at_its_end, workspace) == "bar_0"
        )  # though the cube's centre is nearer
        assert aimed_at(world, PlanarGrasp(0.45, 0.24, 0.03, 0.0, 0.085), workspace) == "cube_1"
        beside = PlanarGrasp(0.52, 0.30, 0.03, 0.0, 0.02)
        assert world.name_below(np.array([[0.52, 0.30, 0.2]])) is None
        assert aimed_at(world, beside, workspace) == "cube_1"


def test_the_picture_of_a_grasp_shows_fingers_where_they_are(workspace: Workspace) -> None:
    attempt = _attempt(workspace, False)
    picture = draw_action(attempt.observation, attempt.decision, "mug_7, P 0.75")
    height, width = picture.shape[:2]
    assert width == 288 and height > width and picture.dtype == np.uint8
    band = height - width
    row, col = band + (64.5 - 16) * 3, (55.5 - 16) * 3
    green = picture[int(row), int(col)]
    assert green[1] > 200 and green[0] < 150  # the TCP
    pad = picture[int(row), int(col + 0.0425 / workspace.pixel_size * 3)]  # at pi/2: along columns
    assert pad[0] > 200 and pad[1] < 150
    assert (picture[:band] < 100).any()  # the caption


def test_pictures_are_laid_out_row_by_row(tmp_path: Path) -> None:
    panels = [np.full((10, 20, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = lay_out(panels, 2)
    assert sheet.shape == (26, 46, 3)
    assert [sheet[5, 5, 0], sheet[5, 30, 0], sheet[20, 5, 0], sheet[20, 30, 0]] == [
        10,
        20,
        30,
        255,
    ]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_picture(tmp_path / "nowhere.png")


@pytest.mark.slow
def test_the_oracle_is_evaluated_and_a_longer_order_goes_on(tmp_path: Path) -> None:
    arguments = {"cell": "ur5", "method": "asr:tiny", "objects": "household", "split": "easy"}
    arguments["seed"] = "3"
    evaluate(arguments, "oracle", None, 2, tmp_path)
    first = read_attempts(tmp_path)
    assert evaluate(arguments, "oracle", None, 3, tmp_path)["attempts"] == 3
    rows = read_attempts(tmp_path)
    assert rows[:2] == first and len(rows) == 3
    easy = shape_names(HouseholdSet(), "household", "easy", 3)
    assert {row["object"] for row in rows} <= set(easy)


def test_freeing_pushes_of_a_method_that_cannot_make_them_are_refused() -> None:
    """They were left out without a word."""
    arguments = {"method": "push_grasp:tiny", "seed": "0", FREEING_PUSHES: "true"}
    with pytest.raises(ConfigError, match="choose a grasp by pixel and yaw, not 'push_grasp'"):
        _policy(arguments, "learned", None, None)
    arguments["method"] = "asr:tiny"
    assert isinstance(_policy(arguments, "learned", None, None), FreeingPolicy)
