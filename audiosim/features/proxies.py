"""Seven of Spotify's features as proxies: formulas that can be read, of cues that can be heard.

Spotify's own are the answers of classifiers that were never published, so these numbers lie in the same range and move
in the same directions, and that is all. A proxy is the logistic function of a weighted sum of cues, each counted from
what is typical of music in steps of its usual spread, at most three steps either way. The weights are judgement, not
fitted to anything; where official values of enough tracks are at hand, a fitted model replaces the proxy.

| proxy | rises with | falls with | trust |
|---|---|---|---|
| energy | onsets, flux, percussion, noise, brightness | dynamics, contrast | fair |
| danceability | a clear pulse, percussion, flux, bass | distance of the tempo from 115 BPM | fair |
| acousticness | contrast, dynamics | percussion, noise, onsets, bass | fair; synthetic pads pass for acoustic |
| instrumentalness | - | change of timbre, syllables, noise | weak: a guess at the voice without a model of it |
| speechiness | pauses, spread and change of timbre, syllables | flux, percussion, a clear pulse, contrast, bass | fair; drums with nothing between them come close |
| valence | a major key, fast tempo, a clear pulse, brightness, onsets | - | weak: mood is hardly in these cues |
| liveness | noise | gaps, a clear pulse, contrast | weak: says how blurred a track is, not whether people clapped |

The terms are those of `descriptor_cues.Cues`. Silence gives 0 throughout.
"""  # noqa: E501 - a row of a table

import math
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

from audiosim.features.descriptor_cues import Cues
from audiosim.features.key import Key

# What is typical of music and how much it spreads there, rounded, in the unit of each cue.
_TYPICAL: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "dynamics": (5.5, 2.0),
        "pauses": (0.08, 0.1),
        "onset_rate": (4.0, 1.3),
        "flux": (1.3, 0.4),
        "flatness": (-17.0, 5.0),
        "brightness": (0.2, 0.05),
        "bass": (-5.0, 5.0),
        "contrast": (16.0, 4.0),
        "percussiveness": (0.24, 0.08),
        "clarity": (0.45, 0.2),
        "tempo_offset": (0.3, 0.3),
        "tempo_height": (0.0, 0.4),
        "syllables": (0.2, 0.1),
        "timbre_spread": (11.0, 2.7),
        "timbre_change": (4.0, 0.75),
        "gaps": (10.0, 4.0),
        # How well the key fits, negative for minor.
        "majorness": (0.0, 0.6),
    }
)
_FARTHEST = 3.0  # steps from the typical value: no single cue decides alone

# The constant of each sum, and the weights.
_WEIGHTS: Mapping[str, tuple[float, Mapping[str, float]]] = MappingProxyType(
    {
        "energy": (
            0.3,
            {
                "dynamics": -0.6,
                "onset_rate": 0.4,
                "percussiveness": 0.4,
                "flatness": 0.4,
                "flux": 0.3,
                "contrast": -0.3,
                "brightness": 0.2,
            },
        ),
        "danceability": (
            0.2,
            {"clarity": 0.9, "percussiveness": 0.5, "flux": 0.3, "bass": 0.2, "tempo_offset": -0.5},
        ),
        "acousticness": (
            -0.4,
            {
                "contrast": 0.6,
                "percussiveness": -0.6,
                "flatness": -0.3,
                "dynamics": 0.2,
                "onset_rate": -0.2,
                "bass": -0.2,
            },
        ),
        "instrumentalness": (0.5, {"timbre_change": -0.4, "syllables": -0.4, "flatness": -0.4}),
        "speechiness": (
            -4.0,
            {
                "pauses": 0.6,
                "timbre_spread": 0.6,
                "timbre_change": 0.7,
                "syllables": 0.4,
                "flux": -0.5,
                "clarity": -0.5,
                "percussiveness": -0.5,
                "contrast": -0.8,
                "bass": -0.4,
            },
        ),
        "valence": (
            0.0,
            {"majorness": 0.6, "tempo_height": 0.4, "clarity": 0.3, "brightness": 0.3, "onset_rate": 0.2},
        ),
        "liveness": (-1.5, {"flatness": 0.3, "gaps": -0.4, "clarity": -0.4, "contrast": -0.3}),
    }
)
PROXIES: tuple[str, ...] = tuple(_WEIGHTS)


def proxies(cues: Cues | None, key: Key) -> dict[str, float]:
    """Weigh the cues of one track.

    Parameters
    ----------
    cues : Cues or None
        None for silence.
    key : Key

    Returns
    -------
    dict[str, float]
        A number in 0..1 for each name in `PROXIES`.
    """
    if cues is None:
        return dict.fromkeys(PROXIES, 0.0)
    majorness = 0.0 if key.tonic < 0 else key.strength if key.major else -key.strength
    measured = {**asdict(cues), "majorness": majorness}
    steps = {
        name: min(_FARTHEST, max(-_FARTHEST, (measured[name] - typical) / spread))
        for name, (typical, spread) in _TYPICAL.items()
    }
    return {
        proxy: _logistic(constant + sum(weight * steps[name] for name, weight in weights.items()))
        for proxy, (constant, weights) in _WEIGHTS.items()
    }


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))
