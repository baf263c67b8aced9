"""``diff`` and ``schema``: which findings are the same thing in two runs, and what a finding that is gone proves."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ipipdiag.checks.model import CheckResult, Confidence, Reason, Severity, Status, SubjectKind
from ipipdiag.cli.main import main
from ipipdiag.report.formats import render
from ipipdiag.report.model import FindingReport, Report
from ipipdiag.report.presentation import Presentation
from tests.report.example_report import blocked_report
from tests.report.hostile import hostile_report
from tests.scenarios import captures, report_on, report_with_cluster

Output = pytest.CaptureFixture[str]
Write = Callable[[str, Report], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, report: Report) -> str:
        (tmp_path / name).write_bytes(render("json", report, Presentation()))
        return str(tmp_path / name)

    return written


def compared(capsys: Output, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["diff", "-f", "json", *arguments])
    findings: dict[str, Any] = json.loads(capsys.readouterr().out)["findings"]
    return code, findings


def without(report: Report, code: str, result: CheckResult | None) -> Report:
    """The report as if that code had not been found; its check ended as told (None: it was not run)."""
    others = tuple(check for check in report.checks if check.code != code)
    findings = tuple(entry for entry in report.findings if entry.finding.code != code)
    return replace(report, findings=findings, checks=(*others, result) if result else others)


def test_a_report_beside_itself_has_nothing_new(write: Write, capsys: Output) -> None:
    path = write("a.json", blocked_report())
    code, findings = compared(capsys, path, path)
    assert code == 0
    assert [len(findings[kind]) for kind in ("new", "gone", "changed", "same")] == [0, 0, 0, 3]


def test_other_counts_and_numbers_are_no_new_finding(write: Write, capsys: Output) -> None:
    report = blocked_report()
    again = tuple(
        replace(entry, id=f"f{9 - number}", finding=replace(entry.finding, count=99, title="other words", first_ns=5))
        for number, entry in enumerate(report.findings)
    )
    code, findings = compared(capsys, write("a", report), write("b", replace(report, findings=again[::-1])))
    assert code == 0
    assert [change["new"] for entry in findings["changed"] for change in entry["changes"]] == ["99"] * 3


def test_files_of_another_name_are_no_new_finding(write: Write, capsys: Output) -> None:
    report = blocked_report()
    notice = report.findings[2]
    renamed = replace(
        notice, finding=replace(notice.finding, subject=replace(notice.finding.subject, text="later.pcap"))
    )
    later = replace(report, findings=(*report.findings[:2], renamed))
    code, findings = compared(capsys, write("a", report), write("b", later))
    assert (code, findings["new"], findings["gone"]) == (0, [], [])


def test_names_from_cluster_files_are_no_new_finding(write: Write, capsys: Output) -> None:
    paths = captures("23")
    bare, told = write("a", report_on(*paths)), write("b", report_with_cluster(*paths))
    _, findings = compared(capsys, bare, told)
    assert "IPD2004" not in [entry["code"] for entry in (*findings["new"], *findings["gone"])]


def test_the_same_fault_between_other_nodes_is_new(write: Write, capsys: Output) -> None:
    report = blocked_report()
    lead = report.findings[0]
    subject = replace(lead.finding.subject, text="10.50.10.34 to 10.50.20.35", nodes=("10.50.10.34", "10.50.20.35"))
    moved = replace(report, findings=(replace(lead, finding=replace(lead.finding, subject=subject)),))
    code, findings = compared(capsys, write("a", report), write("b", moved))
    assert code == 1
    assert [entry["code"] for entry in findings["new"]] == ["IPD6001"]
    assert "IPD6001" in [entry["code"] for entry in findings["gone"]]


@pytest.mark.parametrize(
    ("kind", "fail_on", "code"),
    [
        ("new", "critical", 1),
        ("new", "notice", 1),
        ("risen", "critical", 1),
        ("risen", "error", 0),
        ("sunk", "notice", 0),
    ],
)
def test_what_is_new_or_has_risen_exits_with_1(
    kind: str, fail_on: str, code: int, write: Write, capsys: Output
) -> None:
    report = blocked_report()
    lead = report.findings[0]
    lighter = replace(lead, finding=replace(lead.finding, severity=Severity.ERROR))
    before, after = {
        "new": ((), (lead,)),
        "risen": ((lighter,), (lead,)),
        "sunk": ((lead,), (lighter,)),
    }[kind]
    one, other = (replace(report, findings=findings) for findings in (before, after))
    assert main(["diff", write("a", one), write("b", other), "--fail-on", fail_on]) == code


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (CheckResult("IPD6001", "ProtocolFourBlocked", Status.PASS, examined=7), "not seen any more, 7 examined"),
        (CheckResult("IPD6001", "ProtocolFourBlocked", Status.NOT_APPLICABLE), "not proven gone: there was nothing"),
        (
            CheckResult(
                *("IPD6001", "ProtocolFourBlocked", Status.NOT_CHECKED), reason=Reason.WRONG_POINT, missing="no NIC"
            ),
            "not proven gone: could not be checked (no NIC)",
        ),
        (CheckResult("IPD6001", "ProtocolFourBlocked", Status.CRASHED, error="x"), "not proven gone: its check"),
        (None, "not proven gone: its check was not made"),
    ],
)  # fmt: skip
def test_what_is_gone_is_proven_only_by_a_check_that_looked(
    result: CheckResult | None, said: str, write: Write, capsys: Output
) -> None:
    report = blocked_report()
    assert main(["diff", write("a", report), write("b", without(report, "IPD6001", result))]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert said in shown
    assert "GONE (1)" in shown


def test_a_repair_shows_as_one(write: Write, capsys: Output) -> None:
    broken = write("a", report_on(*captures("07")))
    repaired = write("b", report_on(*captures("01")))
    code = main(["diff", broken, repaired, "--fail-on", "warning"])
    shown = capsys.readouterr().out
    assert code == 0
    assert shown.startswith("Before      FAULT FOUND")
    assert "After       NO FAULT SEEN" in shown


def test_standard_input_is_a_report_too(write: Write, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a", blocked_report())

    class Piped:
        buffer = io.BytesIO(Path(path).read_bytes())

    monkeypatch.setattr("sys.stdin", Piped())
    assert main(["diff", path, "-"]) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON report"),
        (b"{}", "it has no 'schema_version'"),
        (b'{"schema_version": "2.0"}', "its schema version is 2.0"),
        (b'{"schema_version": "1.0", "verdict": {"state": "well"}}', "'well'"),
        (b'{"schema_version": 1}', "where str is expected"),
    ],
)
def test_what_is_no_report_is_3_and_one_line(
    content: bytes, said: str, tmp_path: Path, write: Write, capsys: Output
) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    assert main(["diff", write("a", blocked_report()), str(tmp_path / "bad.json")]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert "bad.json" in line
    assert said in line


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["absent.json", "absent.json"], 3), (["a"], 2), (["-", "-"], 2), (["a", "b", "-f", "md"], 2)],
)
def test_wrong_arguments(arguments: list[str], code: int) -> None:
    assert main(["diff", *arguments]) == code


def test_hostile_names_stay_text(write: Write, capsys: Output) -> None:
    report = hostile_report()
    tame = replace(report, findings=(FindingReport("f1", replace(
        report.findings[0].finding, code="IPD6003", confidence=Confidence.POSSIBLE,
        subject=replace(report.findings[0].finding.subject, kind=SubjectKind.CAPTURE)), None),))  # fmt: skip
    main(["diff", write("a", report), write("b", tame)])
    shown = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_schema_is_the_one_that_is_shipped(capsys: Output) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((files("ipipdiag.report") / "schema.json").read_text())
