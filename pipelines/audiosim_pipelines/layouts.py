"""What `extract` stores of every track: names, shapes, and all that the values depend on."""

from audiosim.features import chroma, descriptors, loudness, onset, tempo, timbre
from audiosim.features.chroma import ChromaSpec
from audiosim.store import FeatureLayout, Parameters
from audiosim_pipelines.settings import N_COEFFICIENTS, Settings

_N_TIMBRE = N_COEFFICIENTS * (N_COEFFICIENTS + 3) // 2  # means, and covariances on and below the diagonal


def chroma_spec(settings: Settings) -> ChromaSpec:
    """What chroma are computed with: as many frames as the MFCC have."""
    return ChromaSpec(sample_rate=settings.audio.sample_rate, hop_length=settings.features.hop_length)


def layouts(settings: Settings) -> dict[str, FeatureLayout]:
    """What `extract` stores under these settings, by name."""
    known = {layout.name: layout for layout in (*_of_mfcc(settings), *_of_chroma(settings), *_of_sound(settings))}
    return {name: known[name] for name in settings.wanted_features()}


def _of_mfcc(settings: Settings) -> list[FeatureLayout]:
    spec = settings.mfcc()
    made_with = {"audio": settings.audio.parameters(), "mfcc": spec.parameters()}
    pooled = {**made_with, "pooled_rate": settings.features.pooled_rate}
    return [
        FeatureLayout("mfcc", "frames", spec.n_mfcc, spec.version, made_with),
        FeatureLayout("mfcc_pooled", "frames", spec.n_mfcc, spec.version, pooled),
        FeatureLayout("mfcc_moments", "vectors", 2 * spec.n_mfcc, spec.version, made_with),
        FeatureLayout("timbre", "vectors", _N_TIMBRE, timbre.VERSION, _frames(settings)),
    ]


def _of_chroma(settings: Settings) -> list[FeatureLayout]:
    spec = chroma_spec(settings)
    made_with = {"audio": settings.audio.parameters(), "chroma": spec.parameters()}
    pooled = {**made_with, "pooled_rate": settings.features.pooled_rate}
    return [
        FeatureLayout("chroma", "frames", chroma.N_CLASSES, spec.version, made_with),
        FeatureLayout("cens", "frames", chroma.N_CLASSES, spec.version, pooled),
    ]


def _of_sound(settings: Settings) -> list[FeatureLayout]:
    frames, spec = _frames(settings), chroma_spec(settings)
    parts = {
        "chroma": spec.version,
        "onset": onset.VERSION,
        "beats": tempo.VERSION,
        "loudness": loudness.VERSION,
    }
    everything = {**frames, "chroma": spec.parameters(), "versions": parts}
    return [
        FeatureLayout("onset", "frames", 1, onset.VERSION, frames),
        FeatureLayout("beats", "frames", 1, tempo.VERSION, {**frames, "versions": {"onset": onset.VERSION}}),
        FeatureLayout("loudness", "frames", 1, loudness.VERSION, {"audio": settings.audio.parameters()}),
        FeatureLayout("descriptors", "vectors", len(descriptors.DESCRIPTORS), descriptors.VERSION, everything),
        FeatureLayout("descriptor_vectors", "vectors", len(descriptors.ENCODED), descriptors.VERSION, everything),
    ]


def _frames(settings: Settings) -> Parameters:
    """What mel powers and their first coefficients depend on, whatever number of them is stored."""
    mfcc = {**settings.mfcc().parameters(), "n_mfcc": N_COEFFICIENTS}
    return {"audio": settings.audio.parameters(), "mfcc": mfcc}
