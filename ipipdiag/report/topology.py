"""Who speaks BGP with whom, as a sentence and a drawing: a star, or a matrix of up to MOST_DRAWN speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import combinations

from ipipdiag.checks.bgp_sessions import Session, sessions
from ipipdiag.checks.sightings import in_words, several
from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Point
from ipipdiag.report.model import BgpReport
from ipipdiag.report.units import format_time

MOST_DRAWN = 8  # speakers; more are counted
NAME_WIDTH = 40  # so that a drawing fits 100 columns
Pair = tuple[int, int]


class _Standing(Enum):
    """How a session stands at the end of the captures; the value is its sign in the drawing."""

    UP = "●"
    DOWN = "✕"
    UNSEEN = "·"


LEGEND = f"{_Standing.UP.value} up at the end  {_Standing.DOWN.value} ended, or never up"
LEGEND_UNSEEN = f"{LEGEND}  {_Standing.UNSEEN.value} not seen here"


def best_sessions(points: Sequence[Point]) -> dict[Pair, Session]:
    """The sessions of a run, each from the point that shows most of it."""
    best: dict[Pair, Session] = {}
    for session in sessions(points):
        known = best.get((session.low, session.high))
        if known is None or len(session.messages) > len(known.messages):
            best[session.low, session.high] = session
    return best


def draw_topology(points: Sequence[Point], cluster: Cluster) -> BgpReport | None:
    """What the sessions of a run look like; None where no BGP was captured."""
    standing = {pair: _standing(session) for pair, session in best_sessions(points).items()}
    if not standing:
        return None
    speakers = sorted({speaker for pair in standing for speaker in pair})
    reflectors = sorted(
        {
            speaker
            for point in points
            for speaker, originator, cluster_id in point.facts.bgp_routes.rows("speaker", "originator", "cluster")
            if originator or cluster_id
        }
    )
    center = _center(standing, speakers)
    if len(speakers) > MOST_DRAWN:
        drawing = _fallen(standing, cluster)
    elif center is not None:
        drawing = _star(center, standing, cluster)
    else:
        drawing = _matrix(speakers, standing, cluster)
    return BgpReport(_summary(standing, speakers, reflectors, center, cluster), tuple(drawing))


def _standing(session: Session) -> _Standing:
    last = max(session.connections, key=lambda one: one.first_ns)
    return _Standing.UP if last.messages and last.end_ns() is None else _Standing.DOWN


def _center(standing: Mapping[Pair, _Standing], speakers: Sequence[int]) -> int | None:
    """The speaker that has part in every session, as the capturing node has; None where there is none."""
    return next((speaker for speaker in speakers if all(speaker in pair for pair in standing)), None)


def _summary(
    standing: Mapping[Pair, _Standing],
    speakers: Sequence[int],
    reflectors: Sequence[int],
    center: int | None,
    cluster: Cluster,
) -> str:
    up = sum(one is _Standing.UP for one in standing.values())
    possible = len(speakers) * (len(speakers) - 1) // 2
    if reflectors:
        names = in_words([cluster.node_text(address) for address in reflectors])
        return f"Route reflectors: {names} pass on routes of others; {up} of {several(len(standing), 'session')} up."
    if up == possible and len(speakers) > 2:
        return f"A full mesh of {len(speakers)} speakers: every two have a session, and it is up."
    if center is not None and len(standing) > 1:
        return (
            f"All {len(standing)} sessions seen are of {cluster.node_text(center)}, {up} of them up; "
            "sessions of the others among themselves do not pass by here."
        )
    seen = f"{several(len(standing), 'session')} among {len(speakers)} speakers, {up} up"
    return f"{seen}; a full mesh would have {possible}." if possible > len(standing) else f"{seen}."


def _name(address: int, cluster: Cluster) -> str:
    text = cluster.node_text(address)
    return text if len(text) <= NAME_WIDTH else f"{text[: NAME_WIDTH - 1]}…"


def _fallen(standing: Mapping[Pair, _Standing], cluster: Cluster) -> list[str]:
    """The sessions that are not up, of too many speakers to draw."""
    down = sorted(pair for pair, one in standing.items() if one is _Standing.DOWN)
    sign = _Standing.DOWN.value
    lines = [f"{sign} {_name(low, cluster)} – {_name(high, cluster)}" for low, high in down[:MOST_DRAWN]]
    return [*lines, f"and {len(down) - MOST_DRAWN} more"] if len(down) > MOST_DRAWN else lines


def _star(center: int, standing: Mapping[Pair, _Standing], cluster: Cluster) -> list[str]:
    others = sorted((low if high == center else high, one) for (low, high), one in standing.items())
    lines = []
    for position, (other, one) in enumerate(others):
        name = _name(center, cluster)
        start = name if position == 0 else " " * len(name)
        is_last = position == len(others) - 1
        branch = "───" if len(others) == 1 else "─┬─" if position == 0 else " └─" if is_last else " ├─"
        lines.append(f"{start} {branch} {one.value} {_name(other, cluster)}")
    return [*lines, LEGEND]


def _matrix(speakers: Sequence[int], standing: Mapping[Pair, _Standing], cluster: Cluster) -> list[str]:
    names = [f"{number} {_name(speaker, cluster)}" for number, speaker in enumerate(speakers, start=1)]
    width = max(map(len, names))
    lines = [" " * width + "".join(f"  {number}" for number in range(1, len(speakers) + 1))]
    for name, row in zip(names, speakers, strict=True):
        signs = [
            " " if row == column else standing.get((min(row, column), max(row, column)), _Standing.UNSEEN).value
            for column in speakers
        ]
        lines.append((name.ljust(width) + "".join(f"  {sign}" for sign in signs)).rstrip())
    complete = all(pair in standing for pair in combinations(speakers, 2))
    return [*lines, LEGEND if complete else LEGEND_UNSEEN]


def describe_states(session: Session, most: int) -> str:
    """When the connections of a session came up and ended, in order."""
    said = []
    for one in session.connections:
        if not one.messages:
            continue
        begins = f"up {format_time(one.syns()[0].time_ns)}" if one.syns() else "up when the capture began"
        ends = one.end_ns()
        said.append(f"{begins}, ended {format_time(ends)}" if ends is not None else f"{begins}, still up at its end")
    tried = sum(not one.messages for one in session.connections)
    if tried:
        said.append(f"{tried} connections without a message")
    return "; ".join(said[:most])
