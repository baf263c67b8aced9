"""Calico's rule for what is wrapped: by the mode of the destination's pool, and the sender's own netmask."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from ipipdiag.addresses import parse_address
from ipipdiag.cluster.model import Cluster, Mode, Node, NodeEvidence, Pool, Route
from ipipdiag.cluster.rules import expected_form

A, B, FAR = (parse_address(text) for text in ("192.0.2.11", "192.0.2.12", "198.51.100.7"))
POD = parse_address("172.20.9.7")
POOL = IPv4Network("172.20.0.0/16")


def cluster(mode: Mode | None, prefix: int | None = 24, **more: object) -> Cluster:
    nodes = {address: Node(address, None, prefix, NodeEvidence.TOLD, "user") for address in (A, B, FAR)}
    pools = (Pool(POOL, mode, "user"),) if mode else ()
    return Cluster(nodes=nodes, pools=pools, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "receiver", "wrapped"),
    [
        (Mode.ALWAYS, B, True),
        (Mode.ALWAYS, FAR, True),
        (Mode.CROSS_SUBNET, B, False),
        (Mode.CROSS_SUBNET, FAR, True),
        (Mode.NEVER, B, False),
        (Mode.NEVER, FAR, False),
    ],
)
def test_mode_and_subnet_decide(mode: Mode, receiver: int, wrapped: bool) -> None:
    expected = expected_form(cluster(mode), A, receiver, POD)
    assert (expected.wrapped, expected.told) == (wrapped, True)
    assert mode.value in expected.why


@pytest.mark.parametrize("mode", Mode)
def test_pods_of_one_node_are_never_wrapped(mode: Mode) -> None:
    assert expected_form(cluster(mode), A, A, POD).wrapped is False


def test_netmask_of_32_makes_every_peer_foreign() -> None:
    assert expected_form(cluster(Mode.CROSS_SUBNET, prefix=32), A, B, POD).wrapped is True


def test_unknown_subnet_leaves_cross_subnet_open() -> None:
    assert expected_form(cluster(Mode.CROSS_SUBNET, prefix=None), A, B, POD).wrapped is None


def test_more_specific_pool_wins() -> None:
    pools = (Pool(POOL, Mode.ALWAYS, "user"), Pool(IPv4Network("172.20.8.0/22"), Mode.NEVER, "user"))
    assert expected_form(Cluster(pools=pools), A, B, POD).wrapped is False


def test_no_mode_and_no_precedent_is_no_expectation() -> None:
    assert expected_form(cluster(None), A, B, POD).wrapped is None


def test_precedent_of_the_same_pair_and_block() -> None:
    block = Route(IPv4Network("172.20.9.0/28"), B, 0, 9, "inferred: announced by BGP from 192.0.2.12")
    known = cluster(None, announced=(block,), wrapped={(A, B): frozenset({POD + 1})})
    assert expected_form(known, A, B, POD).wrapped is True
    assert expected_form(known, B, A, POD).wrapped is None
    assert expected_form(known, A, FAR, POD).wrapped is None


def test_most_specific_announcement_owns_and_withdrawal_ends_it() -> None:
    block = Route(IPv4Network("172.20.9.0/28"), B, 0, 9, "")
    borrowed = Route(IPv4Network("172.20.9.7/32"), FAR, 5, 9, "", withdrawn_ns=20)
    known = Cluster(announced=(block, borrowed))
    assert [known.owner_of(POD, at).node for at in (1, 10, 30)] == [B, FAR, B]  # type: ignore[union-attr]
