"""TasNet Lens as an installed package: the app, what it measures and shows, and the command `tasnet`.

In a checkout the rooms `analysis`, `pages` and `assets` and `app.py` lie beside this folder; a wheel holds them inside
it, so that nothing with a general name comes to lie among other people's packages. `tasnet` needs none of them.
"""

from pathlib import Path

_HERE = Path(__file__).parent
HOUSE = _HERE if (_HERE / "app.py").is_file() else _HERE.parent  # the folder with app.py, analysis, pages and assets
