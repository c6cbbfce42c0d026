"""What everyday conditions cost: noise, rooms, codecs and more over a test set, as a table whose rows can be heard."""

from collections.abc import Sequence

import streamlit as st

from analysis.conditions.everyday import CONDITIONS
from analysis.conditions.table import ConditionRow, condition_rows
from analysis.words import probe as words
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.models import by_title
from pages.parts.pictures import save_table, show_rows
from pages.parts.text import plain
from tasnet.mixture import Mixture

from .alone import show_alone
from .guesses import show_guesses
from .probe import chosen_or_all, measured_conditions, show_probe, value_key

CHOICE = "condition_name"
DECIMALS = 1


def show_conditions(models: list[str], sound: Mixture) -> None:
    """The table of all conditions; a row of it, or any other position, put on `sound`, to hear and to score."""
    _show_table(models)
    st.markdown("## On this sound")
    show_probe(models, sound, CONDITIONS, CHOICE)
    show_alone(models)
    show_guesses(models)


def _show_table(models: Sequence[str]) -> None:
    """What `models` score in every condition over the set, as far as they have been measured; else all that were."""
    chosen = chosen_or_all(measured_conditions(), models)
    rows = condition_rows(chosen)
    if not rows:
        caption("No set has been measured in these conditions: `python -m analysis.conditions DIR` does.")
        return
    titled = by_title({model: model for model in chosen})
    say([words.explain_conditions(f"**{plain(title)}**", key, rows) for title, key in titled.items()], key="all")
    shown = [_row(row, titled) for row in rows]
    numbers = list(shown[0])[2:]
    show_rows(
        "Everyday conditions over a test set",
        shown,
        dict.fromkeys(numbers, DECIMALS),
        key="condition_table",
        on_click=lambda number: _turn(rows[number]),
    )
    caption("Mean SI-SNR over the set, and what each row changes. Choose a row to hear it below.")
    save_table(
        "Table (CSV)",
        lambda: {title: [row[title] for row in shown] for title in shown[0]},
        key="conditions",
    )


def _row(row: ConditionRow, titled: dict[str, str]) -> dict[str, str | float | None]:
    """A line of the table; what is undefined is empty."""
    condition = CONDITIONS[row.condition]
    cells: dict[str, str | float | None] = {
        "Condition": condition.title,
        "At": words.at_value(condition, row.value),
    }
    for title, model in titled.items():
        score, cost = row.score[model], row.cost[model]
        cells[f"{title} (dB)"] = score.mean if score else None
        cells[f"{title}: change (dB)"] = round(-cost.mean, DECIMALS) + 0.0 if cost else None  # without a sign of zero
    cells["Unprocessed (dB)"] = row.unprocessed.mean if row.unprocessed else None
    return cells


def _turn(row: ConditionRow) -> None:
    """Put the condition of a row on the sound below."""
    st.session_state[CHOICE] = row.condition
    st.session_state[value_key(row.condition)] = row.value
