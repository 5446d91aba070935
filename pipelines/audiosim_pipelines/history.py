"""Listening history: exports are read, added to what is known, and matched to the tracks of the library."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiosim.catalog import printable
from audiosim.errors import SourceError
from audiosim.library import Library
from audiosim.listening import Listening, match_plays
from audiosim.sources.fold import fold
from audiosim.sources.history import UNREADABLE, HistoryFile, read_history
from audiosim.sources.play import Play

SHORT_PLAY = 30_000  # ms; what was heard for less was skipped


@dataclass(frozen=True, slots=True)
class FileReport:
    """What a file of an export held.

    `reasons` has why entries were rejected: how many, and the first of each kind.
    """

    name: str
    kind: str
    n_plays: int
    others: Mapping[str, int]
    n_rejected: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """All that is known of the owner's listening.

    `first` and `last` are when the first and the last play began, in seconds since 1970; `n_titles` counts what was
    played, whatever the exports call it. `unmatched` are the titles that are played most and are not in the library,
    with how often.
    """

    n_plays: int
    n_short: int
    n_titles: int
    first: int | None
    last: int | None
    n_matched: int
    n_matched_titles: int
    unmatched: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import came to: plays that are new, that were known, and known ones of which more is known now."""

    files: tuple[FileReport, ...]
    n_new: int
    n_known: int
    n_completed: int
    summary: HistorySummary

    @property
    def is_complete(self) -> bool:
        """Whether all files could be read, also those in archives."""
        return all(file.kind != UNREADABLE for file in self.files)


def import_history(library: Library, paths: Sequence[Path]) -> ImportReport:
    """Add the plays of exports to the library; those that are known already are not added again.

    All files are read before anything is stored, so that a file that is no history changes nothing.

    Raises
    ------
    SourceError
        A file cannot be read or is no listening history, or no entry of it can be used.
    """
    files = [file for path in paths for file in _usable(path)]
    with library.writing():
        merged = Listening(library.catalog).add_plays(file.plays for file in files)
    reports = tuple(map(_report, files))
    return ImportReport(reports, merged.n_new, merged.n_known, merged.n_completed, summary(library))


def _usable(path: Path) -> list[HistoryFile]:
    """The files of an export, of which something can be used."""
    files = read_history(path)
    rejected = [entry for file in files for entry in file.rejected]
    if rejected and not any(file.plays or file.others for file in files):
        raise SourceError(
            f"{path} must hold at least one play, got {len(rejected)} entries that cannot be used: "
            f"entry {rejected[0].number}: {rejected[0].reason}"
        )
    return files


def summary(library: Library, *, n_unmatched: int = 10) -> HistorySummary:
    """Sum up the plays that are known, matched to the tracks that the library has now."""
    plays = Listening(library.catalog).plays()
    matches = match_plays(plays, library.tracks())
    folded = {names: fold(*names) for names in {(play.artist, play.title) for play in plays}}
    names = [folded[play.artist, play.title] for play in plays]
    unmatched = Counter(name for name, match in zip(names, matches, strict=True) if match is None)
    label = {name: printable(f"{play.artist} - {play.title}") for name, play in zip(names, plays, strict=True)}
    titles = set(names)
    return HistorySummary(
        n_plays=len(plays),
        n_short=sum(_is_short(play) for play in plays),
        n_titles=len(titles),
        first=plays[0].started_at if plays else None,
        last=plays[-1].started_at if plays else None,
        n_matched=len(plays) - unmatched.total(),
        n_matched_titles=len(titles - unmatched.keys()),
        # Of equally many plays the name decides, so that the list is the same every time.
        unmatched=tuple(
            (label[name], count) for name, count in sorted(unmatched.items(), key=lambda pair: (-pair[1], pair[0]))
        )[:n_unmatched],
    )


def _is_short(play: Play) -> bool:
    return play.ms_played is not None and play.ms_played < SHORT_PLAY


def _report(file: HistoryFile) -> FileReport:
    counts = Counter(_kind_of(entry.reason) for entry in file.rejected)
    first = {_kind_of(entry.reason): entry for entry in reversed(file.rejected)}
    reasons = tuple(
        f"{count} x, first in entry {first[kind].number}: {first[kind].reason}" if first[kind].number else kind
        for kind, count in counts.items()
    )
    return FileReport(printable(file.path.name), file.kind, len(file.plays), file.others, len(file.rejected), reasons)


def _kind_of(reason: str) -> str:
    """A reason without what was got, which differs from entry to entry."""
    return reason.partition(", got ")[0]
