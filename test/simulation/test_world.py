"""The simulated world: objects, repeatability, what a grasp needs."""

from pathlib import Path

import numpy as np
import pytest

from equigrasp.errors import ConfigError
from equigrasp.geometry import four_bar
from equigrasp.geometry.transform import Transform
from equigrasp.simulation.make import make_simulated_cell
from equigrasp.simulation.object_sets.registry import make_object_set
from equigrasp.simulation.physics import Physics


def test_the_finger_linkage_has_the_stroke_of_the_data_sheet() -> None:
    assert four_bar.width_of(0.8) == pytest.approx(0.0, abs=1e-9)
    assert four_bar.width_of(0.0) == pytest.approx(0.085, abs=1e-3)
    for width in (0.0, 0.02, 0.085):
        assert four_bar.width_of(four_bar.driver_of(width)) == pytest.approx(width, abs=1e-9)
    assert four_bar.tip_rise(0.085) == pytest.approx(0.0137, abs=5e-4)


@pytest.mark.parametrize("name", ["household", "random_urdfs", "household+random_urdfs"])
def test_splits_are_disjoint_and_cover_the_set(name: str) -> None:
    objects = make_object_set(name)
    train, test = set(objects.names("train")), set(objects.names("test"))
    assert not train & test and train | test == set(objects.names("all"))
    assert len(train) >= 60 and len(test) >= 30
    rng = np.random.default_rng(0)
    assert len(set(objects.draw("train", 15, rng))) == 15
    with pytest.raises(ConfigError, match="train, test, all"):
        objects.draw("validation", 1, rng)


def test_a_mixed_set_draws_as_many_from_each_and_loads_all() -> None:
    mixed, physics = make_object_set("household+random_urdfs"), Physics()
    drawn = mixed.draw("test", 100, np.random.default_rng(0))
    num_urdfs = sum(name.isdigit() for name in drawn)
    assert 35 <= num_urdfs <= 65 and len(set(drawn)) > 60
    assert {name.isdigit() for name in drawn[:20]} == {True, False}
    for name in ("cube_1", "042"):
        assert mixed.load(physics, name, Transform.identity()) >= 0
    with pytest.raises(ConfigError, match="'fork' of a mixed set"):
        mixed.load(physics, "fork", Transform.identity())
    with pytest.raises(ConfigError, match="'cutlery'"):
        make_object_set("household+cutlery")
    physics.close()


def test_the_broken_random_object_is_left_out() -> None:
    assert "168" not in make_object_set("random_urdfs").names("all")


def test_every_household_object_loads_and_fits_the_gripper() -> None:
    objects, physics = make_object_set("household"), Physics()
    for name in objects.names("all"):
        body = objects.load(physics, name, Transform.identity())
        low, high = (np.array(v) for v in physics.client.getAABB(body))
        assert np.sort(high - low)[0] < 0.07, name
        assert physics.client.getDynamicsInfo(body, -1)[0] == pytest.approx(0.15)
        physics.client.removeBody(body)
    physics.close()


def test_random_objects_are_scaled_to_the_gripper() -> None:
    objects, physics = make_object_set("random_urdfs"), Physics()
    for name in objects.names("all")[::100]:
        body = objects.load(physics, name, Transform.identity())
        low, high = (np.array(v) for v in physics.client.getAABB(body))
        assert 0.02 < np.sort(high - low)[1] < 0.08 and 0.05 < (high - low).max() < 0.17, name
    physics.close()


def test_a_folder_of_meshes_is_imported_scaled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trimesh

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "meshes"
    folder.mkdir()
    trimesh.creation.box((200.0, 60.0, 40.0)).export(folder / "brick_mm.stl")  # in millimetres
    objects, physics = make_object_set(str(folder)), Physics()
    body = objects.load(physics, "brick_mm", Transform.identity())
    low, high = (np.array(v) for v in physics.client.getAABB(body))
    assert 0.1 < (high - low).max() < 0.14
    physics.close()
    (folder / "broken.obj").write_text("v nan nan nan\nf 1 1 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="broken"):
        make_object_set(str(folder)).load(Physics(), "broken", Transform.identity())


def test_an_unknown_object_set_is_named() -> None:
    with pytest.raises(ConfigError, match="household, random_urdfs"):
        make_object_set("cutlery")


def _positions(seed: int) -> np.ndarray:
    with make_simulated_cell("ur5", seed=seed) as simulation:
        world = simulation.world
        names = world.object_set.draw("train", 5, np.random.default_rng(seed))
        world.spawn_objects(names, simulation.cell.config.workspaces[0])
        return np.array([o.pose.position for o in world.objects()])


def test_equal_seeds_repeat_a_scene_bit_by_bit() -> None:
    first, again, other = _positions(1), _positions(1), _positions(2)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_objects_come_to_rest_in_their_tray() -> None:
    with make_simulated_cell("ur5") as simulation:
        world, tray = simulation.world, simulation.cell.config.workspaces[1]
        names = world.object_set.draw("train", 8, np.random.default_rng(3))
        world.spawn_objects(names, tray)
        simulation.physics.sleep(1.0)
        before = np.array([o.pose.position for o in world.objects()])
        simulation.physics.sleep(0.5)
        after = np.array([o.pose.position for o in world.objects()])
        assert len(world.object_names_in(tray)) == 8
        assert np.median(np.abs(after - before)) < 1e-3 and (after[:, 2] > 0.0).all()


def test_restoring_a_snapshot_repeats_what_follows_bit_by_bit() -> None:
    with make_simulated_cell("ur5", seed=4) as simulation:
        world = simulation.world
        names = world.object_set.draw("train", 6, np.random.default_rng(4))
        world.spawn_objects(names, simulation.cell.config.workspaces[0])
        snapshot = world.snapshot()
        runs = []
        for _ in range(2):
            world.restore(snapshot)
            simulation.physics.sleep(0.5)
            runs.append(np.array([o.pose.position for o in world.objects()]))
        assert np.array_equal(runs[0], runs[1])


def test_reset_empties_the_world() -> None:
    with make_simulated_cell("kuka") as simulation:
        simulation.world.spawn_objects(["cube_0"], simulation.cell.config.workspaces[0])
        simulation.world.reset(0)
        assert simulation.world.objects() == []


def test_depth_noise_is_millimetres_and_seeded() -> None:
    import dataclasses

    from equigrasp.config import load_config
    from equigrasp.devices.cell import CameraConfig
    from equigrasp.simulation.bullet_camera import BulletCamera
    from equigrasp.simulation.stereo_noise import add_stereo_noise

    with make_simulated_cell("ur5", depth_noise="realsense") as simulation:
        by_option = simulation.cell.camera.capture().depth
        assert np.allclose(by_option * 1000, np.round(by_option * 1000), atol=0.01)
    with make_simulated_cell("ur5") as simulation:
        clean = simulation.cell.camera.capture().depth
        assert not np.allclose(clean * 1000, np.round(clean * 1000), atol=0.01)
        config = dataclasses.replace(
            load_config(CameraConfig, "cameras", "overhead"), depth_noise="realsense"
        )
        depths = []
        for _ in range(2):
            camera = BulletCamera(config, simulation.physics, seed=1)
            camera.connect()
            depths.append(camera.capture().depth)
        assert np.array_equal(depths[0], depths[1])
        error = (depths[0] - clean)[depths[0] > 0]
        assert 0.0003 < error.std() < 0.003 and (depths[0] == 0).mean() < 0.1
        for strength, most in ((0.0, 0.0006), (3.0, 0.006)):  # whole millimetres, at least
            noisy = add_stereo_noise(clean, np.random.default_rng(2), strength)
            error = (noisy - clean)[noisy > 0]
            assert most / 6 < error.std() < most
        with pytest.raises(ConfigError, match="none, realsense"):
            BulletCamera(dataclasses.replace(config, depth_noise="foggy"), simulation.physics, 0)


def test_two_objects_gripped_at_once_are_both_held() -> None:
    with make_simulated_cell("ur5", object_set="household", seed=0) as simulation:
        world, physics, gripper = simulation.world, simulation.physics, simulation.cell.gripper
        simulation.cell.arm.connect()
        gripper.connect()
        physics.client.setGravity(0.0, 0.0, 0.0)  # they stay between the fingers until these close
        for name, y in (("cube_3", 0.0915), ("cube_7", 0.1265)):
            world.place_object(
                name, Transform(np.array([0.237, y, 0.22]), np.array([0, 0, 0, 1.0]))
            )
        assert world.held_objects() == []
        gripper.start_move(0.0, 0.1, 40.0)
        physics.sleep(0.6)
        physics.client.setGravity(0.0, 0.0, -9.81)
        physics.sleep(0.5)
        assert world.held_objects() == sorted(thing.handle for thing in world.objects())
        assert len(world.held_objects()) == 2
        world.remove_object(world.held_objects()[0])
        physics.sleep(0.5)  # the other one falls
        assert world.held_objects() == []
