"""How long something has taken."""

import time


class Clock:
    """Seconds since it was started, and whether they are `limit` or more."""

    def __init__(self, limit: float):
        self.limit = limit
        self.restart()

    def restart(self) -> None:
        """From now on."""
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """More than 0."""
        return max(1e-9, time.monotonic() - self.started)

    @property
    def due(self) -> bool:
        """Whether the limit is reached."""
        return self.seconds >= self.limit
