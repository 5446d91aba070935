"""What can be told of measures without labels: how far they agree, how even they are, and what copies they know."""

import math
from collections.abc import Callable
from typing import Any

from audiosim.evaluation import CONTROL
from audiosim.evaluation.agreement import Agreement
from audiosim_pipelines.pages.numbers import number, percent, score
from audiosim_pipelines.pages.verdict.contents import Contents, list_length
from audiosim_pipelines.pages.verdict.findings import shown

Row = dict[str, Any]


def agreement_maps(contents: Contents) -> list[Row]:
    """Every two measures in a square: the neighbours that they share, and the correlation of all distances."""
    evaluation = contents.evaluation
    if not evaluation.agreements:
        return []
    maps: list[Row] = []
    if evaluation.ks:
        place = evaluation.ks.index(list_length(evaluation.ks))
        chance = evaluation.agreements[0].agreement.neighbors[place].overlap_chance
        title = f"Shared neighbours: overlap of the {evaluation.ks[place]} nearest"
        overlaps = _square(contents, lambda found: found.neighbors[place].overlap, floor=chance)
        maps.append({"title": title, "chance": score(chance), "rows": overlaps})
    correlations = _square(contents, lambda found: found.mantel.correlation, floor=0.0)
    maps.append({"title": "Spearman correlation over all pairs", "chance": "0", "rows": correlations})
    return maps


def agreement_rows(contents: Contents) -> tuple[list[str], list[Row]]:
    """All figures of every two measures, with the names of the columns."""
    evaluation = contents.evaluation
    place = evaluation.ks.index(list_length(evaluation.ks)) if evaluation.ks else None
    columns = [] if place is None else [f"overlap@{evaluation.ks[place]}", "chance", "Jaccard", "chance"]
    columns += ["RBO", "chance", "row Spearman", "row Kendall", "Mantel", "p"]
    rows: list[Row] = []
    for pair in evaluation.agreements:
        found = pair.agreement
        cells: list[str] = []
        if place is not None:
            near = found.neighbors[place]
            cells += [score(x) for x in (near.overlap, near.overlap_chance, near.jaccard, near.jaccard_chance)]
        cells += [score(x) for x in (found.rbo.overlap, found.rbo.chance, found.rows.mean, found.kendall.mean)]
        cells += [score(found.mantel.correlation), score(found.mantel.p_value)]
        rows.append({"name": f"{pair.first} and {pair.second}", "cells": cells})
    return columns, rows


def health_rows(contents: Contents) -> tuple[list[str], list[Row]]:
    """How even every measure is, before and after rescaling, and the control; with the names of the columns."""
    health = contents.evaluation.health
    lists = health[CONTROL].hubness
    columns = [f"hub skewness, k = {found.k}" for found in lists]
    columns += ["largest hub", "in nobody's list", "Gini"] if lists else []
    columns += ["broken triangles", "mean excess", "distance with length", "hubs with length"]
    rows: list[Row] = []
    for name, found in health.items():
        cells = [number(hubness.skewness, 2) for hubness in found.hubness]
        for last in found.hubness[-1:]:
            cells += [
                f"{last.largest_share:.1f} \N{MULTIPLICATION SIGN} k",
                percent(last.orphan_share),
                number(last.gini, 2),
            ]
        cells += [percent(found.triangle.share), percent(found.triangle.mean_excess)]
        bias = found.length_bias
        cells += [number(bias.pairs, 2), number(bias.hubs, 2)] if bias else ["", ""]
        rows.append({"name": shown(name), "is_variant": name in contents.variants, "cells": cells})
    return columns, rows


def perturbation_table(contents: Contents) -> Row | None:
    """Share of copies whose original is nearest, by degradation and measure; None where nothing was asked for."""
    found = contents.perturbations
    if found is None:
        return None
    measures = list(found.measures.values())
    kinds = list(measures[0].degradations) if measures else []
    rows = [{"name": kind, "cells": [_heat(of.degradations[kind].top_1) for of in measures]} for kind in kinds]
    rows.append({"name": "all copies", "cells": [_heat(of.overall.top_1) for of in measures]})
    ranks = [_heat(of.overall.mean_reciprocal_rank) for of in measures]
    rows.append({"name": "all copies, mean reciprocal rank", "cells": ranks})
    return {
        "measures": list(found.measures),
        "rows": rows,
        "n_tracks": found.n_tracks,
        "n_without_file": found.n_without_file,
        "n_candidates": found.n_candidates,
        "failures": [
            f"{failure.label}{f', {failure.degradation}' if failure.degradation else ''}: {failure.reason}"
            for failure in found.failures
        ],
    }


def _square(contents: Contents, figure: Callable[[Agreement], float], *, floor: float) -> list[Row]:
    """Rows of cells, every pair of measures in two of them; a cell is the darker, the further above chance it is."""
    known = {frozenset((pair.first, pair.second)): figure(pair.agreement) for pair in contents.evaluation.agreements}
    return [
        {
            "name": first,
            "cells": [
                None if first == second else _heat(known[frozenset((first, second))], floor)
                for second in contents.measures
            ],
        }
        for first in contents.measures
    ]


def _heat(value: float, floor: float = 0.0) -> Row:
    share = (value - floor) / (1.0 - floor) if math.isfinite(value) and floor < 1.0 else 0.0
    return {
        "text": number(value, 2).replace("0.", ".", 1),
        "share": f"{100.0 * min(abs(share), 1.0):.0f}%",
        "is_below": share < 0.0,
    }
