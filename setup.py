"""What pyproject.toml cannot say: in a wheel the rooms beside `tasnet` lie inside `tasnet_lens`."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HOUSE = "tasnet_lens"
ROOMS = ("analysis", "pages")
LOOSE = ("app.py", ".streamlit/config.toml")  # files of the house that belong to no room


class BuildHouse(build_py):
    """Brings the loose files along."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in LOOSE:
            target = Path(self.build_lib, HOUSE, name)
            self.mkpath(str(target.parent))
            self.copy_file(name, str(target))


def needs() -> list[str]:
    """requirements.txt without its pin, which is for who clones: an installed package goes with later versions too."""
    lines = Path("requirements.txt").read_text().splitlines()
    return [re.sub("==", ">=", line) for line in lines if line and not line.startswith("#")]


rooms = [room for name in ROOMS for room in (name, *(f"{name}.{part}" for part in find_packages(name)))]
setup(
    packages=["tasnet", *(f"tasnet.{part}" for part in find_packages("tasnet")), HOUSE, f"{HOUSE}.assets"]
    + [f"{HOUSE}.{room}" for room in rooms],
    package_dir={f"{HOUSE}.{room}": room for room in (*ROOMS, "assets")},
    package_data={"tasnet": ["py.typed", "**/*.cpp", "**/*.h"], f"{HOUSE}.assets": ["**/*"]},
    exclude_package_data={f"{HOUSE}.assets": ["screenshot.png", "training/*"]},
    install_requires=needs(),
    cmdclass={"build_py": BuildHouse},
)
