"""IPD8001 PacketLoss, from what is sent again at the one point that was captured."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Severity, Status
from tests.checks.test_ipd8003 import lossy
from tests.checks.world import Examination


def test_nothing_sent_again_passes(examine: Examination) -> None:
    assert examine(lossy(0)).status is Status.PASS


def test_a_few_segments_are_not_reported(examine: Examination) -> None:
    assert not examine(lossy(9, 60)).findings


def test_side_of_the_loss_is_told(examine: Examination) -> None:
    finding = examine(lossy(20)).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.WARNING, Confidence.LIKELY, 20)
    assert "are lost beyond" in finding.title
    assert "are lost before" in examine(lossy(20, beyond=False)).finding.title
