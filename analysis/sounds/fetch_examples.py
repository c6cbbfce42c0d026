"""Real voices for the examples, from Debian's packages: `python -m analysis.sounds.fetch_examples`.

Best effort, without root: where there is no Debian package client or no network, the bundled
examples remain. apt checks the signatures of what it downloads.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tasnet.atomic import make_folder
from tasnet.command_line import command_line, command_parser
from tasnet.errors import PathError

from .example_list import PACKAGES, examples_folder, package_files
from .examples import ExampleError, fetch_librispeech

BUDGET_SECONDS = 240  # for all packages together, 113 MB; what is done by then stays


class Unavailable(Exception):
    """A package is not available; the message says why in one sentence."""


class Client:
    """Debian's package client, run without root inside the folder `work` until `deadline`."""

    def __init__(self, work: Path, deadline: float):
        self.work = work
        self.deadline = deadline
        # On a machine without a network, finding that out must not take long at every start.
        self.options = ["-o", "Acquire::Retries=0"]
        for protocol in ("http", "https"):
            self.options += ["-o", f"Acquire::{protocol}::Timeout=15"]

    def refresh(self, packages: list[str]) -> None:
        """Have package lists that know any of `packages`: the system's, else lists of our own.

        Only root may refresh the system's lists, and container images come without any.
        """
        for package in packages:
            try:
                return self._run("apt-get", "download", "--print-uris", package)
            except Unavailable:
                continue
        (self.work / "lists" / "partial").mkdir(parents=True)
        (self.work / "cache" / "archives" / "partial").mkdir(parents=True)
        self.options += ["-o", f"Dir::State::Lists={self.work}/lists"]
        self.options += ["-o", f"Dir::Cache={self.work}/cache"]
        self._run("apt-get", *self.options, "update")

    def unpack(self, package: str) -> Path:
        """Download `package`; the folder with its files."""
        self._run("apt-get", *self.options, "download", package)
        archive = next(self.work.glob(f"{package}_*.deb"), None)
        if archive is None:
            raise Unavailable("apt-get downloaded nothing.")
        folder = self.work / "unpacked" / package
        folder.parent.mkdir(exist_ok=True)
        self._run("dpkg-deb", "-x", str(archive), str(folder))
        return folder

    def _run(self, *command: str) -> None:
        try:
            subprocess.run(
                command,
                cwd=self.work,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=max(0.0, self.deadline - time.monotonic()),
                check=True,
            )
        except FileNotFoundError:
            raise Unavailable(f"this machine has no {command[0]}.") from None
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{BUDGET_SECONDS} s were not enough to download it.") from None
        except subprocess.CalledProcessError as error:
            said = re.search(r"^E: (?:Failed to fetch \S+\s+)?(.*?)\.?$", error.stderr, re.MULTILINE)
            reason = said[1] if said else f"it ended with {error.returncode}"
            raise Unavailable(f"{command[0]} could not get it ({reason}).") from None


def is_here(package: str) -> bool:
    folder = examples_folder() / package
    return all((folder / file).is_file() for file in package_files()[package])


def fetch(package: str, client: Client) -> None:
    """Put the voices of `package` and its copyright file into the cache, all or nothing.

    Raises:
        Unavailable: it could not be downloaded, or does not hold what the examples need.
    """
    unpacked = client.unpack(package)
    wanted = {file: unpacked / PACKAGES[package] / file for file in package_files()[package]}
    wanted["copyright"] = unpacked / "usr/share/doc" / package / "copyright"
    ready = client.work / "ready" / package
    for file, origin in wanted.items():
        if not origin.is_file():
            raise Unavailable(f"this version of the package does not hold {origin.name}.")
        (ready / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, ready / file)
    shutil.rmtree(unpacked)
    target = examples_folder() / package
    shutil.rmtree(target, ignore_errors=True)  # what an older version of this project needed
    os.replace(ready, target)


def fetch_all(packages: list[str]) -> None:
    """Fetch what can be fetched and print one line for each of `packages`."""
    reasons: dict[str, Exception] = {}
    make_folder(examples_folder())
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=examples_folder()) as work:
        client = Client(Path(work), time.monotonic() + BUDGET_SECONDS)
        try:
            client.refresh(packages)
        except Unavailable as error:
            reasons |= dict.fromkeys(packages, error)
        for package in packages:
            if package not in reasons:
                try:
                    fetch(package, client)
                except (Unavailable, OSError) as error:
                    reasons[package] = error
            reason = reasons.get(package)
            print(f"{package}: {f'not available: {reason}' if reason else 'done'}", flush=True)


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch what is missing; what is not available is reported, and is not an error."""
    command_parser("analysis.sounds.fetch_examples", __doc__.splitlines()[0]).parse_args(arguments)
    missing = [package for package in PACKAGES if not is_here(package)]
    for package in PACKAGES:
        if package not in missing:
            print(f"{package}: already here")
    if missing:
        try:
            fetch_all(missing)
        except PathError as error:
            print(f"No real voices fetched: {error}")
    try:  # real English voices, with which the app begins
        fetch_librispeech()
        print("LibriSpeech readers: here")
    except ExampleError as error:
        print(f"LibriSpeech readers: not available: {error}")


if __name__ == "__main__":
    sys.exit(main())
