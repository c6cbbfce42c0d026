"""Why a separation sounds as it does: what is phase, what leaks, and which parts of the network matter."""
