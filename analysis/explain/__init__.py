"""Why a separation sounds as it does: what is phase, what leaks, which parts of the network it takes."""
