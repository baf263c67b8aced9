"""ipipdiag from Python: the report of the command line, its tables as DataFrames, and what a notebook shows."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

import ipipdiag
from ipipdiag.cli.main import main
from ipipdiag.report.formats import format_names
from ipipdiag.report.model import Report as PlainReport
from ipipdiag.report.model import State
from ipipdiag.report.presentation import TABLES
from tests.scenarios import captures, folder

BROKEN = folder("23") / "a-eth0.pcap"


def test_it_is_the_report_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(path) for path in captures("09")]
    diagnostics = folder("09") / "calico-diagnostics"
    report = ipipdiag.analyze(paths, cluster=diagnostics)
    assert isinstance(report, PlainReport)
    main(["analyze", "-f", "json", *paths, "--cluster", str(diagnostics)])
    assert json.loads(report.render("json")) == json.loads(capsys.readouterr().out)


def test_one_path_is_as_good_as_a_list() -> None:
    assert ipipdiag.analyze(BROKEN).verdict == ipipdiag.analyze([str(BROKEN)]).verdict


def test_tables_are_data_frames() -> None:
    report = ipipdiag.analyze(captures("07"))
    flows = report.frame("flows")
    assert len(flows) == len(report.flows)
    assert str(flows["first"].dtype) == "datetime64[ns, UTC]"
    assert flows["first"].astype("int64").tolist() == [flow.first_ns for flow in report.flows]
    assert flows["packets"].sum() == sum(flow.packets for flow in report.flows)
    assert pd.api.types.is_integer_dtype(flows["src_port"])
    assert flows["src_port"].isna().sum() == sum(flow.src_port is None for flow in report.flows)
    unanswered = flows[(flows.requests > 0) & (flows.answers == 0)]
    assert len(unanswered)
    assert list(report.frame("findings")["code"]) == [entry.finding.code for entry in report.findings]
    assert set(report.frame("checks")["status"]) >= {"pass", "fail"}
    assert list(report.frame("tunnels")["packets"]) == [tunnel.packets for tunnel in report.tunnels]
    with pytest.raises(ValueError, match="one of findings, checks, tunnels, flows"):
        report.frame("points")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_rows_has_its_columns(name: str, tmp_path: Path) -> None:
    frame = ipipdiag.analyze(tmp_path / "absent.pcap", only="IPD0001").frame(name)
    assert len(frame) == 0
    assert len(frame.columns) > 5


def test_a_notebook_shows_markdown_and_a_console_the_verdict() -> None:
    report = ipipdiag.analyze(BROKEN)
    assert report._repr_markdown_().startswith("# FAULT FOUND: IPD2004")
    assert repr(report).startswith("FAULT FOUND  IPD2004")
    assert "WHAT WAS CHECKED" in str(report)
    assert "WHAT WAS CHECKED" not in repr(report)


def test_keywords_are_the_options(tmp_path: Path) -> None:
    report = ipipdiag.analyze(
        BROKEN,
        point="a-eth0.pcap=node@node-x",
        node=["node-x=10.50.10.34/24"],
        ipip_mode="10.244.0.0/16=Always",
        pod_cidr="10.244.0.0/16",
        skip="outersourcenotnode",
        host="node-x",
        from_time=datetime(2026, 1, 1, tzinfo=UTC),
        to_time="2030-01-01 00:00",
        max_frames=100,
    )
    assert report.points[0].source == "user"
    assert "IPD2004" not in [check.code for check in report.checks]
    assert {"config", "user"} & {known.source.split(":")[0] for known in report.cluster}
    assert [(setting.option, setting.source) for setting in report.settings] == [
        (option, "analyze()") for option in ("--skip", "--host", "--from", "--to", "--max-frames")
    ]
    assert ipipdiag.analyze(BROKEN, to_time=datetime(2020, 1, 1, tzinfo=UTC)).verdict.state is State.NOT_ENOUGH_EVIDENCE


@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("point", "x", "expected FILE=ROLE"),
        ("only", "IPD9999", "no such check"),
        ("from_time", "noon", "is no time"),
        ("host", "nobody", "neither an IPv4 address nor a name"),
    ],
)
def test_what_means_nothing_is_a_value_error(keyword: str, value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ipipdiag.analyze(BROKEN, **{keyword: value})  # type: ignore[arg-type]


def test_what_cannot_be_read_is_in_the_report(tmp_path: Path) -> None:
    report = ipipdiag.analyze([BROKEN, tmp_path / "absent.pcap"])
    assert report.verdict.code == "IPD2004"
    assert [(error.name, error.error) for error in report.errors] == [(str(tmp_path / "absent.pcap"), "no such file")]


def test_every_format_can_be_rendered() -> None:
    report = ipipdiag.analyze(BROKEN)
    for name in format_names():
        assert report.render(name)
    assert len(report.render("md", max_bytes=2000)) <= 2000
    assert report.render("csv", table="checks").startswith(b"code,name,status")
    with pytest.raises(ValueError, match="is no format"):
        report.render("xml")


def test_importing_the_package_alone_is_light() -> None:
    script = "import sys, ipipdiag; print(*({'numpy', 'pandas', 'rich', 'click'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    with pytest.raises(AttributeError, match="nonsense"):
        ipipdiag.nonsense  # noqa: B018


def test_a_report_needs_no_pandas() -> None:
    """It takes as long to import as half a million frames take to read; only who asks for a DataFrame waits for it."""
    script = (
        "import atexit, sys; from ipipdiag.cli.main import main;"
        "atexit.register(lambda: print(*({'pandas'} & sys.modules.keys()), file=sys.stderr));"
        "main()"
    )
    command = [sys.executable, "-c", script, "analyze", "-f", "json", "--fail-on", "never", BROKEN]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("{")
    assert done.stderr.strip() == ""


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ipipdiag.api

    for name in ("a-eth0.pcap", "b-eth0.pcap"):
        (tmp_path / name).write_bytes((folder("09") / name).read_bytes())
    (tmp_path / "diags.tar.gz").symlink_to(folder("09") / "calico-diagnostics")
    monkeypatch.chdir(tmp_path)
    lines = (ipipdiag.api.__doc__ or "").splitlines()
    example = "\n".join(line[4:] for line in lines if line.startswith("    "))
    names: dict[str, object] = {}
    exec(example, names)
    assert len(names["flows"])  # type: ignore[arg-type]
    assert (tmp_path / "report.md").read_bytes().startswith(b"# FAULT FOUND: IPD3001")
