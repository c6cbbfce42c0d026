"""Ratings of a listening test as tables and pictures: MOS beside the paper's, MUSHRA as the field reports it."""

from collections.abc import Mapping

import streamlit as st

from analysis import paper
from analysis.figures import opinion as figures_opinion
from analysis.listening import opinion
from analysis.listening.export import rated_sounds
from analysis.listening.opinion import CrossedMean, Opinion
from analysis.listening.ratings import Store
from analysis.listening.trials import MOS, REFERENCE, Answer, Session
from analysis.scores.metrics import raw_pesq
from analysis.words.say import number, share_text
from pages.parts.captions import caption
from pages.parts.pictures import data_table, picture
from pages.parts.text import plain

CROSSED = "crossed"
UNITS = {
    CROSSED: "listeners and utterances",
    "listener": "listeners' means",
    "utterance": "utterances' means",
    "rating": "each rating, as in the paper",
}
PRINTED = {"Conv-TasNet-gLN": "Conv-TasNet", "IRM": "IRM", "Clean": "Clean"}
MOS_TITLE, PESQ_TITLE = "Mean opinion score", "PESQ (raw P.862)"


def show_opinions(store: Store, session: Session, answers: list[Answer]) -> None:
    """Means with intervals, pictures, differences."""
    opinions = [Opinion(a.listener, a.utterance, system, score) for a in answers for system, score in rated_sounds(a)]
    if session.method == MOS:
        means = _means(session, opinions)
        _show_mos(store, session, opinions, means)
    else:
        opinions = _screened(opinions)
        means = _means(session, opinions)
        if not means:
            return
        _show_mushra(opinions, means)
    _show_differences(opinions, list(means))


def _means(session: Session, opinions: list[Opinion]) -> dict[str, CrossedMean]:
    means = {system: opinion.crossed_score(opinions, system) for system in session.systems}
    return {system: mean for system, mean in means.items() if mean}


def _explain_interval(means: Mapping[str, CrossedMean]) -> str:
    first = next(iter(means.values()))
    if first.low is None:
        return "One listener or one utterance says nothing of others: there is no interval."
    return (
        f"The interval takes the {first.listeners} listeners and the {first.utterances} utterances as drawn at random: "
        "it says where the mean of other listeners on other utterances would be."
    )


def _screened(opinions: list[Opinion]) -> list[Opinion]:
    """The opinions of those who heard the hidden reference (BS.1534), unless the operator wants all."""
    unsure = opinion.unsure_listeners(opinions, REFERENCE)
    if not unsure:
        return opinions
    screen = st.toggle(
        f"Leave out who missed the hidden reference: {', '.join(map(plain, unsure))}",
        True,
        key="listening_screen",
        help=f"Post-screening of ITU-R BS.1534: below {opinion.SURE} in more than "
        f"{share_text(opinion.SHARE, 0)} of the trials.",
    )
    kept = [o for o in opinions if not screen or o.listener not in unsure]
    if not kept:
        st.info("Nobody found the hidden reference often enough: no scores are left.", icon=":material/info:")
    return kept


def _show_mushra(opinions: list[Opinion], means: dict[str, CrossedMean]) -> None:
    values = {system: opinion.scores(opinions, system) for system in means}
    data_table(
        [
            {
                "System": system,
                "Mean": text(mean.mean, 1),
                "95 % interval": interval(mean.low, mean.high, 1),
                "Median": text(opinion.quartiles(values[system])[1], 1),
                "Quartiles": interval(*opinion.quartiles(values[system])[::2], 1),
                "Ratings": mean.count,
            }
            for system, mean in means.items()
        ],
        key="listening_table",
    )
    caption(_explain_interval(means))
    picture(
        figures_opinion.boxes(values, means),
        "MUSHRA scores of each system: median and quartiles as a box, mean with its interval",
        key="listening_boxes",
    )


def _show_mos(store: Store, session: Session, opinions: list[Opinion], mos: dict[str, CrossedMean]) -> None:
    quality = store.pesq(session)
    pesq = {
        system: opinion.mean_score([raw_pesq(quality[u, system]) for u in session.utterances if (u, system) in quality])
        for system in mos
    }
    printed = {PRINTED[row.method]: row for row in paper.TABLE_VII.rows}
    data_table(
        [
            {
                "System": system,
                "MOS": text(mean.mean),
                "± standard error": text(mean.standard_error),
                "95 % interval": interval(mean.low, mean.high),
                "Ratings": mean.count,
                "PESQ (raw P.862)": text(pesq[system].mean if pesq[system] else None),
                "Paper: MOS": text(printed[system].mos if system in printed else None),
                "Paper: PESQ (raw P.862)": text(printed[system].pesq if system in printed else None),
            }
            for system, mean in mos.items()
        ],
        key="listening_table",
    )
    caption(
        f"The paper's figures are of its Table {paper.TABLE_VII.number}: 40 listeners, 25 utterances of WSJ0-2mix. "
        + _explain_interval(mos)
    )
    picture(
        figures_opinion.bars(
            {MOS_TITLE: mos, PESQ_TITLE: {system: mean for system, mean in pesq.items() if mean}},
            {
                MOS_TITLE: {system: row.mos for system, row in printed.items()},
                PESQ_TITLE: {system: row.pesq for system, row in printed.items()},
            },
        ),
        "Mean opinion score and mean PESQ of each system with standard errors; diamonds are the paper's values",
        key="listening_bars",
    )
    labels = {u: store.stimulus(session, u, session.systems[0]).label for u in session.utterances}
    points = {
        system: [
            (raw_pesq(quality[u, system]), score, labels[u])
            for u, score in opinion.utterance_scores(opinions, system).items()
            if (u, system) in quality
        ]
        for system in mos
    }
    picture(
        figures_opinion.opinion_against_pesq(points, "raw P.862"),
        "Mean opinion score of every utterance against its PESQ, one dot for each system",
        key="listening_scatter",
    )
    caption("Diamonds above: the paper's values. Dots above the dotted line: people rate higher than PESQ does.")


def _show_differences(opinions: list[Opinion], systems: list[str]) -> None:
    """A table of tests between all pairs of systems."""
    if len(systems) < 2:
        return
    st.markdown("## Differences")
    unit = st.segmented_control(
        "What is taken as drawn at random",
        list(UNITS),
        format_func=UNITS.__getitem__,
        default=CROSSED,
        required=True,
        key="listening_unit",
        help="The first speaks for other listeners and other utterances. The others speak for these utterances, or "
        "these listeners, alone; the paper's p < 1e-16 implies the last, though a listener's ratings belong together.",
    )
    pairs = [(x, y) for i, x in enumerate(systems) for y in systems[i + 1 :]]
    rows = [_crossed_row(opinions, *pair) if unit == CROSSED else _paired_row(opinions, *pair, unit) for pair in pairs]
    rows = [row for row in rows if row]
    for row, corrected in zip(rows, opinion.holm([row["p"] for row in rows]), strict=True):
        row["p (Holm)"] = probability(corrected)
        row["p"] = probability(row["p"])
    data_table(rows, key="listening_differences")
    caption(
        "Two-sided; p (Holm) is corrected for the number of rows. Undefined values show as –: there must be two "
        "listeners and two utterances at least."
        if unit == CROSSED
        else "Two-sided and paired; p is of the t-test, p (Holm) corrected for the number of rows. Undefined values "
        "show as –."
    )


def _crossed_row(opinions: list[Opinion], x: str, y: str) -> dict | None:
    found = opinion.crossed_difference(opinions, x, y)
    if found is None:
        return None
    return {
        "Difference": f"{x} − {y}",
        "Mean": text(found.mean),
        "95 % interval": interval(found.low, found.high),
        "Listeners": found.listeners,
        "Utterances": found.utterances,
        "p": found.p,
    }


def _paired_row(opinions: list[Opinion], x: str, y: str, unit: str) -> dict | None:
    found = opinion.paired_test(*opinion.paired(opinions, x, y, unit))
    if found is None:
        return None
    return {
        "Difference": f"{x} − {y}",
        "Mean": text(found.difference),
        "95 % interval": interval(found.low, found.high),
        "Pairs": found.pairs,
        "t": text(found.t),
        "p": found.t_p,
        "d_z": text(found.d_z),
        "p (Wilcoxon)": probability(found.wilcoxon_p),
        "Rank-biserial r": text(found.rank_biserial),
    }


def text(value: float | None, digits: int = 2) -> str:
    """A number as tables show it; an undefined one is a dash."""
    return "–" if value is None else number(value, digits)


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """Both ends of an interval."""
    return "–" if low is None else f"{text(low, digits)} to {text(high, digits)}"


def probability(p: float | None) -> str:
    """A p value."""
    return "–" if p is None else f"{p:.1e}" if p < 0.001 else f"{p:.3f}"
