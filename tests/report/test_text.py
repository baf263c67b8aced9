"""The text report: fits its width, is plain unless asked, and says first what is to be known first."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ipipdiag.report.formats import render
from ipipdiag.report.model import FindingReport, InterfaceReport, Report, State, Verdict
from ipipdiag.report.presentation import Detail, Presentation
from tests.report.example_report import blocked_finding, blocked_report, unreadable_report

HOSTILE = "eth0\x1b[31m\u202e\nFAULT [bold red]x[/] " + "w" * 150


def shown(report: Report, width: int = 100, detail: Detail = Detail.NORMAL, *, colour: bool = False) -> str:
    return render("text", report, Presentation(width, colour, detail)).decode()


@pytest.mark.parametrize("detail", list(Detail))
@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("report", [blocked_report(), unreadable_report()], ids=["blocked", "unreadable"])
def test_every_line_fits_and_none_ends_in_spaces(report: Report, width: int, detail: Detail) -> None:
    for line in shown(report, width, detail).splitlines():
        assert len(line) <= width, line
        assert line == line.rstrip()


def test_the_verdict_is_in_the_first_lines_and_in_the_last() -> None:
    lines = shown(blocked_report()).splitlines()
    assert lines[0] == "FAULT FOUND  IPD6001 ProtocolFourBlocked · critical · confirmed"
    assert lines[1].startswith("IP-in-IP from node-a (10.50.10.34) to master3")
    assert "Look at     node network · 10.50.10.34 to 10.50.10.33" in lines[:5]
    repeat = lines.index("VERDICT")
    assert lines[repeat + 1 :] == lines[: len(lines) - repeat - 1]


def test_sections_come_in_order() -> None:
    headings = [line for line in shown(blocked_report()).splitlines() if line and line == line.upper()]
    assert headings == [
        "FINDINGS",
        "WHAT WAS CHECKED",
        "WHERE THE CAPTURES WERE TAKEN",
        "WHAT IS TAKEN AS KNOWN OF THE CLUSTER",
        "IP-IN-IP AS CAPTURED",
        "INPUTS",
        "WHAT COULD NOT BE READ",
        "VERDICT",
    ]


def test_a_consequence_hangs_below_what_explains_it() -> None:
    text = shown(blocked_report())
    assert "\n   f1 explains:\n   f2 Nothing comes back" in text
    assert text.index("f1 IP-in-IP") < text.index("f1 explains:") < text.index("f3 Packets above")


def test_a_deep_chain_of_consequences_is_not_pushed_off_the_page() -> None:
    chain = [FindingReport(f"f{n}", blocked_finding(), f"f{n - 1}" if n > 1 else None) for n in range(1, 30)]
    text = shown(replace(blocked_report(), findings=tuple(chain)), 80)
    assert max(map(len, text.splitlines())) <= 80


def test_evidence_names_the_input_the_frames_and_the_filter() -> None:
    text = shown(blocked_report())
    assert "Evidence    a-eth0.pcap frames 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, …\n" in text
    assert "\n               ip.proto#1 == 4 && ip.src#1 == 10.50.10.34 && ip.dst#1 == 10.50.10.33\n" in text
    assert "30, 32, 34\n" in shown(blocked_report(), detail=Detail.FULL)


def test_what_could_not_be_checked_says_what_is_missing_and_how_to_settle_it() -> None:
    text = shown(blocked_report())
    assert "   IPD2001 NotEncapsulated, IPD2002 EncapsulatedInSameSubnet (no_config)\n" in text
    assert "missing     the ipipMode of the pool of 10.244.136.13 is not known\n" in text
    assert "--ipip-mode 10.244.0.0/16=Always\n" in text
    assert "Crashed: IPD2010 EncapsulationOnPodInterface, a bug of ipipdiag: KeyError: 'tunl0'\n" in text


def test_brief_is_the_verdict_and_the_titles() -> None:
    text = shown(blocked_report(), detail=Detail.BRIEF)
    assert "f2 Nothing comes back" in text
    assert "Expected" not in text
    assert "WHAT WAS CHECKED" not in text
    assert text.count("FAULT FOUND") == 1


def test_full_shows_whole_hashes() -> None:
    text = shown(blocked_report(), detail=Detail.FULL)
    assert "ab" * 32 in text


def test_colour_only_where_asked_and_the_same_words() -> None:
    plain, coloured = shown(blocked_report()), shown(blocked_report(), colour=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_verdict_without_findings_names_no_code() -> None:
    report = replace(
        unreadable_report(), verdict=Verdict(State.NO_FAULT_SEEN, None, None, None, "12 checks passed."), errors=()
    )
    assert shown(report).startswith("NO FAULT SEEN\n12 checks passed.\n")


def test_text_from_captures_cannot_forge_the_report() -> None:
    report = blocked_report()
    inputs = tuple(
        replace(entry, name=HOSTILE, interfaces=(InterfaceReport(0, HOSTILE, "ETHERNET", 0),))
        for entry in report.inputs
    )
    points = tuple(replace(point, pod=HOSTILE, node=HOSTILE, reason=HOSTILE) for point in report.points)
    finding = replace(blocked_finding(), title=HOSTILE, observed=HOSTILE, fix=(HOSTILE,))
    text = shown(replace(report, inputs=inputs, points=points, findings=(FindingReport("f1", finding, None),)))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("FAULT [bold") for line in text.splitlines())
    assert "[bold red]x[/]" in text
    assert all(len(line) <= 100 for line in text.splitlines())
