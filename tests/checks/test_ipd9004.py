"""IPD9004 TunnelDeviceUnfit."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import (
    BLOCKS,
    NODES,
    addresses,
    collected,
    links,
    pool,
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


DOWN = links("NOARP")


def test_idle_tunnel_of_other_modes_is_right(examine: Examination) -> None:
    for objects in (NODES + BLOCKS + pool("Never"), NODES + BLOCKS + pool("Never", vxlan="Always")):
        assert examine(pings(), files=collected(objects, alpha_links=DOWN)).status is Status.NOT_APPLICABLE


def test_tunnel_that_is_down_is_an_error(examine: Examination) -> None:
    finding = examine(pings(), files=collected(alpha_links=DOWN)).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert "tunl0 is down" in finding.title


def test_other_settings_and_a_missing_address_are_warnings(examine: Examination) -> None:
    assert "ttl 64" in examine(pings(), files=collected(alpha_links=links(ttl="64"))).finding.title
    missing = examine(pings(), files=collected(alpha_addresses=addresses(tunnel="172.20.1.9"))).finding
    assert missing.severity is Severity.WARNING
    assert TUNNEL_A in missing.title
