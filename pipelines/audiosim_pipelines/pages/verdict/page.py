"""The verdict as one HTML page that needs nothing else: no network, no script but its own few lines."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audiosim.catalog import Catalog, Track
from audiosim.evaluation import BASELINE, CONTROL
from audiosim.evaluation.disagreement import Disagreement
from audiosim.evaluation.report import PairDisagreements
from audiosim.evaluation.task import TaskResult
from audiosim_pipelines.pages.html import page, player_addresses, read
from audiosim_pipelines.pages.numbers import number
from audiosim_pipelines.pages.verdict import findings, panels, soundness
from audiosim_pipelines.pages.verdict.contents import Contents
from audiosim_pipelines.subject import PAIRS

Row = dict[str, Any]

_WHY_MAP = ", since most queries have fewer right answers than a list has places"


def render(contents: Contents, catalog: Catalog, folder: Path) -> str:
    """The page as text; the same contents at the same place give the same text.

    Parameters
    ----------
    contents : Contents
    catalog : Catalog
        Knows the files of tracks.
    folder : Path
        Where the page is to lie; players find their files from there.
    """
    evaluation = contents.evaluation
    script = read("players.js") if evaluation.disagreements else ""
    players = _Players(contents.tracks, catalog, folder)
    return page(
        "verdict.html.jinja",
        library=contents.library,
        facts=_facts(contents),
        tasks=[_task(contents, task, f"task-{i}") for i, task in enumerate(evaluation.tasks)],
        unjudged=contents.unjudged,
        has_baseline=BASELINE in contents.measures,
        has_variants=bool(contents.variants),
        maps=soundness.agreement_maps(contents),
        measures=contents.measures,
        agreements=soundness.agreement_rows(contents),
        health=soundness.health_rows(contents),
        hubs=panels.hub_panels(contents),
        lengths=panels.length_panels(contents),
        perturbations=soundness.perturbation_table(contents),
        disagreements=[_disagreements(found, players) for found in evaluation.disagreements if found.pairs],
        provenance=_provenance(contents),
        style=f"{read('page.css')}\n{read('parts.css')}\n{read('verdict.css')}",
        script=script,
    )


class _Players:
    """What is said and heard of tracks, each looked up once."""

    def __init__(self, tracks: Sequence[Track], catalog: Catalog, folder: Path) -> None:
        self._tracks, self._catalog, self._folder = tracks, catalog, folder
        self._known: dict[int, Row] = {}

    def of(self, row: int) -> Row:
        """Label and addresses of the track of a row."""
        if row not in self._known:
            track = self._tracks[row]
            addresses = player_addresses(track, self._catalog, self._folder)
            self._known[row] = {"label": track.label, "track_id": track.track_id, "addresses": addresses}
        return self._known[row]


def _facts(contents: Contents) -> list[tuple[str, str]]:
    """What is worth knowing at a glance: names and values."""
    evaluation = contents.evaluation
    facts = [("tracks", f"{evaluation.n_tracks:,}"), ("measures", str(len(contents.measures)))]
    if evaluation.tasks:
        facts.append(("judged by", ", ".join(task.name for task in evaluation.tasks)))
        facts.append(("bootstrap draws", f"{evaluation.n_draws:,}"))
    facts.append(("seed", str(evaluation.seed)))
    return facts


def _task(contents: Contents, task: TaskResult, name: str) -> Row:
    """Everything about one idea of what is alike."""
    return {
        "id": name,
        "name": task.name,
        "subject": "what belongs together" if task.name == PAIRS else f"the same {task.name}",
        "about": _about(contents, task),
        "groups": findings.verdict_groups(task.comparisons, contents.variants),
        "table": findings.score_table(contents, task),
        "panels": panels.precision_panels(contents, task, name=name) if contents.evaluation.ks else [],
        "n_short": max((found.n_short for found in task.measures[CONTROL].retrieval.precision), default=0),
    }


def _about(contents: Contents, task: TaskResult) -> str:
    """What the figures of a task are about."""
    of = "sets of tracks that belong together" if task.name == PAIRS else "labels"
    candidates = "tracks of the query's artist are left out"
    if not task.artist_filter:
        asked = contents.provenance.settings["evaluate"]["artist_filter"]
        reason = ", or there might be nothing to find" if asked else ", as the settings say"
        candidates = f"tracks of the query's artist are not left out{reason}"
    left_out = f"; {task.n_left_out} tracks are no query, since nothing is known to belong with them"
    return (
        f"{task.n_queries} queries, {task.n_labels} {of}, {task.n_artists} artists; {candidates}"
        f"{left_out if task.n_left_out else ''}. Judged by {task.judged_by}"
        f"{_WHY_MAP if task.judged_by == 'MAP' else ''}; intervals come of drawing {task.n_resampled} {task.resampled}."
    )


def _disagreements(found: PairDisagreements, players: _Players) -> Row:
    """Pairs near by the first measure and far by the second, and the other way round."""
    directions = {
        f"near by {found.first}, far by {found.second}": [p for p in found.pairs if _is_near_first(p)],
        f"near by {found.second}, far by {found.first}": [p for p in found.pairs if not _is_near_first(p)],
    }
    return {
        "first": found.first,
        "second": found.second,
        "n_pairs": len(found.pairs),
        "directions": [
            {
                "title": title,
                "pairs": [
                    {
                        "tracks": [players.of(pair.row), players.of(pair.other)],
                        "percentiles": [
                            (found.first, f"{number(pair.first_percentile, 1)} %"),
                            (found.second, f"{number(pair.second_percentile, 1)} %"),
                        ],
                    }
                    for pair in pairs
                ],
            }
            for title, pairs in directions.items()
            if pairs
        ],
    }


def _is_near_first(pair: Disagreement) -> bool:
    return pair.first_percentile < pair.second_percentile


def _provenance(contents: Contents) -> Row:
    known = contents.provenance
    return {
        "rows": [
            ("audiosim", known.audiosim),
            *([("commit", known.commit)] if known.commit else []),
            ("Python", known.python),
            ("system", known.system),
            ("device", known.device),
            ("libraries", ", ".join(f"{name} {version}" for name, version in known.packages.items())),
            ("data digest", known.data_digest),
            ("matrices", ", ".join(f"{name} {fingerprint}" for name, fingerprint in known.matrices.items())),
            ("seed", str(known.seed)),
        ],
        "settings": json.dumps(known.settings, indent=2),
    }
