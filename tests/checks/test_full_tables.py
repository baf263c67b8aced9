"""Tables that were full: nothing is said to be missing that may be among what was left out, and the report says so."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from ipipdiag.checks import forwarding, run
from ipipdiag.checks.model import CheckResult, Reason, Severity, Status
from ipipdiag.checks.rules import ipd5006_inner_fragmented
from ipipdiag.facts import bgp, collect, messages
from ipipdiag.report.model import Report, State
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import pcap
from tests.builders.packets import arp, ethernet, fragments, icmp_echo, ipv4, tcp, udp
from tests.checks.two_points import Ways
from tests.checks.world import (
    GATEWAY,
    HOST_MAC,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    POD_MAC,
    Timed,
    at,
    from_a,
    from_b,
    pings,
    request,
    syn,
    wrapped,
)
from tests.scenarios import FAULTY, HEALTHY, captures, report_on

FEW = 12  # rows
RETRIES = (5.0, 6.03, 8.07)


def others(first: float, count: int = 40) -> list[Timed]:
    """Echo requests and replies, each pair a conversation of its own: they fill the tables."""
    frames = []
    for number in range(count):
        request = ipv4(icmp_echo(id=500 + number), POD_A, POD_B, ttl=63, id=number + 1)
        reply = ipv4(icmp_echo(request=False, id=500 + number), POD_B, POD_A, ttl=63, id=number + 1)
        frames += [
            at(first + number / 1_000, from_a(wrapped(request))),
            at(first + number / 1_000 + 0.0004, from_b(wrapped(reply, NODE_B, NODE_A))),
        ]
    return frames


def asked() -> list[Timed]:
    return [at(time, from_a(wrapped(syn()))) for time in RETRIES]


def answered(time: float = 8.1) -> Timed:
    segment = tcp(flags="SA", source_port=80, destination_port=40000, acknowledgement=1001)
    return at(time, from_b(wrapped(ipv4(segment, POD_B, POD_A, ttl=63, id=0), NODE_B, NODE_A)))


def many_forms(count: int, *, by_turns: bool = False) -> list[Timed]:
    """One flow with so many outer sources; two packets of each, one after the other or all by turns."""
    outers = [f"192.0.2.{100 + number}" for number in range(count)]
    order = outers * 2 if by_turns else sorted(outers * 2)
    return [
        at(10 + number / 100, from_a(wrapped(request(number + 20), source, f"192.0.2.{200 + int(source[-2:])}")))
        for number, source in enumerate(order)
    ]


def relayed(count: int) -> list[Timed]:
    """A detour by node B: one flow comes from so many outer sources, and leaves with a TTL one lower."""
    comes = [wrapped(request(40, ttl=63), f"192.0.2.{100 + number}", NODE_B) for number in range(count)]
    goes = wrapped(request(40, ttl=62), NODE_B, "192.0.2.77")
    return [
        *(at(10 + number / 100, from_a(packet)) for number, packet in enumerate(comes)),
        at(10 + count / 100, ethernet(goes, source=MAC_NODE_B, destination=MAC_ROUTER)),
    ]


def report_of(folder: Path, frames: list[Timed]) -> Report:
    path = folder / "a.pcap"
    path.write_bytes(pcap(sorted(frames), nano=True))
    return analyze(RunOptions((str(path),)))


def two_nics(folder: Path, ways: Ways) -> Report:
    """The report on both nodes' NICs; at that of node A more flows were captured before than there is room for."""
    ways.frames["nic_a"] += others(0.5)
    names = []
    for place in ("nic_a", "nic_b"):
        names.append(str(folder / f"{place}.pcap"))
        Path(names[-1]).write_bytes(ways.captures(place)[0])
    return analyze(RunOptions(tuple(names)))


def codes_of(report: Report) -> list[str]:
    return [entry.finding.code for entry in report.findings]


def check_of(report: Report, code: str) -> CheckResult:
    return next(check for check in report.checks if check.code == code)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "ROW_LIMIT", FEW)


# must not be reported


@pytest.mark.usefixtures("small")
def test_an_answer_that_found_no_room_is_not_missed(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*pings(), *asked(), *others(6.5), answered(), *others(12)])
    assert not report.findings
    check = check_of(report, "IPD6007")
    assert (check.status, check.reason) == (Status.NOT_CHECKED, Reason.LIMIT_REACHED)
    assert check.missing is not None
    assert "may be among" in check.missing
    assert check.enable is not None
    assert check.enable.startswith(f"ipipdiag analyze {tmp_path / 'a.pcap'} --host {POD_B} ")


@pytest.mark.usefixtures("small")
def test_the_command_that_is_given_settles_it(tmp_path: Path) -> None:
    report_of(tmp_path, [*asked(), *others(6.5), answered(), *others(12), *pings()])
    part = RunOptions((str(tmp_path / "a.pcap"),), hosts=(POD_B,), from_ns=at(7.9, b"")[0])
    assert check_of(analyze(part), "IPD6007").reason is Reason.LIMIT_REACHED  # the others are POD_B's as well
    whole = RunOptions((str(tmp_path / "a.pcap"),), from_ns=at(4.9, b"")[0], to_ns=at(6.4, b"")[0])
    assert check_of(analyze(whole), "IPD6007").reason is not Reason.LIMIT_REACHED


def test_gateway_replies_that_found_no_room_are_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = ethernet(arp(1, POD_MAC, POD_A, target=GATEWAY), source=POD_MAC)
    said = ethernet(arp(2, HOST_MAC, GATEWAY, POD_MAC, POD_A), source=HOST_MAC, destination=POD_MAC)
    frames = [at(time, asks) for time in (1, 2.02, 3.04)] + [at(3.1, said), at(6, asks), at(6.001, said)]
    monkeypatch.setattr(messages, "MESSAGE_LIMIT", 3)
    check = check_of(report_of(tmp_path, frames), "IPD1001")
    assert (check.status, check.reason) == (Status.NOT_CHECKED, Reason.LIMIT_REACHED)


@pytest.mark.usefixtures("small")
def test_what_may_be_in_the_rest_is_not_said_to_be_no_calico(tmp_path: Path) -> None:
    plain = [
        at(time / 1_000, from_a(ipv4(icmp_echo(id=time), "198.51.100.4", "198.51.100.5", id=time + 1)))
        for time in range(100)
    ]
    report = report_of(tmp_path, plain)
    check = check_of(report, "IPD0010")
    assert (check.status, check.reason) == (Status.NOT_CHECKED, Reason.LIMIT_REACHED)
    assert not any(check.status is Status.NOT_APPLICABLE and check.code[3] not in "09" for check in report.checks)


def test_answers_are_seen_at_a_point_that_had_no_room_for_their_flows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the far capture lacks of what was answered it missed, though only the near one, which is full, shows so."""
    monkeypatch.setattr(collect, "ROW_LIMIT", 30)
    ways = Ways()
    ways.ping(15)
    ways.frames["nic_b"] = ways.frames["nic_b"][::3]
    assert "IPD8001" not in codes_of(two_nics(tmp_path, ways))


@pytest.mark.parametrize("more", [0, 1], ids=["all compared", "found among those compared"])
def test_forms_that_are_all_compared_are_no_limit(more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the forms of a flow that are compared nothing more is asked of one that is seen to change to and fro."""
    monkeypatch.setattr(forwarding, "MOST_FORMS", FEW - more)
    report = report_of(tmp_path, many_forms(FEW, by_turns=bool(more)))
    check = check_of(report, "IPD3011")
    assert (check.status, check.reason) == (Status.FAIL if more else Status.PASS, None)


@pytest.mark.parametrize("scenario", [*HEALTHY, *FAULTY])
def test_full_tables_add_no_finding_and_no_weight(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is left out of the recorded scenarios, what remains says nothing that the whole does not."""
    whole = _weights(report_on(*captures(scenario)))
    for module, limit in ((collect, "ROW_LIMIT"), (collect, "PAIR_LIMIT")):
        monkeypatch.setattr(module, limit, 8)
    for module in (messages, bgp):
        monkeypatch.setattr(module, "MESSAGE_LIMIT", 16)
    cut = _weights(analyze(RunOptions(tuple(map(str, captures(scenario))))))
    assert {code: rank for code, rank in cut.items() if rank < whole.get(code, len(Severity))} == {}


def _weights(report: Report) -> dict[str, int]:
    """The rank of the gravest finding of each code."""
    found: dict[str, int] = {}
    for finding in (entry.finding for entry in report.findings):
        found[finding.code] = min(finding.severity.rank, found.get(finding.code, len(Severity)))
    return found


# must be reported


def test_with_room_for_all_silence_is_reported(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*pings(), *asked(), *others(6.5), *others(12)])
    assert [entry.finding.code for entry in report.findings] == ["IPD6007"]


@pytest.mark.usefixtures("small")
def test_what_frames_show_stands(tmp_path: Path) -> None:
    nested = from_a(wrapped(wrapped(ipv4(icmp_echo(id=9), POD_A, POD_B, ttl=63, id=9))))
    report = report_of(tmp_path, [*pings(), at(2, nested), *others(6.5)])
    assert "IPD2009" in [entry.finding.code for entry in report.findings]
    assert report.verdict.state is State.FAULT_FOUND


def test_loss_shows_where_the_near_point_had_no_room_for_its_flows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "ROW_LIMIT", 30)
    ways = Ways()
    ways.ping(15, lost_after="nic_a", lost=range(5, 13))
    report = two_nics(tmp_path, ways)
    assert "IPD8001" in codes_of(report)
    assert [error.name for error in report.errors] == [str(tmp_path / "nic_a.pcap")]


# cannot be judged: how the report reads


def test_forms_that_are_not_compared_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "MOST_FORMS", FEW - 1)
    check = check_of(report_of(tmp_path, many_forms(FEW)), "IPD3011")
    assert (check.status, check.reason) == (Status.NOT_CHECKED, Reason.LIMIT_REACHED)
    assert check.missing == f"1 flow of {tmp_path / 'a.pcap'} with more forms than the {FEW - 1} that are compared"
    assert check.enable is not None
    assert "--from" in check.enable


@pytest.mark.parametrize("code", ["IPD3005", "IPD3007"])
@pytest.mark.parametrize(("room", "reason"), [(FEW + 1, None), (FEW, Reason.LIMIT_REACHED)])
def test_so_are_those_of_what_a_node_sends_on(
    code: str, room: int, reason: Reason | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "MOST_FORMS", room)
    check = check_of(report_of(tmp_path, relayed(FEW)), code)
    assert check.reason is reason


@pytest.mark.usefixtures("small")
def test_the_quiet_headline_says_what_was_left_out(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*pings(), *others(6.5)])
    assert report.verdict.state is State.NO_FAULT_SEEN
    left = 80 - (FEW - 2)
    assert f"as far as there was room for them ({left} entries left out)" in report.verdict.headline
    assert [error.error for error in report.errors] == [
        f"limit reached: it holds more than there is room for; left out are {left} packets of later flows. Give --from "
        "and --to, or --host, to look at a part of it"
    ]
    passed = [check for check in report.checks if check.status is Status.PASS and check.code[3] not in "09"]
    assert passed
    assert {check.reason for check in passed} == {Reason.LIMIT_REACHED}
    whole = report_of(tmp_path, pings())
    assert "room" not in whole.verdict.headline
    assert Reason.LIMIT_REACHED not in {check.reason for check in whole.checks}


@pytest.mark.parametrize("limited", [(run,), (run, ipd5006_inner_fragmented)], ids=["all made", "few made"])
def test_of_many_findings_the_gravest_are_told(
    limited: tuple[ModuleType, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [
        at(1 + number / 1_000, from_a(wrapped(part)))
        for number in range(12)
        for part in fragments(ipv4(udp(bytes(64)), POD_A, f"172.20.9.{number + 1}", ttl=63, id=number + 1), 40)
        for _ in range(number + 1)
    ]
    for module in limited:
        monkeypatch.setattr(module, "MOST_FINDINGS", 5)
    report = report_of(tmp_path, frames)
    told = [entry.finding for entry in report.findings if entry.finding.code == "IPD5006"]
    assert sorted(finding.subject.addresses[1] for finding in told) == [
        "172.20.9.10",
        "172.20.9.11",
        "172.20.9.12",
        "172.20.9.8",
        "172.20.9.9",
    ]
    check = check_of(report, "IPD5006")
    assert (check.status, check.reason) == (Status.NOTED, Reason.LIMIT_REACHED)
    assert check.missing == "of 12 findings the 5 gravest are told"
