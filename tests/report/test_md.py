"""Markdown: what a reader of a ticket sees, what a hostile name cannot do to it, and what a limit leaves out."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ipipdiag.report.formats import render
from ipipdiag.report.markdown import code, escaped, fence, table
from ipipdiag.report.model import FindingReport, Report
from ipipdiag.report.presentation import Detail, Presentation
from ipipdiag.report.sanitise import visible
from tests.report.example_report import blocked_report, unreadable_report
from tests.report.hostile import ALL, TOGETHER, hostile_report

HTML = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OWN_ELEMENTS = {
    *("h1", "h2", "h3", "p", "strong", "em", "ul", "li", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"),
    "html",
}


def markdown(report: Report, presentation: Presentation | None = None) -> str:
    return render("md", report, presentation or Presentation()).decode()


def html(text: str) -> ElementTree.Element:
    """The Markdown as a reader's program makes HTML of it, parsed."""
    return ElementTree.fromstring(f"<html>{HTML.render(text)}</html>")


def shown(text: str) -> str:
    return " ".join("".join(html(text).itertext()).split())


def test_the_verdict_comes_first_then_a_summary_of_few_lines() -> None:
    page = html(markdown(blocked_report()))
    assert [element.tag for element in page][:3] == ["h1", "p", "ul"]
    assert "".join(page[0].itertext()) == "FAULT FOUND: IPD6001 ProtocolFourBlocked"
    assert 3 <= len(page[2]) <= 6


def test_each_finding_has_a_table_of_expected_and_observed() -> None:
    page = html(markdown(blocked_report()))
    tables = [table for table in page.iter("table") if table.findtext("thead/tr/th") == "Expected"]
    assert len(tables) == len(blocked_report().findings)
    for entry, found in zip(blocked_report().findings, tables, strict=True):
        assert [cell.text for cell in found.iter("td")] == [entry.finding.expected, entry.finding.observed]


def test_filters_and_commands_can_be_copied() -> None:
    blocks = ["".join(block.itertext()) for block in html(markdown(blocked_report())).iter("pre")]
    finding = blocked_report().findings[0].finding
    assert f"{finding.evidence[0].display_filter}\n" in blocks
    assert any("timeout 30 tcpdump -ni eth0" in block for block in blocks)


def test_inputs_bear_their_whole_hash_and_what_was_not_checked_its_reason() -> None:
    text = shown(markdown(blocked_report()))
    for entry in blocked_report().inputs:
        assert entry.sha256 in text
    assert "no_config" in text
    assert "the ipipMode of the pool of 10.244.136.13 is not known" in text
    assert "notes.txt: is not a capture file" in text


def test_brief_is_the_verdict_and_titles_and_verbose_has_every_frame() -> None:
    brief = markdown(blocked_report(), Presentation(detail=Detail.BRIEF))
    assert "Expected" not in brief
    assert "### f2" in brief
    assert "24, 26, 28, 30, …" in markdown(blocked_report())
    assert "30, 32, 34" in markdown(blocked_report(), Presentation(detail=Detail.FULL))


def test_a_run_of_which_nothing_was_read_is_a_report() -> None:
    text = shown(markdown(unreadable_report()))
    assert text.startswith("NOT ENOUGH EVIDENCE None of the inputs could be read.")
    assert "absent.pcap: no such file" in text


@pytest.mark.parametrize("text", ALL)
def test_hostile_text_is_shown_as_it_is(text: str) -> None:
    expected = " ".join(visible(text).split())
    for page in (f"{escaped(text)}\n", f"- {escaped(text)}\n", f"### f1 {escaped(text)}\n", f"- x: {code(text)}\n"):
        assert shown(page).removeprefix("f1 ").removeprefix("x: ") == expected
    cells = [cell.text for cell in html(table(("A", "B"), [(text, text)])).iter("td")]
    assert [" ".join((cell or "").split()) for cell in cells] == [expected, expected]
    assert "".join(html(fence([text])).itertext()).rstrip("\n") == visible(text)


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("\\`*_[]<>&|~#$^!:@.-+=1 "), max_size=40))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    expected = " ".join(visible(text).split())
    assert shown(f"x {escaped(text)} x\n") == f"x {expected} x".replace("  ", " ")
    assert shown(f"- {escaped(text)}\n") == expected
    cells = [cell.text for cell in html(table(("A", "B"), [(text, text)])).iter("td")]
    assert [" ".join((cell or "").split()) for cell in cells] == [expected, expected]


def test_a_hostile_report_has_no_markup_but_our_own() -> None:
    text = markdown(hostile_report(), Presentation(detail=Detail.FULL))
    assert text.isprintable() or all(character.isprintable() or character == "\n" for character in text)
    page = html(text)
    assert {element.tag for element in page.iter()} <= OWN_ELEMENTS
    outline = [element.tag for element in page]
    assert outline == [element.tag for element in html(markdown(_as_many_parts(), Presentation(detail=Detail.FULL)))]
    assert visible(TOGETHER) in shown(text)


def _as_many_parts() -> Report:
    """The hostile report with each hostile text replaced by a harmless one."""
    report = hostile_report()
    finding = report.findings[0].finding
    tame = replace(
        finding, title="t", expected="e", observed="o", confirm=("a", "b"), fix=("a", "b"), alternatives=("a", "b")
    )
    return replace(
        report, findings=(FindingReport("f1", tame, None), FindingReport("f2", replace(tame, code="IPD6002"), "f1"))
    )


def test_a_limit_is_kept_and_says_what_it_left_out() -> None:
    whole = len(markdown(blocked_report()).encode())
    sizes = [*range(1000, whole, 137), whole]
    texts = [markdown(blocked_report(), Presentation(max_bytes=size)) for size in sizes]
    for size, text in zip(sizes, texts, strict=True):
        assert len(text.encode()) <= size
        assert text.startswith("# FAULT FOUND: IPD6001")
        assert ("Left out to stay within" in text) == (size < whole)
        assert {element.tag for element in html(text).iter()} <= OWN_ELEMENTS
        assert text.count("```") % 2 == 0
    kept = [set(re.findall(r"^#+ .*", text, re.MULTILINE)) for text in texts]
    assert all(smaller <= larger for smaller, larger in pairwise(kept))


def test_the_least_important_goes_first() -> None:
    whole = markdown(blocked_report())
    text = markdown(blocked_report(), Presentation(max_bytes=len(whole.encode()) - 1))
    assert "## What was checked" not in text
    assert text.endswith(
        "*Left out to stay within 6,000 bytes: what was checked.*\n".replace("6,000", f"{len(whole.encode()) - 1:,}")
    )
    least = markdown(blocked_report(), Presentation(max_bytes=1000))
    assert "evidence of f1, f2, f3" in least
    assert "## Inputs" not in least


def test_a_hostile_report_stays_within_its_limit() -> None:
    for size in (1000, 2000, 5000):
        assert len(markdown(hostile_report(), Presentation(max_bytes=size)).encode()) <= size
