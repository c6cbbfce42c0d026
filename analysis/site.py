"""The static site: the network in the visitor's browser, in a folder that any web server can serve.

    python -m analysis.site -o site/
    python -m http.server -d site

It holds the bundled two-voice models of the sizes that run well in a browser, some examples, and the code in
assets/web/browser and assets/web/player as it is; none of it contacts another server.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.network import basis
from analysis.sounds import examples
from tasnet import audio, checkpoint, model_titles
from tasnet.command_line import command_line, command_parser
from tasnet.config import ConvTasNetConfig
from tasnet.errors import UserError, opening
from tasnet.model import ConvTasNet
from tasnet.places import ASSETS, WEB

BROWSER = WEB / "browser"
FIRST = ("convtasnet_small_gln_2spk_8k", "convtasnet_small_cln_2spk_8k")  # loaded with the page
LARGEST = 6e6  # bytes: larger models are not offered
EXAMPLES = 2


class SiteError(UserError):
    """The folder cannot be written to; the message is one sentence."""


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; 2 where the folder holds something else or cannot be written."""
    parser = command_parser("analysis.site", __doc__)
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help="a new folder, or an old site")
    options = parser.parse_args(arguments)
    with opening(options.output, "be written"):
        size, first = write_site(options.output)
    print(f"{options.output}: {size / 1e6:.1f} MB, of which {first / 1e6:.1f} MB are loaded at the first visit")


def write_site(folder: Path) -> tuple[int, int]:
    """Write the site to `folder`; return the bytes of all of it, and of what the first visit loads (uncompressed).

    Raises SiteError where the folder holds something other than a site, and OSError.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "site.json").is_file():
        raise SiteError(f"{folder} holds something else already: choose a new folder.")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "weights").mkdir(parents=True)
    shutil.copytree(BROWSER, folder / "browser", ignore=shutil.ignore_patterns("site"))
    shutil.copytree(WEB / "player", folder / "player")
    for path in sorted((BROWSER / "site").iterdir()):
        shutil.copy(path, folder)
    shutil.copy(ASSETS / "icon.png", folder)
    models = _models(folder)
    known = {"models": models, "examples": _examples(folder), "limits": LIMITS, "credits": CREDITS}
    (folder / "site.json").write_text(json.dumps(known))
    _fill_page(folder)
    first = _keep_for_later(folder, models)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files), sum((folder / name).stat().st_size for name in first)


def offered_models() -> list[str]:
    """The bundled Conv-TasNets that are offered in a browser: those loaded with the page first, then by size."""
    found = {}
    for name, path in checkpoint.bundled().items():
        config, _ = checkpoint.describe(path)
        if isinstance(config, ConvTasNetConfig) and path.stat().st_size <= LARGEST:
            found[name] = path.stat().st_size
    return sorted(found, key=lambda name: (name not in FIRST, FIRST.index(name) if name in FIRST else found[name]))


def browser_model(name: str) -> dict:
    """What a page in the browser says of a bundled model: name, label, about, causal, cost (products a frame)."""
    config, facts = checkpoint.describe(checkpoint.bundled()[name])
    if not isinstance(config, ConvTasNetConfig):
        raise SiteError(f"{name} is no Conv-TasNet, which alone runs in a browser.")
    return {
        "name": name,
        "label": model_titles.scored_title(config, facts),
        "about": facts.description,
        "causal": config.causal,
        "cost": config.X * config.R * config.H * (2 * config.B + config.Sc),
    }


def _models(folder: Path) -> list[dict]:
    models = []
    for name in offered_models():
        path = checkpoint.bundled()[name]
        shutil.copy(path, folder / "weights")
        network = ConvTasNet.from_pretrained(path)
        order = basis.order(network.U.detach().numpy(), network.config.sample_rate)
        about = {"file": f"weights/{path.name}", "order": order.tolist(), "bytes": path.stat().st_size}
        models.append(browser_model(name) | about)
    return models


def _examples(folder: Path) -> list[dict]:
    (folder / "examples").mkdir()
    bundled = [one for one in examples.available_examples() if one.tier == "bundled" and len(one.voices) == 2]
    found = []
    for one in bundled[:EXAMPLES]:
        sound = examples.mix_example(one.id)
        file = f"examples/{one.id}.wav"
        audio.write(folder / file, sound.mixture, sound.rate, "PCM_16")
        found.append({"title": one.title, "file": file})
    return found


def _fill_page(folder: Path) -> None:
    """Puts the player and the live view where index.html asks for them."""
    parts = {"player": WEB / "player" / "player.html", "live": BROWSER / "view" / "live.html"}
    page = folder / "index.html"
    filled = re.sub(r"<!-- include (\w+) -->", lambda found: parts[found[1]].read_text(), page.read_text())
    page.write_text(filled)


def _keep_for_later(folder: Path, models: list[dict]) -> list[str]:
    """Tells the service worker which files there are, under a version that changes with any of them; these files."""
    later = {model["file"] for model in models if model["name"] not in FIRST}
    names = sorted(str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    first = [name for name in names if name not in later and name != "sw.js"]
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + (folder / name).read_bytes())
    worker = folder / "sw.js"
    text = worker.read_text().replace("{version}", f"tasnet-{digest.hexdigest()[:16]}")
    kept = json.dumps(["./", *(name for name in first if name != "index.html")])
    worker.write_text(text.replace("[/* files */]", kept))
    return first


LIMITS = [
    "Two voices in quiet surroundings: the models were trained on mixtures of read speech. A third voice, music or a "
    "noisy room is shared out among the two outputs, and the network says nothing of it.",
    "One voice alone comes out on one output, with a residue on the other.",
    "The figures behind the models are how much cleaner a voice becomes (SI-SNRi, in dB) on clean read speech of "
    "speakers they never heard. Conv-TasNets trained for weeks on GPUs reach some 15 dB; these were trained on small "
    "machines.",
    "What you hear is at 8 kHz, like a telephone.",
]
CREDITS = "Models and program: TasNet Lens; the models' cards tell what they were trained on (CC BY 4.0)."

if __name__ == "__main__":
    sys.exit(main())
