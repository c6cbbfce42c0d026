"""What a score means to somebody who has never seen one, in a word or two."""

# From each bound (dB) on. Published Conv-TasNets reach 13 to 15 dB on clean two-voice mixtures (see the model cards).
IMPROVEMENTS = (
    (-float("inf"), "worse than nothing"),
    (0.0, "hardly better"),
    (3.0, "weak"),
    (6.0, "fair"),
    (10.0, "good"),
    (14.0, "very good"),
)
# The five categories of the opinion scale that PESQ predicts (ITU-T P.800), each about its own number.
OPINIONS = ((-float("inf"), "bad"), (1.5, "poor"), (2.5, "fair"), (3.5, "good"), (4.25, "excellent"))

EXPLANATIONS = {
    "si_snri": "Scale-invariant signal-to-noise ratio, improvement: how many dB less of everything that is not this "
    "voice there is than in the mixture, whatever the loudness. The measure the network was trained for.",
    "sdri": "Signal-to-distortion ratio of BSS Eval, improvement: like SI-SNRi, but a short echo or a changed tone of "
    "the right voice is forgiven.",
    "pesq": "A standard guess at how people would rate the sound (P.862.1), from about 1 (bad) to 4.55 (like the clean "
    "voice). It is absolute: compare it with the mixture's own.",
}


def verdict(measure: str, value: float) -> str:
    """A word for the `value` of "si_snri", "sdri" (dB) or "pesq" (MOS-LQO)."""
    scale = OPINIONS if measure == "pesq" else IMPROVEMENTS
    return [word for bound, word in scale if value >= bound][-1]


def explain_measure(measure: str) -> str:
    """What the measure is and where its words begin, for somebody new to it."""
    scale, unit = (OPINIONS, "") if measure == "pesq" else (IMPROVEMENTS, " dB")
    words = "; ".join(f"{word} from {bound:g}{unit}" for bound, word in scale[1:])
    return f"{EXPLANATIONS[measure]} In words here: {scale[0][1]}; {words}."
