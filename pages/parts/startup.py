"""What the server does before it answers, so that a first visitor waits for nothing that could be done beforehand.

Six seconds of a first visit were imports (torch, scipy, streamlit, pandas), and Streamlit's full garbage collection
after every run blocked all sessions for half a second. So everything is imported here, the first view is computed once,
and all objects that exist by then are left out of later collections (`gc.freeze`); `runner.postScriptGC` is off in
`.streamlit/config.toml`. `python -m benchmarks.waits` measures it.
"""

import ast
import gc
import importlib
import logging
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

import pages.parts
from tasnet.errors import UserError

from . import internals, jobs, scratch, sidebar, uploads

PAGES = Path(__file__).parents[1]
logger = logging.getLogger(__name__)


@asynccontextmanager
async def ready(_app: st.App) -> AsyncIterator[None]:
    """A context for the time in which the server answers."""
    warm()
    yield


def warm() -> None:
    """Remove what a killed server has left, import what any page needs, compute the first view, continue earlier jobs,
    and leave all of it out of later collections.
    """
    internals.pages_are_named()
    scratch.remove_leftovers()
    uploads.watch_over_server()  # what visitors' work needs is loaded meanwhile
    for module in needed_modules():
        try:
            importlib.import_module(module)
        except Exception:  # a fault of ours: the page that needs it will say so, and the others work
            logger.exception("%s could not be imported", module)
    with internals.outside_of_visits():
        try:
            sidebar.prepare_first_view()
        except UserError as problem:  # the page will say it where it is needed
            logger.warning("the first view could not be prepared: %s", problem)
        jobs.take_up()
    gc.collect()
    gc.freeze()


def needed_modules() -> Iterator[str]:
    """The parts of all pages, and what the pages import themselves."""
    for module in pkgutil.walk_packages(pages.parts.__path__, "pages.parts."):
        yield module.name
    for page in sorted(PAGES.glob("*.py")):
        for node in ast.walk(ast.parse(page.read_text())):
            if isinstance(node, ast.Import):
                yield from (name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
