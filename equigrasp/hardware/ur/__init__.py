"""Universal Robots: a UR5 over RTDE, through the client library ur_rtde."""
