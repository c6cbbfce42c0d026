"""Figures that the app has saved as SVG, as PDF for a text (needs the library cairo).

    python -m analysis.figures.pdf FIGURE.svg ... [-o FOLDER]

Lines and letters stay what they are and can be enlarged, cells of a map keep their edges; nothing outside the file is
fetched. Save figures for paper in the app's light theme: in the dark one their letters are pale.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError

from tasnet.atomic import make_folder, replacing
from tasnet.command_line import command_line, command_parser, print_line
from tasnet.errors import UserError, opening


class PdfError(UserError):
    """A PDF that cannot be made, said in one sentence."""


def find_cairo() -> Callable[..., bytes]:
    """What draws SVG as PDF. Raises PdfError where this system has none."""
    try:
        from cairosvg import svg2pdf  # takes the system's cairo, which not everybody has
    except ImportError:
        raise PdfError("A PDF needs cairosvg: pip install cairosvg.") from None
    except OSError:
        raise PdfError("A PDF needs the library cairo (libcairo2), which this system does not have.") from None
    return svg2pdf


def pdf_of(svg: bytes) -> bytes:
    """The PDF of an SVG file. Raises PdfError."""
    svg2pdf = find_cairo()
    try:
        if b"<svg" not in svg:
            raise ValueError("no SVG")
        return svg2pdf(bytestring=svg.replace(b"image-rendering: pixelated", b"image-rendering: optimizeSpeed"))
    except (ParseError, ValueError, KeyError, TypeError, IndexError):
        raise PdfError("This is no SVG that cairosvg can draw.") from None


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit code 0; 2 where a file cannot be used."""
    parser = command_parser("analysis.figures.pdf", __doc__)
    parser.add_argument("figures", nargs="+", type=Path, metavar="FIGURE.svg")
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="by default beside each")
    options = parser.parse_args(arguments)
    for path in options.figures:
        with opening(path):
            svg = path.read_bytes()
        try:
            made = pdf_of(svg)
        except PdfError as problem:
            raise PdfError(f"{path}: {problem}") from None
        target = (make_folder(options.out) if options.out else path.parent) / f"{path.stem}.pdf"
        with replacing(target) as unfinished:
            unfinished.write_bytes(made)
        print_line(target)


if __name__ == "__main__":
    sys.exit(main())
