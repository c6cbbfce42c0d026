"""What a listening test is made of: sessions, sounds, listeners, questions in their order, and answers."""

from dataclasses import dataclass

import numpy as np

from analysis.scores.systems import CLEAN
from tasnet.errors import UserError

MOS = "MOS"  # rate one sample from 1 to 5, beside the clean utterance
ABX = "ABX"  # is X the same as A or as B?
MUSHRA = "MUSHRA"  # rate all versions of one utterance from 0 to 100, a hidden reference and anchors among them
METHODS = (MOS, ABX, MUSHRA)
REFERENCE = CLEAN
LONGEST_NICKNAME = 40
LONGEST_DEVICE = 300  # characters


class RatingsError(UserError):
    """A listening test that cannot go on as asked."""


@dataclass(frozen=True)
class Stimulus:
    """One system's version of an utterance, as a WAV file; `pesq` is its MOS-LQO where that is known."""

    utterance: int
    system: str
    label: str
    wav: bytes
    pesq: float | None = None


@dataclass(frozen=True)
class Session:
    """A listening test. Three keys, none of which opens another's view: `id` is for listeners, `operator` for results
    and deletion, `owner` lists all tests that were set up under it.

    Each listener begins with `training` trials that do not count and a check for `headphones`; everything is asked
    `repetitions` times.
    """

    id: str
    operator: str
    title: str
    method: str
    seed: int
    systems: tuple[str, ...]
    utterances: tuple[int, ...]
    created: str
    training: int = 0
    repetitions: int = 1
    headphones: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Listener:
    """Someone taking a test under a nickname; `token` is their key to go on after a pause.

    `headphones`: how many answers of the headphone check were right; None before it.
    """

    token: str
    session: str
    number: int
    nickname: str
    headphones: int | None = None
    device: str = ""  # the browser's user agent


@dataclass(frozen=True)
class Trial:
    """One question. `systems` is the one to rate (MOS), what A, B and X are (ABX), or all in their order (MUSHRA)."""

    number: int
    utterance: int
    systems: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """An answer: 1 to 5 (MOS), 0 for "X is A" and 1 for "X is B" (ABX), or 0 to 100 for each system (MUSHRA)."""

    listener: str
    trial: int
    utterance: int
    systems: tuple[str, ...]
    value: int | tuple[int, ...]
    given: str
    seconds: float | None = None  # from the question to the answer

    @property
    def correct(self) -> bool:
        """Whether an A/B/X answer names the system that X was."""
        return self.systems[self.choice] == self.systems[2]

    @property
    def choice(self) -> int:
        """The value of a MOS or A/B/X answer, which has but one."""
        if not isinstance(self.value, int):
            raise ValueError("A MUSHRA answer has a value for each system.")
        return self.value


def plan_trials(session: Session, listener: int) -> list[Trial]:
    """All trials of listener number `listener`, in an order that the session's seed and the number determine.

    The utterances come in random order, anew in each repetition. MOS: within each, the systems in random order. ABX:
    A and B in random order, X one of them by chance. MUSHRA: all systems at once in random order.
    """
    rng = np.random.default_rng([session.seed, listener])
    questions = [question for _ in range(session.repetitions) for question in _questions(session, rng)]
    return [Trial(number, *question) for number, question in enumerate(questions)]


def plan_training(session: Session, listener: int) -> list[Trial]:
    """The trials before the test, which do not count: of its own sounds, in another order."""
    rng = np.random.default_rng([session.seed, listener, 1])
    return [Trial(number, *question) for number, question in enumerate(_questions(session, rng)[: session.training])]


def _questions(session: Session, rng: np.random.Generator) -> list[tuple[int, tuple[str, ...]]]:
    """Every utterance's question or questions once: (utterance, systems)."""
    questions: list[tuple[int, tuple[str, ...]]] = []
    for utterance in rng.permutation(session.utterances).tolist():
        order = tuple(session.systems[i] for i in rng.permutation(len(session.systems)))
        if session.method == MOS:
            questions += [(utterance, (system,)) for system in order]
        elif session.method == ABX:
            questions.append((utterance, (*order, order[rng.integers(2)])))
        else:
            questions.append((utterance, order))
    return questions
