"""The process behind `MirrorCamera`: `python -m equigrasp.simulation.mirror_process FILE_DESCRIPTOR`."""

import sys
from multiprocessing.connection import Connection

from equigrasp.devices.camera import CameraFrame
from equigrasp.devices.cell import OVERHEAD
from equigrasp.devices.real_time import give_up_real_time_priority
from equigrasp.simulation.make import SimulatedCell, build_simulated_cell
from equigrasp.simulation.mirror_camera import Scene


def main() -> None:
    """Show the scenes that come through a pipe until it is closed."""
    give_up_real_time_priority()
    pipe = Connection(int(sys.argv[1]))
    cell, gripper, camera_config, object_set, seed = pipe.recv()
    bodies: dict[int, int] = {}  # our body of each of their handles
    with build_simulated_cell(
        cell, gripper, {OVERHEAD: camera_config}, object_set=object_set, seed=seed
    ) as simulation:
        camera = simulation.cell.camera
        try:
            pipe.send(camera.capture())
            while True:
                scene: Scene = pipe.recv()
                _bring_to(simulation, bodies, scene)
                frame = camera.capture()
                pipe.send(CameraFrame(scene.stamp, frame.depth, frame.color))
        except (EOFError, OSError):  # the owner has gone
            return


def _bring_to(simulation: SimulatedCell, bodies: dict[int, int], scene: Scene) -> None:
    client = simulation.physics.client
    for handle in bodies.keys() - scene.objects.keys():
        client.removeBody(bodies.pop(handle))
    for handle, (name, pose) in scene.objects.items():
        if handle not in bodies:
            bodies[handle] = simulation.world.object_set.load(simulation.physics, name, pose)
        client.resetBasePositionAndOrientation(bodies[handle], pose.position, pose.quat_xyzw)
    for index, position in scene.joints.items():
        client.resetJointState(simulation.robot.body, index, position)


if __name__ == "__main__":
    main()
