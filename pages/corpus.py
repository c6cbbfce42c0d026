"""A whole test set: Conv-TasNet beside the ideal masks, the paper and published scores (Tables IV, V and VI)."""

import streamlit as st

from analysis.corpus.results import Results
from analysis.words.corpus import explain_set
from pages.parts import links, models
from pages.parts.captions import caption
from pages.parts.corpus import charts as corpus_charts
from pages.parts.corpus import listen as corpus_listen
from pages.parts.corpus import table as corpus_table
from pages.parts.corpus.compare import show_comparison
from pages.parts.corpus.failures import show_failures
from pages.parts.corpus.files import choose_results, chosen_model, offer_comparison
from pages.parts.corpus.place import located
from pages.parts.corpus.run import show_run
from pages.parts.corpus.training import show_training, show_validation
from pages.parts.handout import offer_handout, say
from pages.parts.page_header import show_header
from pages.parts.pictures import data_table
from pages.parts.text import plain

VIEWS = ("Results", "Compare", "Evaluate", "Training")


def show_facts(results: Results) -> None:
    """What was measured, how much of it, and what could not be measured."""
    header, model = results.header, models.with_titles(results.header.model)
    caption(
        f"**{plain(model)}** on **{plain(header.set)}**{f' ({plain(header.kind)})' if header.kind else ''}: "
        f"{len(results.good)} of {header.mixtures} mixtures. {header.speakers} voices at {header.rate} Hz, "
        f"{sum(row.seconds for row in results.good) / 60:.1f} minutes; the network has {header.parameters / 1e6:.2f} M "
        f"parameters and computed in {plain(header.precision)}."
    )
    if results.problems:
        count = len(results.problems)
        words = f"{count} mixture{'s' if count > 1 else ''} could not be used"
        with st.expander(words, icon=":material/warning:"):
            data_table([{"Mixture": name, "Problem": problem} for name, problem in results.problems.items()])


def show_results() -> None:
    results = choose_results()
    if results is None:
        return
    show_facts(results)
    if not results.good:
        st.info("No mixture has been scored yet.", icon=":material/info:")
        return
    say(explain_set(results), key="corpus_set")
    offer_comparison()
    corpus_table.systems_table(results)
    st.markdown("## Beside published systems")
    corpus_table.published_table(results)
    corpus_table.papers_table(results.header.speakers)
    if model := chosen_model():
        st.markdown("## How it was trained")
        show_validation([model])
    st.markdown("## How the scores spread")
    measure = corpus_charts.choose_measure(results)
    corpus_charts.show_spread(results, measure)
    corpus_charts.show_groups(results, measure)
    show_failures(results)
    st.markdown("## The network against each mask")
    scatter = st.container()
    st.markdown("## The worst and the best")
    results = located(results)
    corpus_listen.show_extremes(results, measure)
    chosen = corpus_listen.choose_mixture(results, measure)
    with scatter:
        corpus_charts.show_scatter(results, measure, chosen)
    if chosen is not None:
        corpus_listen.listen(results, chosen)
    offer_handout()


show_header("Corpus", "How good is the network over a whole test set, beside ideal masks and published systems?")
view = links.choose_view("corpus_view", VIEWS)
{"Results": show_results, "Compare": show_comparison, "Evaluate": show_run, "Training": show_training}[view]()
