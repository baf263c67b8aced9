"""Two reports compared: which findings are new, gone, changed. Was the fix a fix?

Findings are tied by their code and their subject, not by what was counted: captures of another day count otherwise. A
finding that is gone proves a repair only where its check could judge in the new run, so that is said with each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from ipipdiag.checks.model import Severity, Status, SubjectKind
from ipipdiag.report.earlier import EarlierCheck, EarlierFinding, EarlierReport

# what has a name in one report may have none in the other, where no cluster files were told
_NAMED = re.compile(r"(?:service |tunl0 of )?\S+ \(((?:\d{1,3}\.){3}\d{1,3})\)")
_OF_THE_FILE = (SubjectKind.CAPTURE, SubjectKind.POINT)  # named after files, which another run names otherwise


@dataclass(frozen=True, slots=True)
class Gone:
    """A finding of the old report alone, and what became of its check in the new run (None: it was not run)."""

    finding: EarlierFinding
    check: EarlierCheck | None

    @property
    def is_proven(self) -> bool:
        """Whether the check looked at something in the new run and found nothing of this."""
        return self.check is not None and self.check.examined > 0 and self.check.status is not Status.CRASHED


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding of both reports; ``changes`` are (what, before, after)."""

    old: EarlierFinding
    new: EarlierFinding
    changes: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of the findings from one report to the other, each kind in the order of its report."""

    old: EarlierReport
    new: EarlierReport
    appeared: tuple[EarlierFinding, ...]
    gone: tuple[Gone, ...]
    changed: tuple[Kept, ...]
    same: tuple[Kept, ...]

    @property
    def is_same_input(self) -> bool:
        """Whether both runs read the same captures."""
        return sorted(self.old.inputs) == sorted(self.new.inputs)

    def has_new(self, least: Severity) -> bool:
        """Whether a finding of at least this severity is new, or has risen to it."""
        risen = any(kept.old.severity.rank > least.rank >= kept.new.severity.rank for kept in self.changed)
        return risen or any(finding.severity.rank <= least.rank for finding in self.appeared)


def compare(old: EarlierReport, new: EarlierReport) -> Difference:
    """The difference between an earlier and a later report."""
    pairs = _tie(old.findings, new.findings)
    kept = [Kept(one, other, _changes(one, other)) for one, other in pairs]
    known, found = {one.id for one, _ in pairs}, {other.id for _, other in pairs}
    return Difference(
        old,
        new,
        appeared=tuple(finding for finding in new.findings if finding.id not in found),
        gone=tuple(Gone(finding, new.checks.get(finding.code)) for finding in old.findings if finding.id not in known),
        changed=tuple(pair for pair in kept if pair.changes),
        same=tuple(pair for pair in kept if not pair.changes),
    )


def _by_text(finding: EarlierFinding) -> Hashable:
    return finding.kind, _NAMED.sub(r"\1", finding.subject)


def _by_addresses(finding: EarlierFinding) -> Hashable:
    return (finding.kind, finding.nodes, finding.addresses) if finding.nodes or finding.addresses else None


def _by_nodes(finding: EarlierFinding) -> Hashable:
    """Pods come and go between two runs; the nodes between which something fails stay."""
    return (finding.kind, finding.nodes) if finding.nodes and finding.kind is SubjectKind.NODE_PAIR else None


def _by_code(finding: EarlierFinding) -> Hashable:
    return finding.kind if finding.kind in _OF_THE_FILE else None


_TIES: tuple[Callable[[EarlierFinding], Hashable], ...] = (_by_text, _by_addresses, _by_nodes, _by_code)


def _tie(old: Sequence[EarlierFinding], new: Sequence[EarlierFinding]) -> list[tuple[EarlierFinding, EarlierFinding]]:
    """Pairs of findings of one code about one thing, in the new report's order; the closest likeness ties first."""
    pairs: dict[str, tuple[EarlierFinding, EarlierFinding]] = {}
    left = list(old)
    for likeness in _TIES:
        for finding in new:
            key = likeness(finding)
            if key is None or finding.id in pairs:
                continue
            twin = next((one for one in left if one.code == finding.code and likeness(one) == key), None)
            if twin is not None:
                pairs[finding.id] = (twin, finding)
                left.remove(twin)
    return [pairs[finding.id] for finding in new if finding.id in pairs]


def _changes(old: EarlierFinding, new: EarlierFinding) -> tuple[tuple[str, str, str], ...]:
    values = (
        ("severity", old.severity.value, new.severity.value),
        ("confidence", old.confidence.value, new.confidence.value),
        ("count", f"{old.count:,}", f"{new.count:,}"),
    )
    return tuple(change for change in values if change[1] != change[2])
