"""IPD5004 MssAboveTunnelMtu."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.world import POD_B, TUNNEL_A, Examination, at, bgp, from_a, pings, syn, wrapped


def tunnel_syn(mss: int) -> tuple[int, bytes]:
    """The node's own SYN through tunl0, which tells the tunnel's MTU."""
    return at(3, from_a(wrapped(syn(TUNNEL_A, POD_B, mss=mss, ttl=64), ttl=64)))


@pytest.mark.parametrize("mtu", [1480, 8980, 1430])
def test_segments_that_fit_pass(examine: Examination, mtu: int) -> None:
    frames = [*bgp(), tunnel_syn(mtu - 40), at(4, from_a(wrapped(syn(mss=mtu - 40))))]
    assert examine(frames).status is Status.PASS


def test_clients_outside_are_not_judged(examine: Examination) -> None:
    """A NodePort connection comes through the tunnel with the address of tunl0."""
    assert not examine(
        [*bgp(), *pings(), tunnel_syn(1440), at(4, from_a(wrapped(syn(TUNNEL_A, mss=1440, ttl=64), ttl=64)))]
    ).findings


def test_tunnel_mtu_that_nobody_knows_is_no_expectation(examine: Examination) -> None:
    assert examine([*bgp(), at(4, from_a(wrapped(syn(mss=1460))))]).reason is Reason.NO_CONFIG


def test_segments_that_do_not_fit_are_a_warning(examine: Examination) -> None:
    finding = examine([*bgp(), tunnel_syn(1440), at(4, from_a(wrapped(syn(mss=1460))))]).finding
    assert finding.severity is Severity.WARNING
    assert "1460" in finding.title and "1480" in finding.title


def test_without_handshake_it_is_not_judged(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).reason is Reason.NO_HANDSHAKE
