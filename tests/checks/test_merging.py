"""Several sightings of one subject are one finding: which of them speaks, and what is kept of the others."""

from __future__ import annotations

from ipipdiag.checks.model import Component, Confidence, Evidence, Finding, Severity, Subject, SubjectKind
from ipipdiag.checks.run import merge_sightings


def sighting(
    title: str,
    *,
    subject: str = "pod",
    severity: Severity = Severity.ERROR,
    confidence: Confidence = Confidence.LIKELY,
    count: int = 1,
    times: tuple[int | None, int | None] = (None, None),
    frames: tuple[int, ...] = (),
    point: str = "p1",
) -> Finding:
    return Finding(
        severity=severity,
        confidence=confidence,
        subject=Subject(SubjectKind.POD, subject),
        title=title,
        expected="",
        observed="",
        count=count,
        first_ns=times[0],
        last_ns=times[1],
        evidence=(Evidence("c1", frames, "arp"),),
        component=Component.POD,
        points=(point,),
        worked=(f"what {title} saw work",),
    )


def test_each_subject_keeps_its_place() -> None:
    merged = merge_sightings([sighting("a", subject="one"), sighting("b", subject="two"), sighting("c", subject="one")])
    assert [finding.subject.text for finding in merged] == ["one", "two"]


def test_a_single_sighting_stays_as_it_is() -> None:
    alone = sighting("a", frames=(3, 1, 2))
    (merged,) = merge_sightings([alone])
    assert merged is alone


def test_the_surest_speaks_then_the_gravest_then_the_one_that_counts_most_and_of_equals_the_first() -> None:
    first, more = sighting("first", count=2), sighting("more", count=3)
    grave = sighting("grave", severity=Severity.CRITICAL)
    sure = sighting("sure", severity=Severity.NOTICE, confidence=Confidence.CONFIRMED)
    for group, speaks in (
        ([first, sighting("same", count=2)], "first"),
        ([first, more], "more"),
        ([more, grave, first], "grave"),
        ([grave, more, sure], "sure"),
    ):
        (merged,) = merge_sightings(group)
        assert merged.title == speaks


def test_the_count_is_the_largest_and_the_times_reach_over_all() -> None:
    group = [sighting("a", count=5, times=(30, 40)), sighting("b", count=7), sighting("c", times=(10, 35))]
    (merged,) = merge_sightings(group)
    assert (merged.count, merged.first_ns, merged.last_ns) == (7, 10, 40)


def test_what_all_saw_is_kept_of_who_speaks_first() -> None:
    group = [
        sighting("a", frames=(5, 2), point="p1"),
        sighting("b", frames=(2, 9), point="p2"),
        sighting("sure", confidence=Confidence.CONFIRMED, frames=(1,), point="p3"),
    ]
    (merged,) = merge_sightings(group)
    assert merged.points == ("p3", "p1", "p2")
    assert merged.evidence == (Evidence("c1", (1, 2, 5, 9), "arp"),)
    assert merged.worked == ("what sure saw work", "what a saw work", "what b saw work")
