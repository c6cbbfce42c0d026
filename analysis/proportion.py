"""Proportions: the exact interval, for when none or all of the trials were events."""

from scipy import stats

CONFIDENCE = 0.95


def exact_interval(events: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of Clopper and Pearson (1934) of a share of `events` in so many `trials`, each independent.

    Never narrower than it claims; of no events in n trials it goes from 0 to 1 - (0.05 / 2)^(1/n), where resampling
    would say 0 to 0. Raises ValueError where there are no trials or more events than trials.
    """
    if not 0 <= events <= trials or not trials:
        raise ValueError(f"{events} events in {trials} trials have no share.")
    found = stats.binomtest(events, trials).proportion_ci(confidence, method="exact")
    return float(found.low), float(found.high)
