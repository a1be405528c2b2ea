"""Push-grasp: take a target out of clutter, pushing where a grasp would not hold.

"Push-Grasp Policy Learning Using Equivariant Models and Grasp Score Optimization", RA-L 2025.
GraspNet proposes grasps, CriticNet scores them, PushNet pushes where the score is low.
"""

from equigrasp.learning.method import Method
from equigrasp.methods.push_grasp.batches import PushGraspBatches
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.methods.push_grasp.decision_step import encode, make_spec
from equigrasp.methods.push_grasp.learner import make_learner
from equigrasp.methods.push_grasp.networks import make_networks
from equigrasp.methods.push_grasp.policy import make_policy

METHOD = Method(
    name="push_grasp",
    config=PushGraspConfig,
    metrics={
        "loss": "Sum of the losses of an SGD step.",
        "loss_push": "Error of PushNet at the pushes carried out (Huber).",
        "loss_critic": "Error of CriticNet at grasps tried, own and labelled (squared).",
    },
    make_spec=make_spec,
    encode=encode,
    make_networks=make_networks,
    make_policy=make_policy,
    make_batches=PushGraspBatches,
    make_learner=make_learner,
)
