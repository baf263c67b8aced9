"""``analyze``: what options become, where the report goes, and which exit code each end has."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from ipipdiag.addresses import parse_address
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.cli.main import main
from ipipdiag.cluster.model import Mode, ModeOption, NodeOption
from ipipdiag.points.model import PointOption, Role
from ipipdiag.report.model import FindingReport
from tests.cli.conftest import FakeRun
from tests.report.example_report import blocked_report, notice, unreadable_report

Output = pytest.CaptureFixture[str]


def test_options_arrive_as_what_they_mean(run: FakeRun) -> None:
    main(
        [
            *("analyze", "x/a=b.pcap", "-", "--point", "a=b.pcap=node@node-a", "--point", "-=tunl0"),
            *("--ipip-mode", "10.244.0.0/16=crosssubnet", "--ipip-mode", "Never", "--pod-cidr", "10.244.0.0/16"),
            *("--node", "node-a=10.50.10.34/24", "--node", "b=10.50.10.33", "--max-frames", "10"),
            *("--duration", "2.5"),
            *("--cluster", "diags.tar.gz", "--cluster", "nodes"),
            *("--only", "ipd1002", "--only", "GatewayArpUnanswered", "--skip", "IPD3003"),
            *(
                "--from",
                "2026-08-01 12:00:01.123456789 UTC",
                "--to",
                "1785585602",
                "--host",
                "web",
                "--host",
                "10.0.0.7",
            ),
            *("--threshold", "lost-share=0.02", "--threshold", "lost-packets=7"),
        ]
    )
    pool = IPv4Network("10.244.0.0/16")
    settings = run.options.pop("settings")
    assert run.options == {
        "captures": ("x/a=b.pcap", "-"),
        "points": (PointOption("a=b.pcap", Role.NODE, "node-a"), PointOption("standard input", Role.TUNL0, None)),
        "ipip_modes": (ModeOption(pool, Mode.CROSS_SUBNET), ModeOption(None, Mode.NEVER)),
        "pod_cidrs": (pool,),
        "nodes": (
            NodeOption("node-a", parse_address("10.50.10.34"), 24),
            NodeOption("b", parse_address("10.50.10.33"), None),
        ),
        "only": ("IPD1002", "IPD1001"),
        "skip": ("IPD3003",),
        "max_frames": 10,
        "duration": 2.5,
        "cluster_files": ("diags.tar.gz", "nodes"),
        "from_ns": 1_785_585_601_123_456_789,
        "to_ns": 1_785_585_602_000_000_000,
        "hosts": ("web", "10.0.0.7"),
        "thresholds": Thresholds(lost_share=0.02, lost_packets=7),
        "with_exhibits": False,
    }
    assert [(setting.option, setting.value) for setting in settings] == [
        ("--only", "IPD1002"),
        ("--only", "IPD1001"),
        ("--skip", "IPD3003"),
        ("--from", "2026-08-01 12:00:01.123456789 UTC"),
        ("--to", "2026-08-01 12:00:02.000000000 UTC"),
        ("--host", "web"),
        ("--host", "10.0.0.7"),
        ("--threshold", "lost-share=0.02"),
        ("--threshold", "lost-packets=7"),
        ("--max-frames", "10"),
        ("--duration", "2.5"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "CAPTURE"),
        ("a --frobnicate", "No such option"),
        ("a -f xml", "'xml'"),
        ("a --point a", "expected FILE=ROLE"),
        ("a --point a=router", "is no role; one of node, tunl0"),
        ("a --point a=node@", "no node after the @"),
        ("a --point b=node", "names none of the captures (a)"),
        ("a --ipip-mode Sometimes", "is no ipipMode; one of Always, CrossSubnet, Never"),
        ("a --ipip-mode Always --ipip-mode Never", "cannot be both Always and Never"),
        ("a --pod-cidr 10.244.1.0/16", "the network is 10.244.0.0/16"),
        ("a --pod-cidr fd00::/64", "is not an IPv4 network"),
        ("a --node 10.0.0.1", "expected NAME=IP/PREFIX"),
        ("a --node n=10.0.0.256/24", "is not an IPv4 address"),
        ("a --node n=10.0.0.1/33", "is no prefix length"),
        ("a --only IPD1101", "did you mean IPD1001"),
        ("a --skip nonsense", "`ipipdiag checks` lists them"),
        ("a --max-frames 0", "0 is not in the range"),
        ("a -v -q", "exclude each other"),
        ("- -", "only once"),
        ("a --from yesterday", "is no time such as"),
        ("a --from 12:00", "is no time such as"),
        ("a --to 2026-02-30T00:00", "is no time such as"),
        ("a --from 2026-08-02T00:00 --to 2026-08-01T00:00", "--from is later than --to"),
        ("a -o missing-folder/report.txt", "no such folder"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: str, said: str, run: FakeRun, capsys: Output) -> None:
    assert main(["analyze", *arguments.split()]) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""
    assert run.options == {}


def test_a_terminal_is_no_capture(run: FakeRun, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert main(["analyze", "-"]) == 2
    assert "which is a terminal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fail_on", "code"), [("never", 0), ("notice", 1), ("warning", 0), ("error", 0), ("critical", 0)]
)
def test_notices_alone_fail_only_where_asked(fail_on: str, code: int, run: FakeRun) -> None:
    run.report = replace(blocked_report(), findings=(FindingReport("f1", notice(), None),))
    assert main(["analyze", "a", "--fail-on", fail_on]) == code


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("notice", 1), ("error", 1), ("critical", 1)])
def test_a_critical_finding_fails_at_every_threshold(fail_on: str, code: int, run: FakeRun) -> None:
    assert main(["analyze", "a", "--fail-on", fail_on]) == code


def test_error_is_the_default_threshold(run: FakeRun) -> None:
    assert main(["analyze", "a"]) == 1
    run.report = replace(blocked_report(), findings=())
    assert main(["analyze", "a"]) == 0


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_nothing_readable_is_3_and_still_a_report(output_format: str, run: FakeRun, capsys: Output) -> None:
    run.report = unreadable_report()
    assert main(["analyze", "absent.pcap", "-f", output_format, "--fail-on", "never"]) == 3
    output = capsys.readouterr()
    assert output.err == "ipipdiag: absent.pcap: no such file\n"
    assert "None of the inputs could be read." in output.out


def test_some_unreadable_is_not_3_unless_strict(run: FakeRun, capsys: Output) -> None:
    run.report = replace(blocked_report(), findings=())
    assert main(["analyze", "a", "notes.txt"]) == 0
    assert capsys.readouterr().err == "ipipdiag: notes.txt: is not a capture file (it starts with 68 65 6c 6c)\n"
    assert main(["analyze", "a", "notes.txt", "--strict"]) == 3


def test_a_bug_is_70_and_one_line(run: FakeRun, capsys: Output) -> None:
    run.error = KeyError("tunl0\x1b[31m")
    assert main(["analyze", "a"]) == 70
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "this is a bug of ipipdiag, please report it: KeyError" in output.err
    assert "-v shows the traceback" in output.err
    assert "\x1b" not in output.err


def test_verbose_shows_the_traceback_of_a_bug(run: FakeRun, capsys: Output) -> None:
    run.error = ValueError("impossible")
    assert main(["analyze", "a", "-v"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_interrupt_is_130(run: FakeRun) -> None:
    run.error = KeyboardInterrupt()
    assert main(["analyze", "a"]) == 130


def test_the_report_is_alone_on_standard_output(run: FakeRun, capsys: Output) -> None:
    main(["analyze", "a", "-f", "json"])
    assert json.loads(capsys.readouterr().out)["schema_version"] == "1.0"


def test_quiet_and_verbose_change_the_text(run: FakeRun, capsys: Output) -> None:
    sizes = []
    for flags in (["-q"], [], ["-v"]):
        main(["analyze", "a", *flags])
        sizes.append(len(capsys.readouterr().out))
    assert sizes == sorted(set(sizes))


def test_a_file_appears_whole_and_keeps_nothing_beside(run: FakeRun, tmp_path: Path, capsys: Output) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    assert main(["analyze", "a", "-f", "json", "-o", str(target)]) == 1
    assert json.loads(target.read_text())["verdict"]["code"] == "IPD6001"
    assert list(tmp_path.iterdir()) == [target]
    assert capsys.readouterr().out == ""


def test_a_link_stays_a_link(run: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "report.txt")
    main(["analyze", "a", "-o", str(tmp_path / "link")])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "report.txt").read_text().startswith("FAULT FOUND")


def test_a_device_is_written_to_not_replaced(run: FakeRun) -> None:
    assert main(["analyze", "a", "-o", os.devnull]) == 1
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_what_cannot_be_written_is_one_line(run: FakeRun, capsys: Output) -> None:
    assert main(["analyze", "a", "-o", "/dev/full"]) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1] == "ipipdiag: /dev/full: cannot be written (No space left on device)"
    )


SCRIPT = """
import sys
from types import ModuleType
from tests.report.example_report import blocked_report
module = ModuleType("ipipdiag.run")
module.RunOptions = lambda **values: values
module.analyze = lambda options, progress, is_stopped: blocked_report()
sys.modules["ipipdiag.run"] = module
from ipipdiag.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-c", SCRIPT, "analyze", "a", "-f", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b"ipipdiag: notes.txt: is not a capture file (it starts with 68 65 6c 6c)\n"


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_on_a_terminal_unless_told_not_to(environment: dict[str, str], coloured: bool) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    variables = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **environment}
    variables.pop("FORCE_COLOR", None)
    if "NO_COLOR" not in environment:
        variables.pop("NO_COLOR", None)
    command = [sys.executable, "-c", SCRIPT, "analyze", "a", "-q"]
    with subprocess.Popen(command, stdout=follower, stderr=subprocess.PIPE, env=variables) as process:
        os.close(follower)
        text = b""
        while chunk := _read(leader):
            text += chunk
        assert process.wait(60) == 1
    os.close(leader)
    assert (b"\x1b[" in text) is coloured
    assert b"FAULT FOUND" in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end was closed
        return b""


def test_piped_text_is_plain_even_where_colour_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = subprocess.run([sys.executable, "-c", SCRIPT, "analyze", "a"], capture_output=True, check=False)
    assert b"\x1b" not in done.stdout
    assert max(len(line) for line in done.stdout.decode().splitlines()) <= 100
