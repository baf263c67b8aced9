"""IPD9005 NodeAddressNotOnNode."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import (
    addresses,
    collected,
)
from tests.checks.world import (
    TUNNEL_A,
    Examination,
    bgp,
    pings,
)


def test_files_that_agree_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], files=collected()).status is Status.PASS


def test_without_files_it_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_text_of_the_tunnel_alone_is_not_judged(examine: Examination) -> None:
    files = collected(alpha_addresses=f"tunl0@NONE UNKNOWN {TUNNEL_A}/32\n")
    assert examine(pings(), files=files).reason is Reason.NO_CONFIG


def test_address_on_no_device_is_an_error(examine: Examination) -> None:
    finding = examine(pings(), files=collected(alpha_addresses=addresses(nic="192.0.2.99"))).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert "alpha" in finding.title
    assert "192.0.2.99" in finding.observed
