"""Fixtures every test may use."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of papers, speech and delivered weights beside the project; skips where missing."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with real speech and reference weights is not here")
    return SHARED
