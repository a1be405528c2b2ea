"""Parameters of the arm node."""

from dataclasses import dataclass

from equigrasp.ros.runtime.parameters import parameter


@dataclass(frozen=True)
class ArmNodeConfig:
    """Parameters of the node."""

    state_rate: float = parameter(50.0, "Joint states per second [Hz, wall clock].", 1.0, 500.0)
    speed_scale: float = parameter(
        1.0,
        "Share of its speed at which every trajectory runs; 0.1: first motion.",
        0.01,
        1.0,
        is_live=True,
    )
    confirm: bool = parameter(
        False, "Whether each trajectory waits for a call of ~/confirm.", is_live=True
    )
    confirm_timeout: float = parameter(60.0, "Longest wait for ~/confirm [s].", 0.1, 3600.0)
    dry_run: bool = parameter(
        False, "Check and show trajectories, but move nothing.", is_live=True
    )

    def is_careful_beside(self, earlier: "ArmNodeConfig") -> bool:
        """Tell whether these demand care that earlier ones did not."""
        return (
            self.speed_scale < earlier.speed_scale
            or self.confirm > earlier.confirm
            or self.dry_run > earlier.dry_run
        )

    heartbeat_timeout: float = parameter(
        0.6,
        "Silence of a commander after which the arm stops [s, wall clock or robot time].",
        0.2,
        10.0,
    )
    requires_heartbeat: bool = parameter(
        False, "Whether goals of clients that send no heartbeat are stopped too."
    )
