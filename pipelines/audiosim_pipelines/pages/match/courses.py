"""How passages run from one track to the other, in seconds of the files, as few points."""

from dataclasses import dataclass

import numpy as np

from audiosim.alignment.passages import Passage
from audiosim_pipelines.explain import Explanation

# Okabe and Ito's blue, vermillion and green, and Tol's wine and a mauve: any two are at least 16 apart in CIELAB, for
# the colour-blind too. After the last the first comes again; a passage's number is always beside its colour.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#882255", "#b8649a")

_PERIOD = 0.25  # seconds between two points


@dataclass(frozen=True, slots=True)
class Course:
    """A passage as it is drawn and played.

    Parameters
    ----------
    number : int
        From 1 on, the best first.
    passage : Passage
    a, b : tuple[float, ...] (s)
        Times in both files that go together, ascending; about four a second.
    """

    number: int
    passage: Passage
    a: tuple[float, ...]
    b: tuple[float, ...]

    @property
    def colour_number(self) -> int:
        """Which of `COLOURS`, from 1 on."""
        return 1 + (self.number - 1) % len(COLOURS)

    @property
    def colour(self) -> str:
        """On white."""
        return COLOURS[self.colour_number - 1]


def is_self(explanation: Explanation) -> bool:
    """Whether it is about what one track repeats."""
    return explanation.a.track_id == explanation.b.track_id


def courses(explanation: Explanation) -> list[Course]:
    """All passages, best first."""
    return [_course(explanation, i + 1, passage) for i, passage in enumerate(explanation.match.passages)]


def _course(explanation: Explanation, number: int, passage: Passage) -> Course:
    """Every so many steps of a path, and where the passage begins and ends."""
    step = max(1, round(_PERIOD * explanation.frame_rate))
    inner = passage.path[step:-step:step] / explanation.frame_rate
    # The ends may have been moved to those of the files; what lies between keeps its order.
    a = np.clip(inner[:, 0] + explanation.a_offset, passage.a_start, passage.a_stop)
    b = np.clip(inner[:, 1] + explanation.b_offset, passage.b_start, passage.b_stop)
    return Course(
        number=number,
        passage=passage,
        a=(passage.a_start, *a.tolist(), passage.a_stop),
        b=(passage.b_start, *b.tolist(), passage.b_stop),
    )
