"""TasNet Lens: hear, see and measure how Conv-TasNet separates speakers. Start with `streamlit run app.py`."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

import pages.parts.first_imports  # noqa: F401 - before what uses its content
from pages.parts import errors, first_paint, job_files, picture_format, sidebar, startup, uploads, workspace
from pages.parts.text import plain
from tasnet.errors import UserError

ASSETS = Path(__file__).parent / "assets"
SIDEBAR_WIDTH = 336  # pixels; assets/web/page_header/theme.css keeps its place
# What the sidebar offers besides the model; a sound, for pages that are not listed.
USES = {
    "Separate": {sidebar.SOUND, sidebar.SECOND},
    "Filters": set(),
    "Designs": set(),
    "Corpus": set(),
    "Listening test": set(),
}


def visit() -> None:
    """One run of the app for one tab: the sidebar, then the page."""
    st.set_page_config(
        page_title="TasNet Lens", page_icon=ASSETS / "icon.png", layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
    )
    st.logo(str(ASSETS / "wordmark.svg"), icon_image=str(ASSETS / "icon.png"), size="large")
    errors.show_numbers_only()
    uploads.watch_over_server()
    # The first page's address has no name, but whoever knows the others' will try the second of these.
    first = st.Page("pages/separate.py", title="Separate", icon=":material/call_split:", url_path="", default=True)
    named = st.Page("pages/separate.py", title="Separate", url_path="separate", visibility="hidden")
    earlier = st.Page("pages/live.py", title="Real time", url_path="realtime", visibility="hidden")
    page = st.navigation(
        [
            first,
            named,
            st.Page("pages/filters.py", title="Filters", icon=":material/waves:"),
            st.Page("pages/inside.py", title="Inside", icon=":material/layers:"),
            st.Page("pages/explain.py", title="Explain", icon=":material/psychology_alt:"),
            st.Page("pages/ideal_masks.py", title="Ideal masks", icon=":material/grid_on:"),
            st.Page("pages/corpus.py", title="Corpus", icon=":material/leaderboard:"),
            st.Page("pages/start_point.py", title="Start point", icon=":material/start:"),
            st.Page("pages/designs.py", title="Designs", icon=":material/architecture:"),
            st.Page("pages/live.py", title="Live", icon=":material/mic:"),
            earlier,
            st.Page("pages/listening_test.py", title="Listening test", icon=":material/hearing:"),
        ]
    )
    if page == named:
        st.switch_page(first, query_params=st.query_params.to_dict())
    if page == earlier:
        st.switch_page("pages/live.py", query_params=st.query_params.to_dict())
    workspace.build_kernel()
    with st.sidebar:
        sidebar.choose(page.title, USES.get(page.title, {sidebar.SOUND}))
        running = st.container()
    try:
        workspace.separator()
    except UserError as problem:  # a damaged or foreign checkpoint, a device that is gone
        st.error(plain(problem), icon=":material/error:")
    else:
        page.run()
        picture_format.choose_format()
        with running:
            sidebar.show_running()


if __name__ == "__main__":  # Streamlit runs this file for every visit
    visit()
else:  # and imports it once, before it answers
    app = st.App(
        __file__,
        lifespan=startup.ready,
        routes=job_files.ROUTES,
        middleware=[Middleware(first_paint.FirstPaint)],
    )
