"""Of findings of which there may be one a flow: those that are made are those that would be told of all."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from ipipdiag.checks import gravest as module
from ipipdiag.checks.gravest import Sighting, gravest
from ipipdiag.checks.model import Component, Confidence, Finding, Severity, Subject, SubjectKind
from ipipdiag.checks.run import merge_sightings

MOST = 5


def finding(subject: str, severity: Severity, confidence: Confidence, count: int) -> Finding:
    return Finding(
        severity=severity,
        confidence=confidence,
        subject=Subject(SubjectKind.FLOW, subject),
        title=subject,
        expected="",
        observed="",
        count=count,
        first_ns=None,
        last_ns=None,
        evidence=(),
        component=Component.POD,
    )


def sightings(seed: int, count: int) -> list[Sighting]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        subject = f"pod {random.integers(12)}"
        severity = list(Severity)[random.integers(len(Severity))]
        confidence = list(Confidence)[random.integers(len(Confidence))]
        size = int(random.integers(4))
        make = partial(finding, subject, severity, confidence, size)
        found.append(Sighting((SubjectKind.FLOW, subject), severity, confidence, size, make))
    return found


def in_order_of_gravity(findings: tuple[Finding, ...]) -> list[Finding]:
    return sorted(findings, key=lambda one: (one.severity.rank, one.confidence.rank, -one.count))


def test_few_are_all_made_in_their_order() -> None:
    all_sightings = sightings(1, 4)
    assert gravest(all_sightings) == (tuple(one.make() for one in all_sightings), 0)


@pytest.mark.parametrize("seed", range(50))
def test_those_made_become_the_gravest_of_all(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FINDINGS", MOST)
    all_sightings = sightings(seed, 30)
    everything = merge_sightings(one.make() for one in all_sightings)
    made, untold = gravest(all_sightings)
    assert len(merge_sightings(made)) + untold == len(everything)
    assert in_order_of_gravity(merge_sightings(made)) == in_order_of_gravity(everything)[:MOST]
