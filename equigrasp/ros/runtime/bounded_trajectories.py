"""Trajectories are cut short before Python objects are made of their points.

rclpy makes objects of all points before anybody is asked: two minutes for a million, in which a process
hears nothing else. As the C message that the middleware hands over, they are read in a second. Here the
conversion between the two is told a smaller number of points, which is public in neither: where messages
are laid out otherwise, nothing is cut.
"""

import ctypes
from typing import Any

from control_msgs.action import FollowJointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

_REQUEST = FollowJointTrajectory.Impl.SendGoalService.Request
_PROBE = 3, 2  # joints and points of a message whose layout is looked at

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_capsule_of = ctypes.pythonapi.PyCapsule_New
_capsule_of.restype = ctypes.py_object
_capsule_of.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

_Create = ctypes.PYFUNCTYPE(ctypes.c_void_p)
_Destroy = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_FromPython = ctypes.PYFUNCTYPE(ctypes.c_bool, ctypes.py_object, ctypes.c_void_p)
_ToPython = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)


class _Sequence(ctypes.Structure):
    """A sequence, or a string, of a C message."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
    )


class _Request(ctypes.Structure):
    """A request of a goal in C, up to the points of its trajectory."""

    _fields_ = (
        ("goal_id", ctypes.c_uint8 * 16),
        ("stamp", ctypes.c_int32 * 2),
        ("frame_id", _Sequence),
        ("joint_names", _Sequence),
        ("points", _Sequence),
    )


def bounded_follow_joint_trajectory(most: int) -> Any:
    """Return FollowJointTrajectory for an action server that takes the first points of a goal only.

    Args:
        most: How many are taken.
    """
    if not _is_laid_out_as_expected():
        return FollowJointTrajectory
    kind = type(_REQUEST)
    convert = _ToPython(_pointer_of(kind._CONVERT_TO_PY, None))

    def convert_head(address: int) -> Any:
        points = _Request.from_address(address).points
        size = points.size
        points.size = min(size, most)
        try:
            return convert(address)
        finally:
            points.size = size

    called = _ToPython(convert_head)
    capsule = _capsule_of(ctypes.cast(called, ctypes.c_void_p), None, None)
    cutting = type(kind.__name__, (kind,), {"_CONVERT_TO_PY": capsule, "kept": (called,)})
    service, impl = FollowJointTrajectory.Impl.SendGoalService, FollowJointTrajectory.Impl
    request = cutting(_REQUEST.__name__, (_REQUEST,), {"__slots__": ()})
    service = type(service)(service.__name__, (service,), {"Request": request})
    impl = type(impl)(impl.__name__, (impl,), {"SendGoalService": service})
    action = FollowJointTrajectory
    return type(action)(action.__name__, (action,), {"Impl": impl})


def _is_laid_out_as_expected() -> bool:
    """Tell whether the numbers of joints and points are where `_Request` says."""
    kind = type(_REQUEST)
    if kind._TYPE_SUPPORT is None:
        kind.__import_type_support__()
    create, destroy, fill = (
        prototype(_pointer_of(capsule, None))
        for prototype, capsule in (
            (_Create, kind._CREATE_ROS_MESSAGE),
            (_Destroy, kind._DESTROY_ROS_MESSAGE),
            (_FromPython, kind._CONVERT_FROM_PY),
        )
    )
    request, (joints, points) = _REQUEST(), _PROBE
    request.goal.trajectory.joint_names = ["joint"] * joints
    request.goal.trajectory.points = [JointTrajectoryPoint()] * points
    message = create()
    try:
        if not fill(request, message):
            return False
        head = _Request.from_address(message)
        return (head.joint_names.size, head.points.size) == _PROBE
    finally:
        destroy(message)
