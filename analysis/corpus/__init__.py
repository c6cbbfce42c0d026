"""Conv-TasNet and the ideal masks over a whole test set: Tables IV, V and VI. `python -m analysis.corpus`."""
