"""The command `tasnet`: one name for every command line of the project, `tasnet separate mix.wav`, `tasnet app`."""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from . import HOUSE

# What each does, and the module whose `main` it is; `python -m` of that module does the same in a checkout.
COMMANDS = {
    "app": ("open the app in the browser; takes the options of `streamlit run`", ""),
    "separate": ("separate recordings", "tasnet.separate"),
    "train": ("train a network", "tasnet.train.__main__"),
    "convert": ("read weights of another program", "tasnet.convert.__main__"),
    "spectral": ("write the weights of Chimera++ as another of its systems", "tasnet.spectral.__main__"),
    "export": ("write a model as ONNX", "tasnet.export.__main__"),
    "published": ("fetch a model that others have published", "tasnet.published.__main__"),
    "pretrained": ("write a model as a folder for the Hugging Face Hub", "tasnet.pretrained"),
    "corpora": ("make and check sets of mixtures", "tasnet.corpora"),
    "corpus": ("score a model and the ideal masks over a test set", "analysis.corpus.__main__"),
    "summary": ("intervals, failures and comparisons of such results", "analysis.corpus.summary"),
    "shipped": ("score the bundled models anew", "analysis.corpus.shipped"),
    "start-point": ("how a model bears another start of the mixture", "analysis.start_point.__main__"),
    "probe": ("how a model bears what upsets separation, over a test set", "analysis.start_point.probe_set"),
    "conditions": ("how a model bears everyday conditions, over a test set", "analysis.conditions.__main__"),
    "figures": ("draw Figs. 2 and 5 in the paper's layout", "analysis.figures.paper"),
    "pdf": ("turn figures saved as SVG into PDF", "analysis.figures.pdf"),
    "site": ("write a folder of static files: the network in the visitor's browser", "analysis.site"),
    "examples": ("fetch the real examples that are not bundled", "analysis.sounds.fetch_examples"),
    "rank-examples": ("score the examples with the bundled models", "analysis.sounds.rank_examples"),
}


def main(argv: Sequence[str] | None = None) -> None:
    """`tasnet COMMAND ...`; ends the process with the command's exit code, 2 where there is no such command."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        sys.exit(0)
    if name == "--version":
        print(installed_version())
        sys.exit(0)
    if name not in COMMANDS:
        sys.exit(_refuse(name))
    if str(HOUSE) not in sys.path:
        sys.path.insert(0, str(HOUSE))  # where `analysis` and `pages` are
    if name == "app":
        run_app(rest)
    sys.argv = [f"tasnet {name}", *rest]
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name that the terminal cannot show
    sys.exit(importlib.import_module(COMMANDS[name][1]).main())


def run_app(options: Sequence[str]) -> None:
    """Open the app, with `options` of `streamlit run`; ends the process when the server ends."""
    from streamlit.web import cli

    sys.argv = ["streamlit", "run", os.fspath(HOUSE / "app.py"), *options]
    sys.exit(cli.main(prog_name="streamlit"))


def usage() -> str:
    """What `tasnet --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, (what, _) in COMMANDS.items()]
    return "\n".join(["usage: tasnet COMMAND ...", "", *lines, "", "tasnet COMMAND --help says more of each."])


def installed_version() -> str:
    """Of the installed package; of a checkout it says so."""
    try:
        return version("tasnet-lens")
    except PackageNotFoundError:
        return "not installed: run from a checkout"


def _refuse(name: str) -> int:
    print(f"tasnet has no command {name!r}; there are {', '.join(COMMANDS)}.", file=sys.stderr)
    return 2
