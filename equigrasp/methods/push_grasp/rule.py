"""What no network chooses: height and opening of grasps, height and length of pushes."""

from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.perception.grasp_height import HandGeometry
from equigrasp.perception.grasp_rule import GraspRule
from equigrasp.perception.push_rule import PushRule


def make_rule(config: PushGraspConfig) -> GraspRule:
    """Return height and opening of grasps as a configuration has them."""
    acting = config.acting
    hand = HandGeometry(acting.finger_depth, acting.edge_depth, acting.wall_depth)
    return GraspRule(hand, acting.width, acting.min_width, config.network.num_yaws)


def make_push_rule(config: PushGraspConfig) -> PushRule:
    """Return height and length of pushes as a configuration has them."""
    return PushRule(length=config.acting.push_length, num_directions=config.network.num_directions)
