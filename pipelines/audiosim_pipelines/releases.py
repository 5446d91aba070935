"""New releases, as a list that `audiosim fetch` takes."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from audiosim.errors import OfflineError, SettingsError
from audiosim.sources.cells import guarded
from audiosim_pipelines.online.cache import Cache
from audiosim_pipelines.online.client import Client, Manners
from audiosim_pipelines.online.listenbrainz import Release, fresh_releases
from audiosim_pipelines.settings_online import OnlineSettings
from audiosim_pipelines.whole_file import replacing

LIST_SUFFIXES = (".txt", ".csv", ".json")
_DAYS_BACK = 30  # that a kept answer may be old for those who are offline


@dataclass(frozen=True, slots=True)
class ReleasesReport:
    """Releases up to a day, the newest first.

    `n_all` is how many there were before genres and limit, `n_tagged` how many of them have any tag.
    """

    until: date
    releases: tuple[Release, ...]
    n_all: int
    n_tagged: int


def client_of(settings: OnlineSettings, library: Path | None) -> Client:
    """The client that settings ask for; answers are kept in the library, where there is one."""
    manners = Manners(settings.timeout, settings.n_attempts, settings.per_second, settings.longest_pause)
    cache = Cache(library) if library is not None and library.is_dir() else None
    return Client(cache=cache, offline=settings.offline, manners=manners)


def releases(
    settings: OnlineSettings,
    *,
    library: Path | None = None,
    days: int = 14,
    genres: Sequence[str] = (),
    limit: int | None = None,
    today: date | None = None,
) -> ReleasesReport:
    """Ask ListenBrainz for the releases of the last days.

    Parameters
    ----------
    settings, library
        How and where to ask; a library keeps the answer for a few hours, and for a month for those who are offline.
    days
        1 to 90.
    genres
        Only releases with one of these tags, in any case, as whole tags; most new releases have none yet.
    limit
        At most so many.
    today
        Up to which day; today's by default, and offline the last one before it of which an answer is kept.

    Raises
    ------
    OnlineError
        The service cannot be had.
    """
    until, found = _asked(settings, library, today or datetime.now(UTC).date(), days)
    wanted = {genre.strip().casefold() for genre in genres}
    kept = [release for release in found if not wanted or wanted & set(release.tags)]
    return ReleasesReport(until, tuple(kept[:limit]), len(found), sum(bool(release.tags) for release in found))


def _asked(settings: OnlineSettings, library: Path | None, today: date, days: int) -> tuple[date, list[Release]]:
    """The answer for a day, or offline the last that is kept."""
    client = client_of(settings, library)
    refused: OfflineError | None = None
    for n_back in range(_DAYS_BACK if settings.offline else 1):
        until = today - timedelta(days=n_back)
        try:
            return until, fresh_releases(client, settings.listenbrainz_url, until=until, days=days)
        except OfflineError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def write_releases(report: ReleasesReport, output: Path) -> None:
    """Write the list: one query a line (.txt), or all that is known (.csv, .json).

    Raises
    ------
    SettingsError
        There is no such format.
    AudiosimError
        The file cannot be written.
    """
    suffix = output.suffix.lower()
    if suffix not in LIST_SUFFIXES:
        raise SettingsError(f"a list of releases is written as {', '.join(LIST_SUFFIXES)}, got {output.name}")
    if suffix == ".txt":
        text = "".join(f"{release.query}\n" for release in report.releases)
    elif suffix == ".json":
        rows = [{**asdict(release), "query": release.query} for release in report.releases]
        text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    else:
        text = _table(report.releases)
    with replacing(output) as draft:
        draft.write_text(text, encoding="utf-8")


def _table(found: Sequence[Release]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["date", "artist", "title", "kind", "tags", "query", "release_mbid", "release_group_mbid"])
    for r in found:
        cells = [r.date, r.artist, r.title, r.kind or "", "; ".join(r.tags), r.query]
        writer.writerow([*map(guarded, cells), r.release_mbid or "", r.release_group_mbid or ""])
    return buffer.getvalue()
