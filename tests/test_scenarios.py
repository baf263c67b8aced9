"""Whole runs over the recorded scenarios: no false alarm on the healthy ones, the right answer on the others."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ipipdiag.checks.model import Confidence, Severity, Status
from ipipdiag.report.model import Report, State
from ipipdiag.run import RunOptions, analyze
from tests.scenarios import (
    ALONE,
    FAULTY,
    FROM_PACKETS,
    HEALTHY,
    accepted,
    captures,
    folder,
    report_on,
    report_with_cluster,
)

NOTHING_ELSE_WORKED = ("06", "20")  # at the time of the fault, in these captures
PROGRAMS = ("timeout", "calicoctl", "kubectl", "ip")  # of the commands that would settle what is not checked
ALARMS = (Severity.CRITICAL, Severity.ERROR)
ALL = (*HEALTHY, *FAULTY)
EVERY_FILE = [(number, path.name) for number in ALL for path in captures(number)]


def alarms(report: Report) -> list[str]:
    return [
        f"{entry.finding.code} {entry.finding.title}" for entry in report.findings if entry.finding.severity in ALARMS
    ]


@pytest.mark.parametrize("number", HEALTHY)
def test_healthy_scenario_raises_no_alarm(number: str) -> None:
    report = report_on(*captures(number))
    assert alarms(report) == []
    assert report.verdict.state is State.NO_FAULT_SEEN
    assert not accepted(number) or report.verdict.code in accepted(number)


@pytest.mark.parametrize(("number", "name"), [entry for entry in EVERY_FILE if entry[0] in HEALTHY])
def test_healthy_file_alone_raises_no_alarm(number: str, name: str) -> None:
    assert alarms(report_on(folder(number) / name)) == []


@pytest.mark.parametrize("number", FAULTY)
def test_faulty_scenario_is_diagnosed(number: str) -> None:
    report = report_on(*captures(number))
    assert report.verdict.code in accepted(number)
    assert report.findings[0].id == report.verdict.finding == "f1"


@pytest.mark.parametrize("number", FROM_PACKETS)
def test_what_packets_cannot_tell_is_named_with_the_command_that_does(number: str) -> None:
    """At the right place, among few alternatives, the likeliest first; with cluster files it is told."""
    _, place, alternative, command = FROM_PACKETS[number]
    finding = report_on(*captures(number)).findings[0].finding
    (told,) = accepted(number, with_files=True)
    assert finding.confidence is not Confidence.CONFIRMED
    assert place in finding.title
    assert len(finding.alternatives) <= 3
    assert finding.alternatives[0].startswith(alternative)
    assert told in finding.alternatives[0]
    assert any(line.startswith(command) for line in finding.confirm)


@pytest.mark.parametrize("number", HEALTHY)
def test_healthy_scenario_with_cluster_files_raises_no_alarm(number: str) -> None:
    report = report_with_cluster(*captures(number))
    assert alarms(report) == []
    assert report.verdict.state is State.NO_FAULT_SEEN
    assert not accepted(number) or report.verdict.code in accepted(number)


@pytest.mark.parametrize(("number", "name"), [entry for entry in EVERY_FILE if entry[0] in HEALTHY])
def test_healthy_file_alone_with_cluster_files_raises_no_alarm(number: str, name: str) -> None:
    assert alarms(report_with_cluster(folder(number) / name)) == []


@pytest.mark.parametrize("number", FAULTY)
def test_faulty_scenario_with_cluster_files_is_diagnosed_by_name(number: str) -> None:
    report = report_with_cluster(*captures(number))
    assert report.verdict.code in accepted(number, with_files=True)
    named = json.loads((folder(number) / "truth.json").read_text())
    names = [*named["nodes"], *(pod.replace(".", "/") for pod in named["pods"])]
    assert any(name in report.verdict.headline for name in names)


@pytest.mark.parametrize(("number", "name", "code"), ALONE)
def test_one_file_alone_is_diagnosed(number: str, name: str, code: str) -> None:
    assert report_on(folder(number) / name).verdict.code == code


@pytest.mark.parametrize(("number", "name"), EVERY_FILE)
def test_every_check_answers(number: str, name: str) -> None:
    """No check crashes; what is not checked says why."""
    for check in report_on(folder(number) / name).checks:
        assert check.status is not Status.CRASHED, check.error
        if check.status is Status.NOT_CHECKED:
            assert check.reason
            assert check.missing


@pytest.mark.parametrize("report", [report_on, report_with_cluster], ids=["alone", "with cluster files"])
def test_what_would_settle_a_check_can_be_pasted(report: Callable[..., Report]) -> None:
    """From the view of a ticket with one file: a whole command, nothing left to fill in, and captures that are to be
    compared run at the same time.
    """
    commands = set()
    for number, name in EVERY_FILE:
        for check in report(folder(number) / name).checks:
            if check.status is Status.NOT_CHECKED:
                assert check.enable, (check.code, check.reason, check.missing)
                commands.add(check.enable)
    assert len(commands) > 20
    for command in commands:
        line, _, _ = command.partition("  # ")
        assert line.split()[0] in PROGRAMS, command
        assert not [word for word in ("XXX", "POD_", "…", "<", " ; ") if word in line], command
        assert line.count("tcpdump") < 2 or line.endswith("& wait"), command
        subprocess.run(["bash", "-n", "-c", command], check=True)


@pytest.mark.parametrize("number", FAULTY)
def test_names_of_files_do_not_matter(number: str, tmp_path: Path) -> None:
    renamed = []
    for position, path in enumerate(captures(number)):
        renamed.append(tmp_path / f"x{position}{''.join(path.suffixes[-1:])}")
        shutil.copy(path, renamed[-1])
    assert report_on(*renamed).verdict.code in accepted(number)


@pytest.mark.parametrize("number", FAULTY)
def test_headline_says_who_since_when_and_what_worked(number: str) -> None:
    headline = report_on(*captures(number)).verdict.headline
    assert any(character.isdigit() for character in headline)
    assert "since" in headline or " at 20" in headline
    assert "still so" in headline or "last seen" in headline or " at 20" in headline
    assert "meanwhile" in headline or number in NOTHING_ELSE_WORKED


@pytest.mark.parametrize("report", [report_on, report_with_cluster], ids=["alone", "with cluster files"])
def test_bgp_down_route_gone_bare_packets_is_one_chain(report: Callable[..., Report]) -> None:
    """Each is the cause of the next, and the report tells them in this order."""
    findings = report(*captures("20")).findings
    chain = [entry for entry in findings if entry.finding.code in ("IPD4004", "IPD3003", "IPD2001")]
    assert [entry.finding.code for entry in chain] == ["IPD4004", "IPD3003", "IPD2001"]
    assert [entry.caused_by for entry in chain] == [None, chain[0].id, chain[1].id]
    assert "none answered" in chain[2].finding.observed


def test_configuration_fault_is_cited_below_what_packets_show() -> None:
    """The wrong route of the files is cited by the finding about the packets that take it."""
    findings = report_with_cluster(*captures("09")).findings
    (route,) = [entry for entry in findings if entry.finding.code == "IPD9001"]
    assert (findings[0].finding.code, route.cited_by, route.caused_by) == ("IPD3001", findings[0].id, None)
    assert findings[0].finding.fix[-1].startswith("as the cluster files say: the route of node node-a")


@pytest.mark.parametrize("number", HEALTHY)
def test_files_of_healthy_scenarios_agree(number: str) -> None:
    report = analyze(RunOptions((), cluster_files=(str(folder(number) / "calico-diagnostics"),)))
    assert report.findings == ()
    assert {check.code for check in report.checks if check.code[3] == "9" and check.status is Status.PASS}


@pytest.mark.parametrize(
    ("number", "code"), [("09", "IPD9001"), ("20", "IPD9002"), ("22", "IPD9006"), ("27b", "IPD9004")]
)
def test_files_alone_show_what_is_wrong_in_them(number: str, code: str) -> None:
    report = analyze(RunOptions((), cluster_files=(str(folder(number) / "calico-diagnostics"),)))
    assert report.verdict.code == code


@pytest.mark.parametrize("number", ALL)
def test_findings_rest_on_frames_of_their_input(number: str) -> None:
    report = report_on(*captures(number))
    frames = {entry.id: entry.frames for entry in report.inputs}
    for entry in report.findings:
        for evidence in entry.finding.evidence:
            assert all(1 <= number <= frames[evidence.input] for number in evidence.frames)


@pytest.mark.parametrize("number", (*HEALTHY, "07", "11", "13", "25"))
def test_tcp_that_fares_well_or_suffers_otherwise_is_no_black_hole(number: str) -> None:
    """Among them plain loss, path MTU discovery at work, and a path on which everything is lost."""
    reports = [report_on(*captures(number)), *(report_on(path) for path in captures(number))]
    codes = {entry.finding.code for report in reports for entry in report.findings}
    assert not codes & {"IPD5002", "IPD5005", "IPD8003", "IPD8004", "IPD8005", "IPD8006"}


def test_damaged_files_are_read_as_far_as_they_go() -> None:
    report = report_on(*captures("91"))
    assert report.verdict.code == "IPD6001"
    fatal = {Path(error.name).name for error in report.errors if error.fatal}
    assert fatal == {"a-eth0-cut-in-header.pcap", "empty-file.pcap"}
    damaged = [entry.finding.subject.text for entry in report.findings if entry.finding.code == "IPD0002"]
    assert {Path(name).name for name in damaged} == {
        "a-eth0-cut-in-packet.pcap",
        "a-multi-cut.pcapng",
        "b-eth0-cut.pcap.gz",
    }
