"""From points to the trace: places, flows, units, clocks, and hop by hop what was sent, seen and lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ipipdiag.cluster.model import Cluster
from ipipdiag.facts.flows import Flows
from ipipdiag.facts.packet_keys import flow_hash
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Point
from ipipdiag.table import is_among
from ipipdiag.trace.flow_counts import count_answers, flows_between
from ipipdiag.trace.hops import measure_hops
from ipipdiag.trace.model import Clock, Form, Route, Stop, Trace
from ipipdiag.trace.moves import split_by_home
from ipipdiag.trace.places import Place, find_places, merge_places
from ipipdiag.trace.routes import PlannedStop, RoutePlan, plan_routes
from ipipdiag.trace.sides import guess_quiet_links, settle_sides
from ipipdiag.trace.timeline import Machine, Timeline, build_timeline, machine_of
from ipipdiag.trace.translation import translated_flows
from ipipdiag.trace.units import FlowTable, Sightings, build_flow_table, cut_into_units, gather_keys
from ipipdiag.trace.workspace import MovedUnits, Pair, Workspace, number_pairs, pair_of_each

Int64 = npt.NDArray[np.int64]
MOST_FORMS = 256  # of the packets of one pair at one place


def build_trace(points: Sequence[Point], cluster: Cluster, fewest_places: int = 2) -> Trace:
    """The way of all packets through the points; places without a route where there are fewer than can be compared."""
    places, untraced = find_places(points, cluster)
    if len(places) < fewest_places:
        return Trace(places=places, untraced=untraced)
    material = _gather(places, cluster)
    workspace = _lay_out(material, places)
    settled = settle_sides(workspace, cluster)
    if settled != places:
        places = merge_places(settled)
        workspace = _lay_out(material, places)
    places = guess_quiet_links(workspace, cluster)
    workspace = replace(workspace, places=places)
    plans = plan_routes(workspace, cluster)
    timeline = build_timeline(workspace, plans)
    return Trace(
        places=places,
        untraced=untraced,
        clocks=_clocks(timeline, places),
        routes=measure_routes(workspace, plans, timeline),
        notes=material.notes,
        flow_fraction=material.flow_fraction,
        table=workspace,
        timeline=timeline,
    )


def measure_routes(
    workspace: Workspace, plans: Sequence[RoutePlan], timeline: Timeline, only: npt.NDArray[np.uint64] | None = None
) -> tuple[Route, ...]:
    """The routes that any place saw, with what became of the packets on them; ``only`` are hashes of flows (None: of
    all flows of the sightings).
    """
    hops = measure_hops(workspace, plans, timeline)
    flows = _flows_of_pairs(workspace, only)
    return tuple(
        Route(
            source=plan.ends.source,
            destination=plan.ends.destination,
            source_node=plan.source_node,
            destination_node=plan.destination_node,
            is_wrapped=plan.is_wrapped,
            packets=max(stop.seen.packets if stop.seen else 0 for stop in plan.stops),
            flows=int(flows[plan.pair]),
            stops=tuple(_stop(stop, plan, workspace, only) for stop in plan.stops),
            hops=hops[plan.pair],
            translations=workspace.translations.get(plan.pair, ()),
        )
        for plan in plans
        if any(stop.seen for stop in plan.stops)
    )


def _flows_of_pairs(workspace: Workspace, only: npt.NDArray[np.uint64] | None) -> Int64:
    """How many flows each pair has; of one whose end moved those seen while it had these homes."""
    chosen = slice(None) if only is None else is_among(workspace.flows.hash, only)
    flows = np.bincount(workspace.pair_of_flow[chosen], minlength=len(workspace.pairs)).astype(np.int64)
    moved = [number for number, pair in enumerate(workspace.pairs) if pair.homes is not None]
    rows = np.flatnonzero(np.isin(workspace.pair, moved)) if moved else np.zeros(0, dtype=np.intp)
    seen = np.unique(np.stack([workspace.pair[rows], workspace.sightings.flow[rows]]), axis=1)
    return flows + np.bincount(seen[0], minlength=len(workspace.pairs))


@dataclass(frozen=True, slots=True)
class _Material:
    """What does not depend on which points are one place."""

    points: tuple[Point, ...]
    flows: FlowTable
    pairs: tuple[Pair, ...]
    pair_of_flow: Int64
    moved: MovedUnits
    translations: dict[int, tuple[tuple[int, int], ...]]
    sightings: Sightings
    answers: Int64
    notes: tuple[str, ...]
    flow_fraction: int


def _gather(places: tuple[Place, ...], cluster: Cluster) -> _Material:
    """Flows, pairs and units of all points."""
    points = tuple(point for place in places for point in place.points)
    place_of_point = np.array([place.number for place in places for _ in place.points], dtype=np.int64)
    halvings = max(point.facts.key_halvings for point in points)
    flows = build_flow_table(points)
    keys, flow, point = gather_keys(points, flows, halvings)
    lead = translated_flows(keys, flow, place_of_point[point], flows)
    sightings, too_fine = cut_into_units(keys, flow, point, lead)
    linked = {pod for member in points if member.is_pod_link for pod in member.pods}
    pairs, pair_of_flow, translations = number_pairs(flows, lead, cluster, linked)
    nodes = [place.node for place in places for _ in place.points]
    pairs, moved, old_of = split_by_home(pairs, pair_of_flow, sightings, nodes, cluster)
    translations |= {new: translations[old] for new, old in old_of.items() if old in translations}
    return _Material(
        points=points,
        flows=flows,
        pairs=pairs,
        pair_of_flow=pair_of_flow,
        moved=moved,
        translations=translations,
        sightings=sightings,
        answers=count_answers(points, flows),
        notes=_notes(flows, too_fine),
        flow_fraction=1 << halvings,
    )


def _lay_out(material: _Material, places: tuple[Place, ...]) -> Workspace:
    """The sightings by place: each unit as often as it passed there, however many points saw it."""
    position = {id(point): number for number, point in enumerate(material.points)}
    place_of_point = np.zeros(len(position), dtype=np.int64)
    for place in places:
        place_of_point[[position[id(point)] for point in place.points]] = place.number
    ranks = [[position[id(point)] for point in place.points] for place in places]
    sightings = _one_of_each(material.sightings, place_of_point, ranks)
    return Workspace(
        points=material.points,
        places=places,
        flows=material.flows,
        pairs=material.pairs,
        pair_of_flow=material.pair_of_flow,
        moved=material.moved,
        translations=material.translations,
        sightings=sightings,
        place=place_of_point[sightings.point],
        pair=pair_of_each(sightings, material.pair_of_flow, material.moved),
        answers=material.answers,
        everywhere=material.sightings,
    )


def _notes(flows: FlowTable, too_fine: Int64) -> tuple[str, ...]:
    notes = []
    if flows.is_unclear.any():
        notes.append(
            f"{int(flows.is_unclear.sum())} flows are not matched packet by packet: TCP fragments, cut headers, or "
            "lengths that the headers do not tell"
        )
    if len(too_fine):
        notes.append(f"{len(too_fine)} flows are not matched: their segments overlap too often")
    return tuple(notes)


def _one_of_each(sightings: Sightings, place_of_point: Int64, ranks: Sequence[Sequence[int]]) -> Sightings:
    """A place's first point speaks for it, its others only of units that the first lacks; of a unit that passes one
    place several times, its TTL fallen, the first time counts.
    """
    place = place_of_point[sightings.point]
    keep = np.ones(len(sightings), dtype=np.bool_)
    for lead, *others in ranks:
        if not others:
            continue
        known = sightings.unit[sightings.point == lead]
        for other in others:
            rows = np.flatnonzero(sightings.point == other)
            again = is_among(sightings.unit[rows], known)
            keep[rows[again]] = False
            known = np.concatenate([known, sightings.unit[rows[~again]]])
    group = (place << 44) | sightings.unit
    order = np.argsort(group, kind="stable")
    begins = np.flatnonzero(np.diff(group[order], prepend=-1))
    highest = np.maximum.reduceat(sightings.ttl[order], begins) if len(begins) else sightings.ttl
    keep[order] &= sightings.ttl[order] == np.repeat(highest, np.diff(begins, append=len(order)))
    return sightings.select(keep)


def _stop(planned: PlannedStop, plan: RoutePlan, workspace: Workspace, only: npt.NDArray[np.uint64] | None) -> Stop:
    flows = [flows for flows in _flows_at(planned.place, plan, workspace, only) if planned.seen]
    forms = _forms(flows)
    return Stop(
        place=planned.place,
        station=planned.station,
        is_expected=planned.is_expected,
        is_order_known=planned.is_order_known,
        packets=planned.seen.packets if planned.seen else 0,
        length_max=max((int(table.length_max.max(initial=0)) for table in flows), default=0),
        forms=forms[:MOST_FORMS],
        more_forms=len(forms[MOST_FORMS:]),
    )


def _ends(plan: RoutePlan, workspace: Workspace) -> list[tuple[int, int]]:
    """The addresses that the packets of a pair bear somewhere."""
    return sorted({(plan.ends.source, plan.ends.destination), *workspace.translations.get(plan.pair, ())})


def _flows_at(
    place: Place, plan: RoutePlan, workspace: Workspace, only: npt.NDArray[np.uint64] | None
) -> Iterator[Flows]:
    """What each point of a place tells of the flows of a pair."""
    for point in place.points:
        flows = flows_between(point, _ends(plan, workspace))
        flows = flows.select(~_of_another_home(flows, plan, workspace)) if plan.ends.homes else flows
        if only is not None:
            names = ("source", "destination", "protocol", "source_port", "destination_port")
            flows = flows.select(is_among(flow_hash(**{name: getattr(flows, name) for name in names}), only))
        yield flows


def _of_another_home(flows: Flows, plan: RoutePlan, workspace: Workspace) -> npt.NDArray[np.bool_]:
    """Which rows of a pair, of which an end moved, are wrapped as it is while they have other homes."""
    ends, other = plan.ends, np.zeros(len(flows), dtype=np.bool_)
    for pair in workspace.pairs:
        is_same = (pair.source, pair.destination) == (ends.source, ends.destination)
        if is_same and pair.homes is not None and pair.homes != ends.homes:
            other |= (flows.outer_source == pair.homes[0]) & (flows.outer_destination == pair.homes[1])
    return other


def _forms(tables: Sequence[Flows]) -> tuple[Form, ...]:
    """How packets look at a place, the most frequent form first."""
    found: dict[Form, int] = {}
    for table in tables:
        for *ends, outer_source, outer_destination, tunnel, ttl, outer_ttl, packets in table.rows(
            "source", "destination", "outer_source", "outer_destination", "tunnel", "ttl_max", "outer_ttl_max",
            "packets",
        ):  # fmt: skip
            outer = (outer_source, outer_destination, outer_ttl) if tunnel == Tunnel.IPIP else (0, 0, 0)
            form = Form(ends[0], ends[1], outer[0], outer[1], ttl, outer[2], tunnel)
            found[form] = found.get(form, 0) + packets
    return tuple(sorted(found, key=lambda form: -found[form]))


def _clocks(timeline: Timeline, places: tuple[Place, ...]) -> tuple[Clock, ...]:
    """What was compared with what, as places of the machines."""
    by_machine: dict[Machine, Place] = {}
    for place in places:
        by_machine.setdefault(machine_of(place), place)
    return tuple(
        Clock(by_machine[other], by_machine[one], offset) for (one, other), offset in sorted(timeline.compared.items())
    )


__all__ = ["Pair", "build_trace"]
