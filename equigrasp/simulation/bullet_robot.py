"""The simulated body that arm and gripper share."""

from pathlib import Path

from equigrasp.simulation.physics import Physics


class BulletRobot:
    """An arm with its gripper, loaded as one multibody at the base frame's origin."""

    def __init__(self, physics: Physics, urdf: Path) -> None:
        self.physics = physics
        self._parents: list[int] = []
        with physics.lock:
            client = physics.client
            self.body = client.loadURDF(
                str(urdf), useFixedBase=True, flags=client.URDF_USE_INERTIA_FROM_FILE
            )
            self.joints: dict[str, int] = {}
            self.links: dict[str, int] = {}
            for i in range(client.getNumJoints(self.body)):
                info = client.getJointInfo(self.body, i)
                self._parents.append(int(info[16]))
                self.links[info[12].decode()] = i
                if info[2] != client.JOINT_FIXED:
                    self.joints[info[1].decode()] = i
                client.changeDynamics(self.body, i, linearDamping=0.0, angularDamping=0.0)
            for index in self.joints.values():
                client.setJointMotorControl2(
                    self.body, index, client.VELOCITY_CONTROL, targetVelocity=0.0, force=0.0
                )

    def links_beyond(self, name: str) -> list[int]:
        """Return the indices of a link and of all that hangs on it."""
        beyond = {self.links[name]}
        for i, parent in enumerate(self._parents):  # parents come first
            if parent in beyond:
                beyond.add(i)
        return sorted(beyond)
