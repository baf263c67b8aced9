"""CSV and Parquet: the same rows as the report, harmless to spreadsheets, and what is said where pyarrow is missing."""

from __future__ import annotations

import csv
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ipipdiag.cli.main import main
from ipipdiag.report.formats import render
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import TABLES, Presentation
from ipipdiag.report.sanitise import visible
from ipipdiag.report.tables import table
from tests.cli.conftest import FakeRun, run  # noqa: F401
from tests.report.example_report import blocked_report, unreadable_report
from tests.report.hostile import FORMULA, hostile_report
from tests.scenarios import captures, report_on

Output = pytest.CaptureFixture[str]


def rows(report: Report, name: str) -> list[dict[str, str]]:
    text = render("csv", report, Presentation(table=name)).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_findings_are_a_line_each_with_everything_to_sort_by() -> None:
    first, second, third = rows(blocked_report(), "findings")
    assert (first["code"], first["severity"], first["confidence"], first["count"]) == (
        *("IPD6001", "critical", "confirmed", "12"),
    )
    assert first["first"] == "2026-08-01T12:00:01.123456789Z"
    assert first["evidence"].startswith("a-eth0.pcap: 12, 14")
    assert (second["caused_by"], third["caused_by"]) == ("f1", "")


def test_tunnels_name_capture_and_place() -> None:
    first, _ = rows(blocked_report(), "tunnels")
    assert (first["capture"], first["role"], first["packets"]) == ("a-eth0.pcap", "node", "12")


def test_flows_of_a_capture_are_counted_as_captured() -> None:
    report = report_on(*captures("07"))
    flows = rows(report, "flows")
    assert len(flows) == len(report.flows) > 20
    wrapped = [flow for flow in flows if flow["tunnel"] == "ipip"]
    assert {flow["outer_src"] for flow in wrapped} == {tunnel.outer_src for tunnel in report.tunnels}
    for flow in flows:
        assert (flow["outer_src"] == "") == (flow["tunnel"] not in ("ipip", "vxlan"))
        assert int(flow["packets"]) >= 1
        assert flow["first"] <= flow["last"]
    ping = [flow for flow in flows if flow["protocol"] == "icmp" and flow["capture"].endswith("pod-a1-eth0.pcap")]
    assert ping
    assert all(flow["src_port"] == flow["dst_port"] != "" for flow in ping)


@pytest.mark.parametrize("name", TABLES)
def test_no_cell_is_a_formula(name: str) -> None:
    text = render("csv", hostile_report(), Presentation(table=name)).decode()
    for row in csv.reader(io.StringIO(text, newline=""), strict=True):
        for cell in row:
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))
            assert cell.isprintable()


def test_a_formula_can_still_be_read() -> None:
    cells = [cell for row in rows(hostile_report(), "findings") for cell in row.values()]
    assert any(f"'{FORMULA}" in cell for cell in cells)


@pytest.mark.parametrize("name", TABLES)
def test_a_report_without_rows_has_its_line_of_names(name: str) -> None:
    lines = render("csv", unreadable_report(), Presentation(table=name)).decode().splitlines()
    assert lines[0].split(",") == [column for column, _ in table(unreadable_report(), name).columns]


@pytest.mark.parametrize("report", [blocked_report(), hostile_report(), unreadable_report()])
@pytest.mark.parametrize("name", TABLES)
def test_parquet_holds_the_same_rows_with_types(name: str, report: Report) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason=f"-f parquet --table {name}: pyarrow is not installed")
    read = parquet.read_table(io.BytesIO(render("parquet", report, Presentation(table=name)))).to_pylist()
    shown = rows(report, name)
    assert len(read) == len(shown)
    for typed, row in zip(read, shown, strict=True):
        assert list(typed) == list(row)
        for column, value in typed.items():
            if value is None:
                assert row[column] == ""
            elif isinstance(value, datetime):
                assert value.astimezone(UTC).isoformat()[:19] == row[column][:19]
            else:
                assert row[column].removeprefix("'") == visible(str(value))


def test_parquet_without_pyarrow_is_5_and_says_how_to_get_it(
    run: FakeRun,  # noqa: F811
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "ipipdiag.report.formats.parquet", raising=False)
    assert main(["analyze", "a", "-f", "parquet"]) == 5
    assert "pip install 'ipipdiag[parquet]'" in capsys.readouterr().err
    assert run.options == {}


def test_a_folder_gets_every_table(run: FakeRun, tmp_path: Path, capsys: Output) -> None:  # noqa: F811
    assert main(["analyze", "a", "-f", "csv", "-o", str(tmp_path)]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.csv" for name in TABLES)
    assert (tmp_path / "tunnels.csv").read_text().startswith("point,capture,")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("-f json --table flows", "--table means nothing to -f json"),
        ("-f csv --max-bytes 5000", "--max-bytes means nothing to -f csv"),
        ("-f md --max-bytes 10", "10 is not in the range"),
        ("-f json -o FOLDER", "is a folder; name a file"),
        ("-f csv --table flows -o FOLDER", "a folder gets all tables"),
        ("-f csv --table points", "'points'"),
    ],
)
def test_what_a_format_cannot_do_is_a_usage_error(
    arguments: str,
    said: str,
    run: FakeRun,  # noqa: F811
    tmp_path: Path,
    capsys: Output,
) -> None:
    assert main(["analyze", "a", *arguments.replace("FOLDER", str(tmp_path)).split()]) == 2
    assert said in capsys.readouterr().err
    assert run.options == {}
