"""Settings: defaults < profile < `audiosim.toml` < `AUDIOSIM_*` variables < options of a command.

One frozen dataclass a section; an unknown key or a value of the wrong type is an error, never ignored.
"""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import tomli_w

from audiosim.audio import AudioSpec
from audiosim.errors import SettingsError
from audiosim.features.spec import MfccSpec
from audiosim_pipelines.schema import NONE, build, merge, without_none
from audiosim_pipelines.settings_online import FetchSettings, OnlineSettings

if TYPE_CHECKING:
    from audiosim.distances.hubness import Rescaling

SETTINGS_NAME = "audiosim.toml"
_PREFIX = "AUDIOSIM_"
# Variables of the command line, of the kernels and of the tests, which are no settings of a library.
_OTHER_VARIABLES = {
    "AUDIOSIM_CACHE",
    "AUDIOSIM_LIBRARY",
    "AUDIOSIM_OFFLINE",
    "AUDIOSIM_REQUIRE_GATE",
    "AUDIOSIM_REQUIRE_GPU",
    "AUDIOSIM_TEST_DATA",
    "AUDIOSIM_TEST_SPOTDL",
}
# Sections that change nothing of what a library stores: its profile is still its own when they differ.
_NOT_STORED = {"evaluate": None, "machine": None, "online": None, "fetch": None}
# Sections that are never written into a library or a report, which may be given away.
_PRIVATE = ("online", "fetch")

Family = Literal["mfcc", "chroma", "descriptors"]
# What each family of features stores of a track.
FEATURES_OF_FAMILY: dict[Family, tuple[str, ...]] = {
    "mfcc": ("mfcc", "mfcc_pooled", "mfcc_moments", "timbre"),
    "chroma": ("chroma", "cens"),
    "descriptors": ("onset", "beats", "loudness", "descriptors", "descriptor_vectors"),
}
AUDIO_FEATURES = tuple(name for names in FEATURES_OF_FAMILY.values() for name in names)
# The family that each measure of audio reads; a test holds it together with `audiosim.distances.MEASURES`.
FAMILY_OF_MEASURE: dict[str, Family] = {
    "dtw": "mfcc",
    "cosine": "mfcc",
    "cosine_frames": "mfcc",
    "timbre": "mfcc",
    "version": "chroma",
    "descriptors": "descriptors",
}
# Timbre and descriptors are made of so many coefficients, whatever `n_mfcc` stores.
N_COEFFICIENTS = 25
N_MELS_DESCRIBED = 128  # what `audiosim.features.descriptors` is defined on


def _require_at_least(least: int, **values: int) -> None:
    for key, value in values.items():
        if value < least:
            raise ValueError(f"{key} must be at least {least}, got {value}")


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Which families of features are extracted; spectrum and MFCC, see `audiosim.features.spec.MfccSpec`.

    `pooled_rate` is in frames/s, of the MFCC that dtw compares and of the chroma that version compares.
    """

    families: tuple[Family, ...] = ("mfcc", "chroma", "descriptors")
    n_fft: int = 2_048
    hop_length: int = 512
    n_mels: int = 128
    n_mfcc: int = 20
    top_db: float = 80.0
    pooled_rate: float = 2.0

    def __post_init__(self) -> None:
        if not 0.0 < self.pooled_rate < math.inf:
            raise ValueError(f"pooled_rate must be above 0 frames/s, got {self.pooled_rate}")
        if not self.families or len(set(self.families)) < len(self.families):
            raise ValueError(f"families must name at least one family, and none of them twice, got {self.families}")
        if self.n_mels < N_COEFFICIENTS:
            raise ValueError(f"n_mels must be at least {N_COEFFICIENTS}, which timbre is made of, got {self.n_mels}")
        if "descriptors" in self.families and self.n_mels != N_MELS_DESCRIBED:
            raise ValueError(
                f"n_mels must be {N_MELS_DESCRIBED} where families name descriptors, got {self.n_mels}; "
                "leave descriptors out of them"
            )


@dataclass(frozen=True, slots=True)
class DtwSettings:
    """How dtw compares, see `audiosim.distances.Dtw`."""

    local_cost: Literal["euclidean", "sqeuclidean"] = "euclidean"
    step_pattern: Literal["symmetric1", "symmetric2"] = "symmetric2"
    normalize: bool = True
    band_fraction: float | None = 0.1
    frame_rate: Literal["pooled", "native"] = "pooled"
    keep_c0: bool = False
    standardize: bool = True
    max_length_ratio: float | None = None

    def __post_init__(self) -> None:
        if self.max_length_ratio is not None and not 1.0 <= self.max_length_ratio < math.inf:
            raise ValueError(
                f"max_length_ratio must be at least 1, or none for whole tracks only, got {self.max_length_ratio}"
            )
        if self.band_fraction is not None and not 0.0 <= self.band_fraction <= 1.0:
            raise ValueError(f"band_fraction must lie in 0 .. 1, or be none for no band, got {self.band_fraction}")


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """How the feature table becomes vectors: z-scored, or the min-max recipe of 2020."""

    recipe: Literal["zscore", "yasr"] = "zscore"


@dataclass(frozen=True, slots=True)
class CompareSettings:
    """Which measures are compared; `tile` rows and columns at a time (0 chooses), `top_k` neighbours in the table.

    Measures of families that are not extracted are left out, see `Settings.measures`.
    """

    measures: tuple[str, ...] = ("dtw", "cosine", "cosine_frames", "timbre", "version", "descriptors")
    tile: int = 0
    top_k: int = 50

    def __post_init__(self) -> None:
        _require_at_least(0, tile=self.tile)
        _require_at_least(1, top_k=self.top_k)
        if not self.measures:
            raise ValueError("measures must name at least one measure, got none")


@dataclass(frozen=True, slots=True)
class HubnessSettings:
    """How distances are rescaled before tracks are ranked, see `audiosim.distances.hubness`.

    "default" takes for each measure what is known to serve it; `k` neighbours are what local_scaling and csls look at.
    """

    rescaling: Literal["default", "none", "mp_gauss", "mp_empirical", "local_scaling", "csls"] = "default"
    k: int = 10

    def __post_init__(self) -> None:
        _require_at_least(1, k=self.k)

    def of(self, measure: str) -> "Rescaling":
        """The rescaling of a measure."""
        from audiosim.distances.hubness import DEFAULT_RESCALING  # noqa: PLC0415 - with it comes numba

        return DEFAULT_RESCALING.get(measure, "none") if self.rescaling == "default" else self.rescaling


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """How measures are judged: against which labels, one or several, and at which lengths of lists (`ks`).

    `n_permutations` are those of the Mantel tests, `n_draws` those of the artist bootstrap.
    """

    label: str | tuple[str, ...] = "genre"
    ks: tuple[int, ...] = (1, 5, 10, 20)
    artist_filter: bool = True
    n_permutations: int = 999
    n_draws: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.ks, default=0) < 1:
            raise ValueError(f"ks must be whole numbers from 1 on, at least one, got {list(self.ks)}")
        if not self.labels or "" in self.labels or len(set(self.labels)) < len(self.labels):
            raise ValueError(f"label must name at least one tag or column, and none of them twice, got {self.label!r}")
        _require_at_least(0, n_permutations=self.n_permutations, seed=self.seed)
        _require_at_least(1, n_draws=self.n_draws)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that are judged by, in order."""
        return (self.label,) if isinstance(self.label, str) else self.label


def n_usable_cores() -> int:
    """Cores that this process may use, where the system tells; all cores elsewhere."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """What does not change the numbers: device and threads (0 means one a core)."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        _require_at_least(0, threads=self.threads)

    @property
    def n_threads(self) -> int:
        """Threads to use: as set, or one for each core that this process may use."""
        return self.threads or n_usable_cores()


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a library."""

    audio: AudioSpec = field(default_factory=AudioSpec)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    dtw: DtwSettings = field(default_factory=DtwSettings)
    baseline: BaselineSettings = field(default_factory=BaselineSettings)
    compare: CompareSettings = field(default_factory=CompareSettings)
    hubness: HubnessSettings = field(default_factory=HubnessSettings)
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)
    machine: MachineSettings = field(default_factory=MachineSettings)
    online: OnlineSettings = field(default_factory=OnlineSettings)
    fetch: FetchSettings = field(default_factory=FetchSettings)

    def __post_init__(self) -> None:
        self.mfcc()  # has bounds of its own, across sections

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, source: str) -> Self:
        """Settings from nested values; `source` names them in errors."""
        return build(cls, values, source)

    def mfcc(self) -> MfccSpec:
        """What the MFCC are computed with."""
        f = self.features
        return MfccSpec(
            sample_rate=self.audio.sample_rate,
            n_fft=f.n_fft,
            hop_length=f.hop_length,
            n_mels=f.n_mels,
            n_mfcc=f.n_mfcc,
            top_db=f.top_db,
        )

    def wanted_features(self) -> tuple[str, ...]:
        """Features that `extract` stores of every track, in one order."""
        return tuple(
            name for family, names in FEATURES_OF_FAMILY.items() if family in self.features.families for name in names
        )

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures to compare: those of `compare.measures` whose family is extracted."""
        return tuple(name for name in self.compare.measures if name not in self.unfounded_measures)

    @property
    def unfounded_measures(self) -> tuple[str, ...]:
        """Those of `compare.measures` whose family is not extracted, so that there is nothing to compare."""
        families = self.features.families
        return tuple(
            m for m in self.compare.measures if m in FAMILY_OF_MEASURE and FAMILY_OF_MEASURE[m] not in families
        )

    def measure_options(self, measure: str) -> dict[str, Any]:
        """Options of a measure, by name."""
        return asdict(self.dtw) if measure == "dtw" else {}


PROFILES: dict[str, dict[str, dict[str, Any]]] = {
    "default": {},
    # The recipe of 2020: whole tracks at 43 frames/s with c0, plain unbanded DTW, ten min-max scaled table features.
    "yasr": {
        "audio": {"trim_db": 60.0},
        "features": {"families": ["mfcc"]},
        "dtw": {
            "step_pattern": "symmetric1",
            "normalize": False,
            "band_fraction": NONE,
            "frame_rate": "native",
            "keep_c0": True,
            "standardize": False,
        },
        "baseline": {"recipe": "yasr"},
        "hubness": {"rescaling": "none"},
        "compare": {"measures": ["dtw", "cosine", "cosine_frames"]},
    },
}


def load(library: Path, *, profile: str | None = None, options: Mapping[str, Any] | None = None) -> Settings:
    """Settings of a library: those it was made with, or the profile's when it is new, under variables and options.

    Raises
    ------
    SettingsError
        Unknown key, impossible value, unknown profile, or a profile for a library that was made with another.
    """
    path = library / SETTINGS_NAME
    if profile is not None and profile not in PROFILES:
        raise SettingsError(f"unknown profile {profile!r}; choose from {', '.join(PROFILES)}")
    if path.exists():
        base = _read(path)
        if "command" in base.get("fetch", {}):
            # A library that somebody else made must not choose what is run here.
            raise SettingsError(
                f"{path} must not set fetch.command; use the variable AUDIOSIM_FETCH_COMMAND or the option --command"
            )
        if profile is not None:
            made = _nested(Settings.from_mapping(base, source=str(path)))
            wanted = _nested(Settings.from_mapping(PROFILES[profile], source="profile"))
            if {**made, **_NOT_STORED} != {**wanted, **_NOT_STORED}:
                raise SettingsError(
                    f"{path} was made with other settings than profile {profile!r}; use another library"
                )
    else:
        base = PROFILES[profile or "default"]
    merged = merge(merge(base, _environment()), options or {})
    return Settings.from_mapping(merged, source=f"settings of {library}")


def save(settings: Settings, library: Path) -> None:
    """Write the settings that make a library, once: a file that is there stays as it is."""
    path = library / SETTINGS_NAME
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.write_text(tomli_w.dumps(without_none(shareable(settings))))
        draft.replace(path)


def shareable(settings: Settings) -> dict[str, Any]:
    """Values by section, without those sections that are never written where others may read them."""
    return {section: value for section, value in _nested(settings).items() if section not in _PRIVATE}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}") from error


def _environment() -> dict[str, Any]:
    """Values of `AUDIOSIM_<SECTION>_<KEY>`, read as TOML values, or as text where they are none."""
    values: dict[str, Any] = {"online": {"offline": True}} if os.environ.get("AUDIOSIM_OFFLINE") else {}
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith(_PREFIX) or variable in _OTHER_VARIABLES:
            continue
        section, _, key = variable.removeprefix(_PREFIX).lower().partition("_")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        values.setdefault(section, {})[key] = value
    return values


def _nested(settings: Settings) -> dict[str, Any]:
    return asdict(settings)
