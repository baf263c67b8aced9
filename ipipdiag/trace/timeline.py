"""One timeline for all machines: their clocks against that of one of them, and when each place was captured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ipipdiag.trace.clocks import SAME_CLOCK, Offset, estimate
from ipipdiag.trace.places import Place
from ipipdiag.trace.routes import RoutePlan
from ipipdiag.trace.workspace import Workspace

Int64 = npt.NDArray[np.int64]
Machine = tuple[str, int]


@dataclass(frozen=True, slots=True)
class MachineClock:
    """A machine's clock: through which other machines it is compared with the reference, and with what error.

    ``error_ns`` is None where the comparison is not possible, or of one direction only.
    """

    machine: Machine
    steps: tuple[Offset, ...]
    error_ns: int | None

    def corrected(self, time_ns: Int64) -> Int64:
        """Times of this clock as the reference would have given them."""
        for step in self.steps:
            time_ns = time_ns - step.ahead(time_ns)
        return time_ns


@dataclass(frozen=True, slots=True)
class Timeline:
    """The clock of every machine (None: not comparable with the reference), and what was compared with what."""

    reference: Machine
    clocks: dict[Machine, MachineClock]
    compared: dict[tuple[Machine, Machine], Offset]

    def error_between(self, one: Place, other: Place) -> int | None:
        """How far times of two places may be apart for the clocks' sake; None where they are not comparable."""
        machines = (machine_of(one), machine_of(other))
        if machines[0] == machines[1]:
            return 0
        total = 0
        for machine in machines:
            clock = self.clocks.get(machine)
            if clock is None or clock.error_ns is None:
                return None
            total += clock.error_ns
        return total

    def is_shared(self, one: Place, other: Place) -> bool:
        """Whether times of two places can be laid on one line at all, if only in one direction."""
        return machine_of(one) == machine_of(other) or (
            machine_of(one) in self.clocks and machine_of(other) in self.clocks
        )


def machine_of(place: Place) -> Machine:
    """Points of one node share its clock; of others nothing is known, so each is a machine of its own."""
    return ("node", place.node) if place.node is not None else ("place", place.number)


def build_timeline(workspace: Workspace, plans: Sequence[RoutePlan]) -> Timeline:
    """Compare the clocks of all machines, each with the one it can best be compared with."""
    compared = _compare(workspace, plans)
    machines = list(dict.fromkeys(machine_of(place) for place in workspace.places))
    reference = machines[0]
    clocks = {reference: MachineClock(reference, (), 0)}
    edges = sorted(compared.items(), key=lambda item: (item[1].error_ns is None, item[1].error_ns or 0, item[0]))
    grown = True
    while grown:
        grown = False
        for (one, other), offset in edges:
            for known, new, step in ((one, other, offset), (other, one, _reversed(offset))):
                if known in clocks and new not in clocks:
                    errors = (clocks[known].error_ns, step.error_ns)
                    error = None if errors[0] is None or errors[1] is None else errors[0] + errors[1]
                    clocks[new] = MachineClock(new, (step, *clocks[known].steps), error)
                    grown = True
            if grown:
                break
    return Timeline(reference, clocks, compared)


def _reversed(offset: Offset) -> Offset:
    """The same comparison from the other side."""
    return Offset(
        at_ns=offset.at_ns + offset.offset_ns,
        offset_ns=-offset.offset_ns,
        drift=-offset.drift / (1 + offset.drift),
        error_ns=offset.error_ns,
        drift_error=offset.drift_error,
        packets=offset.packets,
    )


def _compare(workspace: Workspace, plans: Sequence[RoutePlan]) -> dict[tuple[Machine, Machine], Offset]:
    """The offset between each two machines that packets pass one after the other."""
    pairs_by_hop: dict[tuple[int, int], list[int]] = defaultdict(list)
    for plan in plans:
        seen = [stop for stop in plan.stops if stop.seen is not None and stop.is_order_known]
        for one, other in pairwise(seen):
            if machine_of(one.place) != machine_of(other.place):
                pairs_by_hop[one.place.number, other.place.number].append(plan.pair)
    once: dict[int, tuple[Int64, Int64, Int64]] = {}
    gains: dict[tuple[Machine, Machine], list[list[Int64]]] = {}
    for (first, second), pairs in pairs_by_hop.items():
        machines = (machine_of(workspace.places[first]), machine_of(workspace.places[second]))
        key = (min(machines), max(machines))
        times_one, times_other = _times_of_same(workspace, once, first, second, np.array(pairs, dtype=np.int64))
        columns = gains.setdefault(key, [[], [], [], []])
        if machines == key:
            columns[0].append(times_one)
            columns[1].append(times_other - times_one)
        else:
            columns[2].append(times_other)
            columns[3].append(times_one - times_other)
    offsets = {}
    for key, columns in gains.items():
        out = [np.concatenate(column) if column else np.zeros(0, dtype=np.int64) for column in columns]
        offset = estimate(*out)
        if offset is not None:
            offsets[key] = offset
    return offsets


def _times_of_same(
    workspace: Workspace, once: dict[int, tuple[Int64, Int64, Int64]], one: int, other: int, pairs: Int64
) -> tuple[Int64, Int64]:
    """When two places saw the units of some pairs that each of them saw exactly once."""
    for place in (one, other):
        if place not in once:
            rows = workspace.at(place)
            units, first, count = np.unique(workspace.sightings.unit[rows], return_index=True, return_counts=True)
            single = count == 1
            chosen = rows[first[single]]
            once[place] = (units[single], workspace.sightings.time_ns[chosen], workspace.pair[chosen])
    _, in_one, in_other = np.intersect1d(once[one][0], once[other][0], assume_unique=True, return_indices=True)
    wanted = np.isin(once[one][2][in_one], pairs)
    return once[one][1][in_one[wanted]], once[other][1][in_other[wanted]]


__all__ = ["SAME_CLOCK", "MachineClock", "Timeline", "build_timeline", "machine_of"]
