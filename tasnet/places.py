"""Where what comes along with the network lies: beside it in a checkout, inside `tasnet_lens` where it is installed."""

from pathlib import Path

_INSTALLED = Path(__file__).parents[1] / "tasnet_lens" / "assets"
ASSETS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[1] / "assets"
WEIGHTS = ASSETS / "weights"
