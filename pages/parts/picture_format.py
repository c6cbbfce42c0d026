"""What the cameras over the pictures save. A PDF is made here of the SVG that the browser draws (assets/web/pdf/)."""

import streamlit as st

from analysis.figures.pdf import PdfError, find_cairo, pdf_of
from tasnet.errors import UserError

from . import internals
from .budgeted import read_within_budget
from .handout import shown
from .text import plain

SVG, PNG, PDF = "SVG", "PNG", "PDF"
MIME = {SVG: "image/svg+xml", PDF: "application/pdf"}
CAMERA = "picture_pdf"


def chosen_format() -> str:
    """What was chosen on this or an earlier page."""
    return st.session_state.get("picture_format", SVG)


def why_no_pdf() -> PdfError | None:
    """What keeps this server from making PDFs, if anything."""
    try:
        find_cairo()
    except PdfError as problem:
        return problem
    return None


def choose_format() -> None:
    """At the end of a page that shows pictures: what their cameras save, there and on the pages that follow."""
    if not shown().pictures:
        return
    chosen = st.segmented_control(
        "Save pictures as",
        [SVG, PNG, PDF],
        default=SVG,
        required=True,
        key="picture_format",
        persist_state="session",
        help="The camera button over each picture saves it.",
    )
    if chosen != PDF:
        return
    if problem := why_no_pdf():
        st.info(f"{plain(problem)} Pictures are saved as SVG.", icon=":material/info:")
    else:
        _make_pdfs()


@st.fragment
def _make_pdfs() -> None:
    """Take what the cameras give, and give the browser the PDF of it."""
    sent, made = (st.session_state.get(CAMERA) or {}).get("picture"), None
    if sent:
        try:
            with st.spinner("Drawing the PDF ..."):
                content = read_within_budget(pdf_of, sent["svg"].encode())
        except UserError as problem:
            st.error(plain(problem), icon=":material/error:")
        else:
            number = st.session_state.pdfs_made = st.session_state.get("pdfs_made", 0) + 1
            name = f"{sent['name'].removesuffix('.svg')}.pdf"
            made = {"number": number, "name": name}
            made["address"] = internals.serve(content, MIME[PDF], CAMERA, name)
    show = internals.web_component("pdf", "pdf/pdf.js", "pdf/pdf")
    show(key=CAMERA, data={"made": made}, on_picture_change=lambda: None)
