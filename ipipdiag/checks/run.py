"""Runs the checks: hands each the facts that its parameters name, and turns what it answers into results.

A check may ask for ``points``, ``captures``, ``cluster``, ``configuration``, ``trace``, ``thresholds``,
``foreign_answers`` (by point, see :mod:`ipipdiag.cluster.services`), and any field of
:class:`~ipipdiag.facts.collect.PointFacts`, which arrives as a mapping from point to that fact.
"""

from __future__ import annotations

import inspect
import traceback
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ipipdiag.checks.absence import limit_reached
from ipipdiag.checks.catalogue import all_checks, in_order
from ipipdiag.checks.model import (
    MOST_FINDINGS,
    Check,
    CheckResult,
    Evidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Status,
)
from ipipdiag.checks.ready_commands import Known
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.checks.viewpoints import Sight, sight_of
from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.model import Cluster
from ipipdiag.cluster.services import foreign_answers
from ipipdiag.facts.collect import CaptureFacts, PointFacts
from ipipdiag.points.model import Point, Role
from ipipdiag.trace.model import Trace

GATE = "IPD0010"  # nothing Calico-specific is judged where this check finds no Calico
CAPTURE_FAMILY, FILES_FAMILY = "0", "9"
MOST_ASKED = 1000  # unanswered flows of a point that are looked at


@dataclass(frozen=True, slots=True)
class Case:
    """All that checks can ask for."""

    captures: tuple[CaptureFacts, ...]
    points: tuple[Point, ...]
    cluster: Cluster
    configuration: Configuration
    trace: Trace
    thresholds: Thresholds = field(default_factory=Thresholds)

    def arguments(self) -> Mapping[str, Any]:
        """Every name a check may use as a parameter, with its value."""
        by_point = {
            column.name: {point: getattr(point.facts, column.name) for point in self.points}
            for column in fields(PointFacts)
        }
        return {
            "captures": self.captures,
            "points": self.points,
            "cluster": self.cluster,
            "configuration": self.configuration,
            "trace": self.trace,
            "thresholds": self.thresholds,
            "foreign_answers": {point: tuple(foreign_answers(point)) for point in self.points},
            **by_point,
        }


def run_checks(case: Case, only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[CheckResult, ...]:
    """The results of all checks in the order of their codes."""
    arguments = case.arguments()
    chosen = [check for check in all_checks() if (not only or check.code in only) and check.code not in skip]
    results = {check.code: _run(check, arguments) for check in chosen if check.code[3] == CAPTURE_FAMILY}
    is_calico = GATE not in results or results[GATE].status is not Status.NOTED
    for check in chosen:
        if check.code not in results:
            judged = is_calico or not check.is_calico_specific
            results[check.code] = _run(check, arguments) if judged else _foreign(check)
    cut = [more for point in case.points if (more := limit_reached(point, tuple(point.facts.left_out)))]
    for code, result in results.items() if cut else ():
        results[code] = _as_far_as_kept(result, cut[0])
    pod, known = _pod_in_question(case), Known(case.points, case.cluster)
    of_check = {check.code: check for check in chosen}
    return tuple(_as_seen_here(results[code], of_check.get(code), pod, known) for code in sorted(results, key=in_order))


def _as_far_as_kept(result: CheckResult, more: Missing) -> CheckResult:
    """A result of a run that could not keep all of a capture: what passes, passes as far as that goes, and of nothing
    may it be said that it does not occur. A check that proves absence has held back what may have been left out
    (:mod:`ipipdiag.checks.absence`).
    """
    if result.code[3] in (CAPTURE_FAMILY, FILES_FAMILY) or result.reason is not None:
        return result
    if result.status is Status.NOT_APPLICABLE and result.missing is None:
        result = replace(result, status=Status.NOT_CHECKED)
    elif result.status is not Status.PASS:
        return result
    return replace(result, reason=more.reason, missing=more.missing, enable=more.enable)


def _as_seen_here(result: CheckResult, check: Check | None, pod: int | None, known: Known) -> CheckResult:
    """A result whose reason and commands fit the run.

    A point that is the right one and shows nothing of what is judged is no wrong point; and commands can be run as they
    stand, with a pod's interface where the run knows a pod.
    """
    if result.enable is not None:
        result = replace(result, enable=known.ready(result.enable, pod))
    if result.findings:
        result = replace(result, findings=tuple(known.made_ready(finding) for finding in result.findings))
    roles = {point.role for point in known.points}
    is_right_point = check is not None and any(sight_of(check, role) is Sight.ALONE for role in roles - {Role.ANY})
    if result.reason is Reason.WRONG_POINT and is_right_point:
        result = replace(result, reason=Reason.TOO_FEW_PACKETS)
    return result


def _pod_in_question(case: Case) -> int | None:
    """The pod whose link a further capture should be of: one that does not answer, else one that was captured."""
    asked, seen = [], []
    for point in case.points:
        flows = point.facts.flows
        unanswered = flows.select((flows.requests > 0) & (flows.answers == 0))
        asked += [address for address in unanswered.destination[:MOST_ASKED].tolist() if case.cluster.is_pod(address)]
        seen += list(point.pods)
    return next(iter([*asked, *seen, *case.cluster.pods]), None)


def _foreign(check: Check) -> CheckResult:
    missing = f"nothing here looks like Calico ({GATE})"
    return CheckResult(check.code, check.name, Status.NOT_APPLICABLE, missing=missing)


def _run(check: Check, arguments: Mapping[str, Any]) -> CheckResult:
    wanted = inspect.signature(check.examine).parameters
    try:
        outcome = check.examine(**{name: arguments[name] for name in wanted})
    except Exception as error:  # the one broad catch: a bug in one check must not silence the others
        text = f"{type(error).__name__}: {error}"
        where = traceback.extract_tb(error.__traceback__)[-1]
        return CheckResult(
            check.code, check.name, Status.CRASHED, error=f"{text} (line {where.lineno} of {where.name})"
        )
    return _result(check, outcome)


def _result(check: Check, outcome: Outcome) -> CheckResult:
    missing = outcome.missing
    findings = merge_sightings(outcome.findings)
    if (found := len(findings) + outcome.untold) > MOST_FINDINGS:
        text = f"of {found} findings the {MOST_FINDINGS} gravest are told"
        missing = Missing(Reason.LIMIT_REACHED, text, "ipipdiag analyze CAPTURE --host IP  # of those of one address")
        gravest = sorted(findings, key=lambda one: (one.severity.rank, one.confidence.rank, -one.count))
        findings = tuple(gravest[:MOST_FINDINGS])
    findings = tuple(
        replace(finding, code=check.code, name=check.name, confirm=_with_log(finding)) for finding in findings
    )
    return CheckResult(
        code=check.code,
        name=check.name,
        status=outcome.status,
        examined=outcome.examined,
        reason=missing.reason if missing else None,
        missing=missing.missing if missing else None,
        enable=missing.enable if missing else None,
        findings=findings,
    )


def _with_log(finding: Finding) -> tuple[str, ...]:
    """The commands that confirm a finding, and last the one that shows the log of the component it belongs to."""
    log = finding.component.log
    if log is None or log in finding.confirm or finding.severity is Severity.NOTICE:
        return finding.confirm
    return (*finding.confirm, log)


def merge_sightings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding a subject: what several points show of the same thing is one thing, counted once.

    The surest and gravest sighting speaks; the count is the largest, not the sum, for the points see the same packets.
    """
    by_subject: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_subject.setdefault((finding.subject.kind.value, finding.subject.text), []).append(finding)
    return tuple(group[0] if len(group) == 1 else _merge(group) for group in by_subject.values())


def _merge(sightings: list[Finding]) -> Finding:
    """One finding of several about one subject: all at once, for there may be one a flow."""
    lead, count = sightings[0], sightings[0].count
    ordered = deque(sightings[:1])  # what speaks stands before what it overrules
    for other in sightings[1:]:
        weight = (lead.confidence.rank, lead.severity.rank, -count)
        if (other.confidence.rank, other.severity.rank, -other.count) < weight:
            lead = other
            ordered.appendleft(other)
        else:
            ordered.append(other)
        count = max(count, other.count)
    starts = [finding.first_ns for finding in ordered if finding.first_ns is not None]
    ends = [finding.last_ns for finding in ordered if finding.last_ns is not None]
    return replace(
        lead,
        count=count,
        first_ns=min(starts, default=None),
        last_ns=max(ends, default=None),
        evidence=_merge_evidence(entry for finding in ordered for entry in finding.evidence),
        points=tuple(dict.fromkeys(point for finding in ordered for point in finding.points)),
        worked=tuple(dict.fromkeys(text for finding in ordered for text in finding.worked)),
    )


def _merge_evidence(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Evidence of one input under one filter is one entry."""
    frames: dict[tuple[str, str], set[int]] = {}
    for entry in evidence:
        frames.setdefault((entry.input, entry.display_filter), set()).update(entry.frames)
    return tuple(Evidence(name, tuple(sorted(numbers)), text) for (name, text), numbers in frames.items())
