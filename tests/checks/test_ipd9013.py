"""IPD9013 PoolLeavesOutOwner."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.files_world import BLOCKS, NODES, TUNNEL_B, collected, node, pool
from tests.checks.world import NODE_A, NODE_B, TUNNEL_A, Examination, pings


def labelled(name: str, address: str, tunnel: str, labels: str) -> str:
    return node(name, address, tunnel).replace(f"name: {name}", f"name: {name}, labels: {labels}")


LABELLED = labelled("alpha", NODE_A, TUNNEL_A, "{rack: one}") + labelled("beta", NODE_B, TUNNEL_B, "{rack: two}")


def selecting(selector: str) -> str:
    return pool().replace("ipipMode", f'nodeSelector: "{selector}", ipipMode')


def test_pool_of_all_nodes_passes(examine: Examination) -> None:
    assert examine(pings(), files=collected()).status is Status.PASS


def test_selected_owners_pass(examine: Examination) -> None:
    objects = LABELLED + BLOCKS + selecting("rack in {'one', 'two'}")
    assert examine(pings(), files=collected(objects)).status is Status.PASS


def test_labels_that_are_not_told_are_not_judged(examine: Examination) -> None:
    answer = examine(pings(), files=collected(NODES + BLOCKS + selecting("rack == 'one'")))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_owner_that_the_selector_leaves_out_is_a_notice(examine: Examination) -> None:
    finding = examine(pings(), files=collected(LABELLED + BLOCKS + selecting("rack == 'one'"))).finding
    assert finding.severity is Severity.NOTICE
    assert finding.subject.nodes == (NODE_B,)
    assert "rack == 'one'" in finding.observed
