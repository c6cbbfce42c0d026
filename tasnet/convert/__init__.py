"""Weights of other programs, in this project's files: `python -m tasnet.convert`."""
