"""The program as scripts use it: exit codes with real files, and the JSON report that they rely on."""

from __future__ import annotations

import io
import json
import subprocess
from collections import Counter
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from ipipdiag.cli.main import main
from tests.builders.captures import pcap
from tests.scenarios import FAULTY, HEALTHY, captures, folder

Output = pytest.CaptureFixture[str]
GOOD, BROKEN = folder("01") / "a-eth0.pcap", folder("23") / "a-eth0.pcap"


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_nothing_found_is_0_and_a_fault_is_1() -> None:
    assert run("analyze", GOOD) == 0
    assert run("analyze", BROKEN) == 1
    assert run("analyze", "--fail-on", "never", BROKEN) == 0
    assert run("analyze", "--fail-on", "notice", GOOD) == 1
    skipped = [word for code in ("IPD2004", "IPD6002", "IPD6007") for word in ("--skip", code)]
    assert run("analyze", *skipped, BROKEN) == 0


def test_header_without_packet_is_read(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "idle").write_bytes(pcap([]))
    assert run("analyze", tmp_path / "idle") == 0
    assert "no packet" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["folder without capture", "text file", "missing file", "empty file", "cut header"])
@pytest.mark.parametrize("output_format", ["text", "json"])
def test_input_that_cannot_be_read_is_3(kind: str, output_format: str, tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "input"
    if kind == "folder without capture":
        path.mkdir()
        (path / "notes.txt").write_text("no capture here")
    elif kind != "missing file":
        path.write_bytes({"text file": b"hello\n", "empty file": b"", "cut header": GOOD.read_bytes()[:20]}[kind])
    assert run("analyze", "-f", output_format, path) == 3
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert str(path) in line
    if output_format == "json":
        report = json.loads(shown.out)
        assert [error["name"] for error in report["errors"]] == [str(path)]
        assert report["verdict"]["state"] == "not_enough_evidence"


def test_file_that_may_not_be_read_is_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Refused by hand: whoever runs the tests as root may read everything."""
    real = Path.open

    def refuse(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "secret.pcap":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert run("analyze", tmp_path / "secret.pcap") == 3
    assert "permission denied" in capsys.readouterr().err


def test_one_bad_input_of_two_is_said_and_3_only_if_strict(tmp_path: Path, capsys: Output) -> None:
    assert run("analyze", GOOD, tmp_path / "missing") == 0
    assert "missing" in capsys.readouterr().err
    assert run("analyze", "--strict", GOOD, tmp_path / "missing") == 3


def test_cut_file_is_read_and_said(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "cut.pcap").write_bytes(GOOD.read_bytes()[:-7])
    assert run("analyze", "-f", "json", tmp_path / "cut.pcap") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["inputs"][0]["frames"] == 113
    assert "IPD0002" in [finding["code"] for finding in report["findings"]]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    class Piped:
        buffer = io.BytesIO(BROKEN.read_bytes())

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdin", Piped())
    assert run("analyze", "-") == 1
    assert "IPD2004" in capsys.readouterr().out


def test_folder_is_one_run(capsys: Output) -> None:
    assert run("analyze", "-f", "json", folder("23")) == 1
    report = json.loads(capsys.readouterr().out)
    assert len(report["inputs"]) == len(captures("23"))
    assert report["verdict"]["code"] == "IPD2004"


def test_same_file_twice_is_counted_once(capsys: Output) -> None:
    assert run("analyze", "-f", "json", BROKEN, BROKEN.parent / ".." / BROKEN.parent.name / BROKEN.name) == 1
    report = json.loads(capsys.readouterr().out)
    assert len(report["inputs"]) == 1
    assert "counted once" in report["errors"][0]["error"]


@pytest.mark.parametrize("number", (*HEALTHY, *FAULTY, "91"))
def test_report_fits_its_schema_and_repeats_to_the_byte(number: str, capsys: Output) -> None:
    shown = []
    for _ in range(2):
        run("analyze", "-f", "json", *captures(number))
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    schema = json.loads(files("ipipdiag.report").joinpath("schema.json").read_text())
    jsonschema.validate(json.loads(shown[0]), schema)


@pytest.mark.needs_tshark
@pytest.mark.parametrize("number", ["01", "10", "13", "27b", "32"])
def test_tunnels_count_what_tshark_counts(number: str, capsys: Output) -> None:
    for path in captures(number):
        run("analyze", "-f", "json", path)
        report = json.loads(capsys.readouterr().out)
        counted = Counter[tuple[str, str]]()
        for tunnel in report["tunnels"]:
            counted[tunnel["outer_src"], tunnel["outer_dst"]] += tunnel["packets"]
        command = ["tshark", "-n", "-r", str(path), "-Y", "ip.proto#1 == 4", "-o", "ip.defragment:FALSE"]
        command += ["-T", "fields", "-E", "occurrence=f", "-e", "ip.src", "-e", "ip.dst"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        assert counted == Counter(tuple(line.split("\t")) for line in lines), path.name
