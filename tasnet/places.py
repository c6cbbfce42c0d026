"""Where files are: what is bundled with the network, what can be fetched or made again, and what users have made."""

import os
from pathlib import Path

import platformdirs

NAME = "tasnet-lens"
CACHE_SETTING = "TASNET_LENS_CACHE"  # environment variable: another folder than the user's cache
ROOT = Path(__file__).parents[1]
INSTALLED = (ROOT / "tasnet_lens" / "assets").is_dir()  # else this is a checkout
ASSETS = ROOT / "tasnet_lens" / "assets" if INSTALLED else ROOT / "assets"
WEIGHTS = ASSETS / "weights"
WEB = ASSETS / "web"  # what runs in browsers
OF_A_RUN = ("best.safetensors", "last.safetensors")  # what a training leaves in its folder, the preferred file first


def cache_folder(part: str) -> Path:
    """The cache's folder `part`: below $TASNET_LENS_CACHE, else ~/.cache/tasnet-lens on Linux."""
    return Path(os.environ.get(CACHE_SETTING) or platformdirs.user_cache_dir(NAME)) / part


def data_folder() -> Path:
    """The folder of what users have made and cannot be made again: `.cache` in a checkout, else the user's data.

    Never inside the installed package, which an update replaces (~/.local/share/tasnet-lens on Linux).
    """
    return Path(platformdirs.user_data_dir(NAME)) if INSTALLED else ROOT / ".cache"
