"""Files that one capture wrote one after the other: found before they are read, so that they are read as one.

Their names say so, their interfaces are alike, their times follow one another without overlap, and nothing in them
speaks of two places. Where that is not sure they stay apart: two places folded as one would be a wrong report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ipipdiag.addresses import GATEWAY
from ipipdiag.capture import CaptureError, Interface, Limits, open_capture
from ipipdiag.capture.rotation import RotatedName, read_rotated_name
from ipipdiag.facts.shares import PointKey
from ipipdiag.points.owners import common_macs
from ipipdiag.protocols import ARP_REQUEST

if TYPE_CHECKING:
    from ipipdiag.facts.collect import PointFacts

HEAD_FRAMES = 20_000  # that are decoded of each file to tell where it was taken
TELLING_FRAMES = 20  # below, the MACs of a few frames need not be those of the place
NO_PAUSE_NS = 1_000_000_000  # between files named by time: what is shorter is no pause
LINKTYPE_SLL = 113


@dataclass(frozen=True, slots=True)
class _Survey:
    """What is looked at in a file before it is read: its name, records, and the facts of its first frames."""

    name: str
    rotated: RotatedName
    interfaces: tuple[Interface, ...]
    first_ns: int | None
    last_ns: int | None
    longest_pause_ns: int
    head: dict[PointKey, PointFacts]


def find_series(names: Sequence[str], limits: Limits) -> list[tuple[str, ...]]:
    """The names, those of one capture's files together and in time order; each stands where its first one stood."""
    by_pattern: dict[str, list[tuple[str, RotatedName]]] = {}
    for name in names:
        if rotated := read_rotated_name(name):
            by_pattern.setdefault(rotated.pattern, []).append((name, rotated))
    series: dict[str, tuple[str, ...]] = {name: (name,) for name in names}
    for members in by_pattern.values():
        if len(members) > 1:
            surveys = [survey for name, rotated in members if (survey := _survey(name, rotated, limits))]
            for found in _chains(surveys):
                series.update(dict.fromkeys(found, found))
    return list(dict.fromkeys(series.values()))


def _survey(name: str, rotated: RotatedName, limits: Limits) -> _Survey | None:
    """A look at one file; None where it cannot be read, which is said when it is read."""
    from ipipdiag.facts.collect import collect_facts  # here, since few runs name several files of one capture

    try:
        with open_capture(name, replace(limits, max_frames=HEAD_FRAMES)) as capture:
            head = collect_facts(capture)
        with open_capture(name, limits) as capture:
            last, pause = None, 0
            for batch in capture.batches():
                times = batch.frames.time_ns
                before = np.concatenate([[times[0] if last is None else last], times[:-1]])
                pause, last = max(pause, int((times - before).max())), int(times[-1])
            summary = capture.summary()
    except CaptureError:
        return None
    points = {facts.key: facts for facts in head.points}
    return _Survey(name, rotated, summary.interfaces, summary.first_ns, summary.last_ns, pause, points)


def _chains(surveys: Iterable[_Survey]) -> list[tuple[str, ...]]:
    """The files that follow one another; one without frames joins where its number says."""
    with_frames = sorted((one for one in surveys if one.first_ns is not None), key=lambda one: one.first_ns or 0)
    highest = max((one.rotated.number or 0 for one in with_frames), default=0)
    chains: list[list[_Survey]] = []
    for survey in with_frames:
        if chains and _continues(survey, chains[-1][-1], highest):
            chains[-1].append(survey)
        else:
            chains.append([survey])
    for empty in (one for one in surveys if one.first_ns is None):
        for chain in chains:
            if empty.rotated.follows(chain[-1].rotated) and empty.interfaces == chain[-1].interfaces:
                chain.append(empty)
                break
    return [tuple(survey.name for survey in chain) for chain in chains]


def _continues(survey: _Survey, before: _Survey, highest: int) -> bool:
    """Whether a file is the next of the capture that wrote the one before."""
    name, last = survey.rotated, before.rotated
    begins_anew = name.is_counted and name.number == 0 and last.number == highest  # the ring of tcpdump -W
    if not (name.follows(last) or begins_anew) or survey.interfaces != before.interfaces:
        return False
    if survey.first_ns is None or before.last_ns is None or survey.first_ns < before.last_ns:
        return False
    if not name.is_counted and name.stamp != last.stamp:
        pause = survey.first_ns - before.last_ns
        if pause > max(NO_PAUSE_NS, survey.longest_pause_ns, before.longest_pause_ns) or not name.fits(survey.first_ns):
            return False
    return not any(_elsewhere(survey, before, key) for key in survey.head.keys() & before.head.keys())


def _elsewhere(survey: _Survey, before: _Survey, key: PointKey) -> bool:
    """Whether two captures cannot be of one place: another pod asks for its gateway there, or no MAC is common to
    the frames of both.
    """
    facts, others = survey.head[key], before.head[key]
    link_type = next(one.link_type for one in survey.interfaces if one.number == key.interface)
    pods, other_pods = _gateway_askers(facts), _gateway_askers(others)
    if pods and other_pods and link_type != LINKTYPE_SLL:  # which is all interfaces of a node in one
        return not pods & other_pods
    if min(facts.mac_pairs.weight(), others.mac_pairs.weight()) < TELLING_FRAMES:
        return False
    macs, other_macs = set(common_macs(facts)), set(common_macs(others))
    return bool(macs and other_macs and not macs & other_macs)


def _gateway_askers(facts: PointFacts) -> set[int]:
    arp = facts.arp_messages
    return set(arp.sender_mac[(arp.operation == ARP_REQUEST) & (arp.target == GATEWAY)].tolist())
