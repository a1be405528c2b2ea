"""One fully convolutional network that values all pixels and yaws: the baselines FCN and Rot-FCN.

Zhu et al., "Equivariant grasp learning in real time", section 6.1.
"""

from equigrasp.learning.grasping.grasp_step import encode_observation
from equigrasp.learning.grasping.method_parts import make_grasp_batches, make_grasp_spec
from equigrasp.learning.method import Method
from equigrasp.methods.fcn.config import FcnConfig
from equigrasp.methods.fcn.learner import make_learner
from equigrasp.methods.fcn.networks import make_networks
from equigrasp.methods.fcn.policy import make_policy

METHOD = Method(
    name="fcn",
    config=FcnConfig,
    metrics={"loss": "Error of the network at the tried pixel and yaw."},
    make_spec=make_grasp_spec,
    encode=encode_observation,
    make_networks=make_networks,
    make_policy=make_policy,
    make_batches=make_grasp_batches,
    make_learner=make_learner,
)
