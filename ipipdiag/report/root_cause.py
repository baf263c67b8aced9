"""Which finding explains which: the table of the catalogue as data, and the order of the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

from ipipdiag.checks.model import Confidence, Finding, Severity

ALL_AFTER_NS = 5_000_000_000  # a cause seen this much later than its consequence is still taken to have begun first

# codes on the left lead over those on the right, where both are about the same subject and the cause begins first
_EXPLAINS: tuple[tuple[str, str], ...] = (
    ("1001 1002 1006 1008", "3009 6007 6008 6004 8001"),
    (
        "4001 4002 4003 4004 4008 4011 4012",
        "4001 4002 4003 4004 4005 4009 4010 3003 3011 2001 2006 6007 6008",
    ),
    ("2004 2005 2012 6003 6005", "6001 6002 6004 6007 6009 8001"),
    ("2006", "2001 2002 6002"),
    ("3011", "2001 2002 3003 6002 6007 6008 6009 8001"),
    ("6006", "2006 6004 6007 8001"),
    ("3001 3002 3008", "3007 3009 6002 6004 6007 6009 8001 8003"),
    ("3003", "2001 3009 6002 6007 6008 6009 8001"),
    ("2001", "6009 8001"),
    ("3004 3005", "6004 6007 6002"),
    ("3006", "2001 3009 6007 6009"),
    ("5002 5003 5007", "5001 6009 6007 8001 8003"),
    ("6001", "6002 6007 6009 8001 8003"),
    ("6004 6008 6009", "6002 6007 8001 8003 8007"),
    ("7001", "6004 6006 2006 6007"),
    ("7005 8006 8001", "6007 6011 8003 8004"),
    ("7005", "8001"),
    # a SYN without an answer is the most general of symptoms
    ("1003 2001 2003 2006 2008 2009 3007 3009 3010 3011 3012 6002 7002 7004", "6007"),
    ("6010", "6007 6008 8001"),
    ("6007", "8003"),
    ("9004", "9002"),
    # and so is a DNS query without one
    ("1001 1002 1006 1008 2004 2005 2012 3001 3002 3004 3005 3008 5002 5003 5007 6001 6003 6005", "8007"),
    ("7002 7004 7005 8001 8006", "8007"),
)


# a configuration fault on the left is cited, as cause and fix, by findings on the right about the same subject
_CITES: tuple[tuple[str, str], ...] = (
    ("9001", "3001 3002 3007 3003 2001 6002"),
    ("9002", "3003 2001 3009 6008"),
    ("9003", "2001 2002 2003 2006 3003 3006"),
    ("9004", "6003 3003 2001 6001 6002 2007 6007 8007"),
    ("9005", "2004 2005 4002 4011"),
    ("9006", "3008 3010 4007 1003 3001"),
    ("9007", "2011 3012 4007"),
    ("9008", "5002 5003 5004 5007 5001"),
    ("9010", "2004 6001 6002 6004"),
    ("9011", "4001 4002 4003 4004 4008 4011"),
    ("9012", "3003 2001 3009 4009 4010 6008"),
    ("9014", "1006 1008 3009 6004 6007 6008"),
    ("9009", "2004 6004 6006 6008 2006"),
)


def _codes(numbers: str) -> frozenset[str]:
    return frozenset(f"IPD{number}" for number in numbers.split())


SUPPORTING_FAMILIES = ("0", "9")  # the capture itself, and configuration: they never lead over what packets show


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding, the position of the finding that explains it (None for a root), and for a fault of the configuration
    that of the finding about packets which cites it.
    """

    finding: Finding
    cause: int | None
    cited_by: int | None = None


def explains(cause: Finding, effect: Finding) -> bool:
    """Whether one finding may be the cause of another: by their codes, the same subject, and time."""
    is_cause = cause.code in _causes_of(effect.code) and not _names(cause).isdisjoint(_names(effect))
    return is_cause and _may_lead(cause, effect)


def _may_lead(cause: Finding, effect: Finding) -> bool:
    """Whether a finding weighs enough to explain another, and begins first."""
    if cause.severity is Severity.NOTICE and effect.severity is not Severity.NOTICE:
        return False
    if cause.first_ns is None or effect.first_ns is None:
        return True
    return cause.first_ns <= effect.first_ns + ALL_AFTER_NS


@cache
def _causes_of(effect: str) -> frozenset[str]:
    """The codes that may explain one."""
    causes = (_codes(causes) for causes, effects in _EXPLAINS if effect in _codes(effects))
    return frozenset().union(*causes) - {effect}


@cache
def _effects_of(cause: str) -> frozenset[str]:
    """The codes that one may explain."""
    effects = (_codes(effects) for causes, effects in _EXPLAINS if cause in _codes(causes))
    return frozenset().union(*effects) - {cause}


@cache
def _citing_codes(fault: str) -> frozenset[str]:
    """The codes that may cite a fault of the configuration."""
    return frozenset(effect for faults, effects in _CITES if fault in _codes(faults) for effect in _codes(effects))


def is_fault(finding: Finding) -> bool:
    """Whether a finding weighs enough to say that something is broken."""
    return finding.severity in (Severity.CRITICAL, Severity.ERROR) and finding.confidence is not Confidence.POSSIBLE


def _weight(finding: Finding) -> tuple[bool, int, int, int, int, int]:
    """Sorts findings as roots: smaller leads.

    Faults before warnings before notices; among them confirmed before likely, then severity, then how much traffic is
    concerned, then the earliest.
    """
    group = 0 if is_fault(finding) else 1 if finding.severity is not Severity.NOTICE else 2
    return (
        finding.code[3] in SUPPORTING_FAMILIES,
        group,
        finding.confidence.rank,
        finding.severity.rank,
        -finding.count,
        finding.first_ns if finding.first_ns is not None else 0,
    )


def order_findings(findings: tuple[Finding, ...]) -> tuple[Explained, ...]:
    """Roots in the order of their weight, each followed by what it cites of the configuration, then by what it explains
    in the order of time. ``cause`` and ``cited_by`` are positions in the result.
    """
    waiting = sorted(findings, key=lambda finding: (_weight(finding), finding.code, finding.subject.text))
    positions = _by_subject(waiting)
    cause_of = _causes(waiting, positions)
    cited_by: dict[int, int] = {}
    for position, finding in enumerate(waiting):
        citing = min(_about_the_same(finding, _citing_codes(finding.code), positions), default=None)
        if citing is not None:
            cause_of.pop(position, None)
            cited_by[position] = citing
            waiting[citing] = _with_cited(waiting[citing], finding)
    faults_of, effects_of = _inverted(cited_by), _inverted(cause_of)
    ordered: list[Explained] = []

    def place(position: int, cause: int | None = None, citing: int | None = None) -> None:
        here = len(ordered)
        ordered.append(Explained(waiting[position], cause, citing))
        for fault in faults_of.get(position, ()):
            place(fault, citing=here)
        effects = effects_of.get(position, ())
        for effect in sorted(effects, key=lambda effect: (waiting[effect].first_ns or 0, effect)):
            place(effect, here)

    for position in range(len(waiting)):
        if position not in cause_of and position not in cited_by:
            place(position)
    return tuple(ordered)


Positions = dict[tuple[str, str], list[int]]  # of findings, by code and by each node and address of the subject


def _by_subject(findings: list[Finding]) -> Positions:
    found: Positions = {}
    for position, finding in enumerate(findings):
        for name in _names(finding):
            found.setdefault((finding.code, name), []).append(position)
    return found


def _names(finding: Finding) -> set[str]:
    return {*finding.subject.nodes, *finding.subject.addresses}


def _about_the_same(finding: Finding, codes: frozenset[str], positions: Positions) -> set[int]:
    """Where the findings of some codes are that share a node or an address with one."""
    names = _names(finding)
    return {position for code in codes for name in names for position in positions.get((code, name), ())}


def _inverted(of: dict[int, int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for one, other in of.items():
        found.setdefault(other, []).append(one)
    return found


def _causes(findings: list[Finding], positions: Positions) -> dict[int, int]:
    """For each finding that another explains the position of its cause, without circles."""
    cause_of: dict[int, int] = {}
    names = [_names(finding) for finding in findings]
    for effect, finding in enumerate(findings):
        near = sorted(_about_the_same(finding, _causes_of(finding.code), positions))
        candidates = [cause for cause in near if _may_lead(findings[cause], finding)]
        for cause in _nearest_first(findings, names, candidates):
            if not _leads_to(cause_of, cause, effect):
                cause_of[effect] = cause
                break
    return cause_of


def _nearest_first(findings: list[Finding], names: list[set[str]], candidates: list[int]) -> Iterator[int]:
    """The causes that explain none of the others in their order, then those that stand above another.

    They are looked for one by one, for the first is mostly the one: there may be thousands.
    """
    by_code: dict[str, list[int]] = {}
    for cause in candidates:
        by_code.setdefault(findings[cause].code, []).append(cause)
    remote = []
    for cause in candidates:
        others = (by_code.get(code, ()) for code in _effects_of(findings[cause].code))
        if any(_stands_above(findings, names, cause, other) for other in chain.from_iterable(others)):
            remote.append(cause)
        else:
            yield cause
    yield from remote


def _stands_above(findings: list[Finding], names: list[set[str]], cause: int, other: int) -> bool:
    """Whether a cause explains another candidate, which its code may, and is not explained by it: then that one is the
    nearer cause.
    """
    one, two = findings[cause], findings[other]
    if names[cause].isdisjoint(names[other]) or not _may_lead(one, two):
        return False
    return two.code not in _causes_of(one.code) or not _may_lead(two, one)


def _with_cited(finding: Finding, fault: Finding) -> Finding:
    """A finding that names the configuration fault behind it; counters of the node make a weak sign a likely one."""
    if fault.severity is Severity.NOTICE:
        lifted = Confidence.LIKELY if finding.confidence is Confidence.POSSIBLE else finding.confidence
        return replace(finding, confidence=lifted, observed=f"{finding.observed}; {fault.title}")
    return replace(finding, fix=(*finding.fix, f"as the cluster files say: {fault.title}"))


def _leads_to(cause_of: dict[int, int], start: int, target: int) -> bool:
    """Whether ``target`` is among the causes of ``start``."""
    position: int | None = start
    while position is not None:
        if position == target:
            return True
        position = cause_of.get(position)
    return False
