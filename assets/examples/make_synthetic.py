"""Make the bundled synthetic voices again: `python assets/examples/make_synthetic.py`.

Needs Debian's packages flite, festival, festvox-kdlpc16k and festvox-ca-ona-hts (made with those of
Debian 12), numpy and soundfile. The sentences were written for this project.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

FOLDER = Path(__file__).parent

# File -> voice and sentence.
FLITE = {
    "flite-slt": (
        "slt",
        "The lighthouse keeper counted every ship that passed beyond the rocks "
        "and wrote their names in a thin blue book.",
    ),
    "flite-rms": (
        "rms",
        "On Thursday morning we carried fresh bread and yellow cheese across the narrow bridge to the harbour market.",
    ),
    "flite-awb": (
        "awb",
        "Nobody could explain why the village clock chose to strike thirteen just as the judge stood up to speak.",
    ),
}
FESTIVAL = {
    "festival-ked": (
        "ked_diphone",
        "Two young painters shared a large room above the bakery and argued cheerfully about the colour of shadows.",
    ),
    "festival-ona": (
        "upc_ca_ona_hts",
        "El vell pescador va tornar al port amb la barca plena de sardines i una història nova per explicar.",
    ),
}


def speak_flite(voice: str, text: str, wav: Path) -> None:
    subprocess.run(["flite", "-voice", voice, "-t", text, "-o", wav], check=True)


def speak_festival(voice: str, text: str, wav: Path) -> None:
    # Festival's Catalan reads Latin-1; the English sentence is ASCII.
    subprocess.run(
        ["text2wave", "-eval", f"(voice_{voice})", "-o", wav],
        input=text.encode("latin-1"),
        check=True,
    )


def trim(samples: np.ndarray, rate: int) -> np.ndarray:
    """Cut the silence before and after the sentence, all but 50 ms of it.

    Silence is 10 ms frames whose power is 40 dB or more below the loudest frame's.
    """
    frame = rate // 100
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = np.mean(frames**2, axis=1)
    speech = np.flatnonzero(power > 1e-4 * power.max())
    return samples[max(0, speech[0] - 5) * frame : (speech[-1] + 6) * frame]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        for speak, sentences in ((speak_flite, FLITE), (speak_festival, FESTIVAL)):
            for name, (voice, text) in sentences.items():
                speak(voice, text, wav)
                samples, rate = sf.read(wav, dtype="float32")
                samples = trim(samples, rate)
                samples *= 0.5 / np.abs(samples).max()
                sf.write(FOLDER / f"{name}.flac", samples, rate, subtype="PCM_16")


if __name__ == "__main__":
    main()
