"""A Robotiq 2F-85 that exists on the wire only.

`VirtualRobotiq` is its firmware, in front of any `Gripper` device: a simulated one, or
`FakeGripper` on the wall clock. `VirtualUrcapServer` and `VirtualModbusSlave` are the two ways
to reach it, and a `FaultyLine` makes their answers fail on demand.
"""
