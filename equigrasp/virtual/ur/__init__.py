"""A UR controller in software: dashboard, RTDE and the control script of ur_rtde."""
