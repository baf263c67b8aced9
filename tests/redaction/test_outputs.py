"""Every output of a redacted run, searched for every address, MAC and name of the original in every spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from click.testing import CliRunner

from ipipdiag.cli.main import commands
from ipipdiag.report.formats import format_names
from tests.scenarios import captures, folder

ORDINARY = ("default", "kube-system")  # namespaces that every cluster has
NUMBERS = ("07", "20", "22")
MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


def spellings(address: str) -> Iterator[str]:
    """Dotted, dashed, reversed, as hexadecimal and decimal numbers."""
    number = int(IPv4Address(address))
    octets = address.split(".")
    yield from (address, "-".join(octets), ".".join(octets[::-1]), f"{number:08x}", f"{number:08X}", str(number))
    yield from (separator.join(f"{int(octet):02x}" for octet in octets) for separator in (":", " "))


def secrets(number: str) -> set[str]:
    truth = json.loads((folder(number) / "truth.json").read_text())
    found: set[str] = set()
    for node, told in truth["nodes"].items():
        found |= {node, *spellings(told["ip"]), *spellings(told["tunnel_address"])}
        found |= {told["eth0_mac"], told["eth0_mac"].replace(":", "-"), told["eth0_mac"].replace(":", "")}
        found |= {told["eth0_mac"].replace(":", " ")}
    for pod, told in truth["pods"].items():
        namespace, name = pod.split(".", 1)
        found |= {name, told["cali"], *spellings(told["ip"])} | ({namespace} - set(ORDINARY))
    for path in (folder(number) / "calico-diagnostics").rglob("*"):
        if path.is_file():
            found |= {
                mac
                for mac in MAC.findall(path.read_text(errors="replace"))
                if not mac.startswith(("ee:ee", "ff:", "00:00", "01:00:5e", "33:33"))
            }
    return found | {folder(number).name}


def run(number: str, tmp_path: Path, *more: str) -> None:
    files = [str(path) for path in captures(number)]
    cluster = str(folder(number) / "calico-diagnostics")
    result = CliRunner().invoke(
        commands,
        ["analyze", *files, "--cluster", cluster, "--redact-key", str(tmp_path / "key"), *more],
        standalone_mode=False,
    )
    assert result.exception is None, result.exception
    (tmp_path / "standard error").write_text(result.stderr)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_output_tells_whose_network_it_is(number: str, tmp_path: Path) -> None:
    for name in format_names():
        if name == "parquet":
            continue  # what is in it is the same as in CSV
        target = tmp_path / name
        if name == "csv":
            target.mkdir()
        run(number, tmp_path, "-f", name, "-o", str(target), "--evidence", str(tmp_path / "evidence.pcapng"), "-v")
    outputs = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "key"]
    assert len(outputs) > 6
    for path in outputs:
        content = path.read_bytes()
        for secret in secrets(number):
            spelled = secret.encode()
            if path.suffix != ".pcapng" or not secret.isdigit():
                assert not re.search(rb"(?<![0-9A-Za-z])" + re.escape(spelled) + rb"(?![0-9A-Za-z])", content), (
                    path,
                    secret,
                )


@pytest.mark.parametrize("number", ["07"])
def test_two_runs_with_one_key_are_alike_and_runs_without_are_not(number: str, tmp_path: Path) -> None:
    for name in ("one", "other"):
        run(number, tmp_path, "-f", "json", "-o", str(tmp_path / name), "--evidence", str(tmp_path / f"{name}.pcapng"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert (tmp_path / "one.pcapng").read_bytes() == (tmp_path / "other.pcapng").read_bytes()
    files = [str(path) for path in captures(number)]
    plain = [CliRunner().invoke(commands, ["analyze", *files, "--redact"], standalone_mode=False).stdout for _ in "ab"]
    assert plain[0] != plain[1]


@pytest.mark.parametrize("number", NUMBERS)
def test_redaction_changes_nothing_of_the_story(number: str, tmp_path: Path) -> None:
    def told(path: Path) -> list[tuple[object, ...]]:
        report = json.loads(path.read_text())
        return [
            (report["verdict"]["code"], report["verdict"]["state"]),
            *(
                (finding["code"], finding["severity"], finding["confidence"], finding["count"], finding["caused_by"],
                 [evidence["frames"] for evidence in finding["evidence"]])
                for finding in report["findings"]
            ),
            *((check["code"], check["status"], check["examined"]) for check in report["checks"]),
        ]  # fmt: skip

    run(number, tmp_path, "-f", "json", "-o", str(tmp_path / "redacted"))
    files = [str(path) for path in captures(number)]
    arguments = ["analyze", *files, "--cluster", str(folder(number) / "calico-diagnostics"), "-f", "json"]
    CliRunner().invoke(commands, [*arguments, "-o", str(tmp_path / "plain")], standalone_mode=False)
    assert told(tmp_path / "redacted") == told(tmp_path / "plain")
