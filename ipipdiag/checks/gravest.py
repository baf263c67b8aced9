"""Findings of which there may be one a flow: the gravest are made, the others counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ipipdiag.checks.model import MOST_FINDINGS, Confidence, Finding, Severity, SubjectKind

SubjectKey = tuple[SubjectKind, str]  # by which findings are one


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding that is not made yet: what it is about and weighs, and what makes it."""

    subject: SubjectKey
    severity: Severity
    confidence: Confidence
    count: int
    make: Callable[[], Finding]


def gravest(sightings: Sequence[Sighting]) -> tuple[tuple[Finding, ...], int]:
    """The findings of the MOST_FINDINGS gravest subjects, in the order of the sightings, and how many subjects there
    are beside them.

    A subject that is sighted several times weighs what its finding will, once they are one.
    """
    by_subject: dict[SubjectKey, list[Sighting]] = {}
    for sighting in sightings:
        by_subject.setdefault(sighting.subject, []).append(sighting)
    ranked = sorted(by_subject, key=lambda subject: _weight(by_subject[subject]))
    told = set(ranked[:MOST_FINDINGS])
    findings = tuple(sighting.make() for sighting in sightings if sighting.subject in told)
    return findings, len(ranked) - len(told)


def _weight(sightings: list[Sighting]) -> tuple[int, int, int]:
    """Sorts subjects, the gravest first: the surest sighting speaks, and the largest count."""
    lead = min(sightings, key=lambda one: (one.confidence.rank, one.severity.rank, -one.count))
    return lead.severity.rank, lead.confidence.rank, -max(one.count for one in sightings)
