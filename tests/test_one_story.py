"""All formats tell the same story: codes, counts and statuses are equal in each of them, over every sample."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ipipdiag.checks.model import Status
from ipipdiag.report import wording
from ipipdiag.report.formats import render
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Detail, Presentation
from tests.report.page import parse
from tests.scenarios import SAMPLES, captures, report_on, report_with_cluster

SCENARIOS = sorted(path.name.split("-")[0] for path in SAMPLES.glob("[0-9]*"))
WHOLE = Presentation(detail=Detail.FULL)
Story = dict[str, Any]


def told(report: Report) -> Story:
    """What every format must tell: per check its status, and the findings, each as code and count, in their order."""
    return {
        "statuses": {check.code: check.status.value for check in report.checks},
        "findings": [(entry.finding.code, entry.finding.count) for entry in report.findings],
    }


def from_json(report: Report) -> Story:
    document = json.loads(render("json", report, WHOLE))
    return {
        "statuses": {check["code"]: check["status"] for check in document["checks"]},
        "findings": [(finding["code"], finding["count"]) for finding in document["findings"]],
    }


def from_csv(report: Report) -> Story:
    def rows(table: str) -> list[dict[str, str]]:
        text = render("csv", report, Presentation(table=table)).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    return {
        "statuses": {row["code"]: row["status"] for row in rows("checks")},
        "findings": [(row["code"], int(row["count"])) for row in rows("findings")],
    }


def from_sarif(report: Report) -> Story:
    (run,) = json.loads(render("sarif", report, WHOLE))["runs"]
    return {
        "statuses": {rule["id"]: rule["properties"]["status"] for rule in run["tool"]["driver"]["rules"]},
        "findings": [(result["ruleId"], result["properties"]["count"]) for result in run["results"]],
    }


def from_html(report: Report) -> Story:
    page = parse(render("html", report, WHOLE).decode())
    return {
        "statuses": {
            row.attributes["data-check"]: row.attributes["data-status"] for row in page.with_attribute("data-check")
        },
        "findings": [
            (card.attributes["data-code"], int(card.attributes["data-count"]))
            for card in page.with_attribute("data-finding")
        ],
    }


def from_markdown(report: Report) -> Story:
    text = render("md", report, WHOLE).decode()
    statuses = {}
    words = {wording.STATUSES[status]: status.value for status in Status}
    for word, status in words.items():
        for row in re.findall(rf"^\| {re.escape(word)} \| (.*) \|$", text, re.MULTILINE):
            statuses |= dict.fromkeys(re.findall(r"[A-Z]{3}\d{4}", row), status)
    not_checked = text.partition("## What was not checked")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| ([A-Z]{3}\d{4}.*?) \|", not_checked, re.MULTILINE)
    statuses |= dict.fromkeys((code for cell in listed for code in re.findall(r"[A-Z]{3}\d{4}", cell)), "not_checked")
    blocks = re.split(r"^### f\d+ ", text.partition("\n## What was")[0], flags=re.MULTILINE)[1:]
    return {"statuses": statuses, "findings": [_finding_of(block) for block in blocks]}


def _finding_of(block: str) -> tuple[str, int | None]:
    code = re.search(r"^([A-Z]{3}\d{4}) ", block, re.MULTILINE)
    seen = re.search(r"^- Seen: (once|[\d,]+ times)", block, re.MULTILINE)
    assert code is not None
    if seen is None:
        return code.group(1), None  # rests on files alone: not seen at any time
    return code.group(1), 1 if seen.group(1) == "once" else int(seen.group(1).split()[0].replace(",", ""))


def outcomes_of_junit(report: Report) -> dict[str, str]:
    root = ElementTree.fromstring(render("junit", report, WHOLE))
    cases = root.findall("testsuite[@name='checks']/testcase")
    return {case.get("name", "")[:7]: (case[0].tag if len(case) else "passed") for case in cases}


JUNIT = {
    Status.PASS: "passed",
    Status.FAIL: "failure",
    Status.NOTED: "system-out",
    Status.NOT_APPLICABLE: "skipped",
    Status.NOT_CHECKED: "skipped",
    Status.CRASHED: "error",
}


@pytest.mark.parametrize("with_cluster", [False, True], ids=["captures", "with cluster files"])
@pytest.mark.parametrize("number", SCENARIOS)
def test_every_format_tells_the_same(number: str, with_cluster: bool) -> None:
    paths = captures(number)
    if with_cluster and not (paths[0].parent / "calico-diagnostics").is_dir():
        with_cluster = False
    report = (report_with_cluster if with_cluster else report_on)(*paths)
    story = told(report)
    assert from_json(report) == story
    assert from_csv(report) == story
    assert from_sarif(report) == story
    assert from_html(report) == story
    markdown = from_markdown(report)
    assert markdown["statuses"] == story["statuses"]
    for (code, count), (said_code, said_count) in zip(story["findings"], markdown["findings"], strict=True):
        assert said_code == code
        assert said_count in (count, None)
    assert outcomes_of_junit(report) == {check.code: JUNIT[check.status] for check in report.checks}
    brief = render("text", report, WHOLE).decode()
    named = Counter(re.findall(r"^ *(?:critical|error|warning|notice) · \w+ · ([A-Z]{3}\d{4}) ", brief, re.MULTILINE))
    assert named == Counter(code for code, _ in story["findings"])


def test_every_sample_is_told_of() -> None:
    assert len(SCENARIOS) == len(list(Path(SAMPLES).glob("[0-9]*/README.md"))) > 20
