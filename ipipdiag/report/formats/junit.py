"""The report as JUnit XML, for build servers: each check a test case, and each input that could not be read another.

A check that failed is a failure; one that could not be made, or does not apply, is skipped with its reason; a crashed
one is an error, as is an input of which nothing could be read. What checks of another outcome note is their output.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ipipdiag.checks.model import CheckResult, Status
from ipipdiag.report import wording
from ipipdiag.report.model import FindingReport, InputError, Report
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.sanitise import visible

_SKIPPED = (Status.NOT_CHECKED, Status.NOT_APPLICABLE)


def render(report: Report, presentation: Presentation) -> bytes:
    """The report as UTF-8 XML, ended by a newline."""
    names = {entry.id: entry.name for entry in report.inputs}
    suites = Element("testsuites", name="ipipdiag")
    checks = SubElement(suites, "testsuite", name="checks")
    properties = SubElement(checks, "properties")
    for name, value in (("verdict", report.verdict.state.value), ("headline", report.verdict.headline)):
        SubElement(properties, "property", name=name, value=visible(value))
    for result in report.checks:
        _check(checks, result, [entry for entry in report.findings if entry.finding.code == result.code], names)
    inputs = SubElement(suites, "testsuite", name="inputs")
    for entry in report.inputs:
        SubElement(inputs, "testcase", classname="ipipdiag.inputs", name=visible(entry.name))
    for error in report.errors:
        _refused(inputs, error)
    for suite in (checks, inputs, suites):
        _count(suite)
    ElementTree.indent(suites)
    rendered: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return rendered + b"\n"


def _check(suite: Element, result: CheckResult, findings: Sequence[FindingReport], names: dict[str, str]) -> None:
    case = SubElement(suite, "testcase", classname="ipipdiag.checks", name=visible(f"{result.code} {result.name}"))
    text = "\n".join(visible(line) for entry in findings for line in _finding(entry, names))
    if result.status is Status.FAIL:
        message = "; ".join(entry.finding.title for entry in findings)
        kind = min((entry.finding.severity for entry in findings), key=lambda severity: severity.rank).value
        SubElement(case, "failure", message=visible(message), type=kind).text = text
    elif result.status in _SKIPPED:
        why = [result.reason.value if result.reason else result.status.value]
        SubElement(case, "skipped", message=visible(": ".join(why + ([result.missing] if result.missing else []))))
    elif result.status is Status.CRASHED:
        SubElement(case, "error", message=visible(result.error or "no text"), type="crashed")
    elif findings:
        SubElement(case, "system-out").text = text


def _finding(entry: FindingReport, names: dict[str, str]) -> list[str]:
    finding = entry.finding
    lines = [
        f"{entry.id} {finding.title}",
        f"{finding.severity.value}, {finding.confidence.value}, {finding.component.value}",
        f"Expected: {finding.expected}",
        f"Observed: {finding.observed}",
    ]
    if seen := wording.seen(finding):
        lines.append(f"Seen: {seen}")
    for evidence in finding.evidence:
        lines.append(f"Evidence: {names.get(evidence.input, evidence.input)} {wording.frames_of(evidence)}".rstrip())
        lines.append(f"  {evidence.display_filter}")
    lines += [f"Confirm: {command}" for command in finding.confirm]
    lines += [f"Then fix: {text}" for text in finding.fix]
    return lines


def _refused(suite: Element, error: InputError) -> None:
    case = SubElement(suite, "testcase", classname="ipipdiag.inputs", name=visible(error.name))
    if error.fatal:
        SubElement(case, "error", message=visible(error.error), type="unreadable")
    else:
        SubElement(case, "system-out").text = visible(error.error)


def _count(suite: Element) -> None:
    """The totals a reader of the format looks for; times are not measured."""
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(kind) is not None for case in cases)))
