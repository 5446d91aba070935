"""Where figures come from: settings, versions, machine, data and commit, with nothing in it that changes by itself."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audiosim import __version__
from audiosim.catalog import Track
from audiosim_pipelines import origin
from audiosim_pipelines.settings import Settings, shareable

# What decodes, computes features and compares.
_PACKAGES = ("numpy", "scipy", "numba", "librosa", "keras", "tensorflow", "soundfile", "soxr", "av", "zarr")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What somebody else needs to get the same figures, or to see why theirs differ.

    Parameters
    ----------
    audiosim : str
        Version.
    commit : str or None
        Of the checkout that runs, " with changes" behind it if files differ; None in an installed package.
    python, system, device : str
        What it ran on.
    packages : Mapping[str, str]
        Versions of the libraries that figures depend on, as far as they are there.
    data_digest : str
        Of the tracks' ids and the fingerprints of the matrices, 16 hexadecimal digits.
    matrices : Mapping[str, str]
        Fingerprint of each matrix: of its features and parameters.
    seed : int
    settings : Mapping[str, Any]
        Settings of the library, by section.
    """

    audiosim: str
    commit: str | None
    python: str
    system: str
    device: str
    packages: Mapping[str, str]
    data_digest: str
    matrices: Mapping[str, str]
    seed: int
    settings: Mapping[str, Any]

    def as_dict(self) -> dict[str, object]:
        """For `json.dumps`."""
        return asdict(self)


def provenance(tracks: Sequence[Track], matrices: Mapping[str, str], settings: Settings) -> Provenance:
    """Say where figures come from.

    Parameters
    ----------
    tracks
        Those that are judged.
    matrices
        Fingerprints by measure.
    settings
        Of the library.
    """
    from audiosim.store import digest  # noqa: PLC0415 - zarr takes its time to import
    from audiosim_kernels import device  # noqa: PLC0415 - looks for a GPU when asked

    return Provenance(
        audiosim=__version__,
        commit=origin.commit(Path(__file__)),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        device=device.describe(),
        packages={name: version for name in _PACKAGES if (version := origin.version(name))},
        data_digest=digest([track.track_id for track in tracks], dict(matrices)),
        matrices=dict(matrices),
        seed=settings.evaluate.seed,
        settings=shareable(settings),
    )
