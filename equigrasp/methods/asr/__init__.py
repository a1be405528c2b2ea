"""Augmented State Representation with equivariant networks.

Zhu et al., "Equivariant grasp learning in real time". q1 chooses the pixel, q2 the yaw.
"""

from equigrasp.learning.grasping.grasp_step import encode_observation
from equigrasp.learning.grasping.method_parts import make_grasp_batches, make_grasp_spec
from equigrasp.learning.method import Method
from equigrasp.methods.asr.config import AsrConfig
from equigrasp.methods.asr.learner import make_learner
from equigrasp.methods.asr.networks import make_networks
from equigrasp.methods.asr.policy import make_policy

METHOD = Method(
    name="asr",
    config=AsrConfig,
    metrics={
        "loss": "Sum of the losses of an SGD step: what Adam minimises.",
        "loss_q1_on_policy": "Error of q1 at the tried pixel (L1', or L1).",
        "loss_q1_off_policy": "Error of q1 at drawn pixels, against the best yaw of q2 (L1'').",
        "loss_q2": "Error of q2 at the tried yaw (L2).",
    },
    make_spec=make_grasp_spec,
    encode=encode_observation,
    make_networks=make_networks,
    make_policy=make_policy,
    make_batches=make_grasp_batches,
    make_learner=make_learner,
)
