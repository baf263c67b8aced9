"""Checks of other packages, found by their entry points: the example package as pip would install it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from ipipdiag.checks import catalogue
from ipipdiag.cli.main import main
from tests.builders.captures import pcap
from tests.builders.packets import ethernet, ipv4, tcp
from tests.report.test_json import schema

EXAMPLE = Path(__file__).parent / "example_plugin"
CODE = "ACM1001"
Output = pytest.CaptureFixture[str]
Install = Callable[[dict[str, str]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Writes the metadata that an installer writes for a package with these entry points."""

    def installed(points: dict[str, str]) -> None:
        metadata = tmp_path / "site" / "acme_checks-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-checks\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in points.items())
        (metadata / "entry_points.txt").write_text(f"[ipipdiag.checks]\n{lines}\n")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        monkeypatch.syspath_prepend(str(EXAMPLE))
        catalogue._from_packages.cache_clear()

    yield installed
    monkeypatch.undo()
    catalogue._from_packages.cache_clear()


@pytest.fixture
def example(install: Install) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(project["entry-points"]["ipipdiag.checks"])


def telnet(tmp_path: Path, *, port: int = 23, answered: bool = True) -> str:
    client, server = "10.0.0.5", "10.0.0.6"
    frames = [ethernet(ipv4(tcp(b"", 40000, port, flags="S"), client, server))]
    if answered:
        frames.append(ethernet(ipv4(tcp(b"", port, 40000, flags="SA"), server, client)))
    (tmp_path / "login.pcap").write_bytes(pcap(frames))
    return str(tmp_path / "login.pcap")


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(("port", "answered"), [(22, True), (23, False)])
def test_what_the_check_must_not_report(port: int, answered: bool, tmp_path: Path, capsys: Output) -> None:
    main(["analyze", "-f", "json", telnet(tmp_path, port=port, answered=answered)])
    report = json.loads(capsys.readouterr().out)
    assert [check["status"] for check in report["checks"] if check["code"] == CODE] == ["pass"]
    assert CODE not in [finding["code"] for finding in report["findings"]]


@pytest.mark.usefixtures("example")
def test_the_check_runs_beside_the_others(tmp_path: Path, capsys: Output) -> None:
    assert main(["analyze", "-f", "json", telnet(tmp_path), "--fail-on", "warning"]) == 1
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert report["errors"] == []
    assert report["checks"][-1]["code"] == CODE
    (finding,) = [finding for finding in report["findings"] if finding["code"] == CODE]
    assert finding["name"] == "ClearTextLogin"
    assert finding["evidence"][0]["frames"] == [1]


@pytest.mark.usefixtures("example")
def test_it_is_listed_explained_and_chosen_like_any_other(tmp_path: Path, capsys: Output) -> None:
    main(["checks"])
    assert "checks of other packages\nACM1001 ClearTextLogin" in capsys.readouterr().out
    main(["explain", "cleartextlogin"])
    assert "our rules ask for SSH" in capsys.readouterr().out
    main(["analyze", "-f", "json", telnet(tmp_path), "--only", CODE])
    assert [check["code"] for check in json.loads(capsys.readouterr().out)["checks"]] == [CODE]
    main(["analyze", "-f", "json", telnet(tmp_path), "--skip", CODE])
    assert CODE not in [check["code"] for check in json.loads(capsys.readouterr().out)["checks"]]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("acme_checks.absent", "ModuleNotFoundError"),
        ("acme_checks", "has no CHECK"),
        ("ipipdiag.checks.rules.ipd0001_empty_capture", "codes that begin with IPD are ipipdiag's own"),
        ("tests.test_own_checks:CODE", "has no CHECK"),
    ],
)
def test_a_package_that_gives_no_check_is_said_and_stops_nothing(
    value: str, said: str, install: Install, tmp_path: Path, capsys: Output
) -> None:
    install({"bad": value})
    assert main(["analyze", telnet(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert f"check bad = {value}" in shown.err
    assert said in shown.err
    assert "WHAT COULD NOT BE READ" in shown.out


def test_two_packages_cannot_have_one_code(install: Install) -> None:
    module = "acme_checks.clear_text_login"
    install({"one": module, "two": module})
    assert [check.code for check in catalogue.all_checks()].count(CODE) == 1
    assert [problem.name for problem in catalogue.unusable()] == [f"two = {module}"]


@pytest.mark.parametrize("code", ["ACM101", "acm1001", "ACM10011", "A1M1001", "ACM100x", "\u00c4CM1001"])
def test_a_code_is_three_capitals_and_four_digits(code: str) -> None:
    check = catalogue.all_checks()[0]
    with pytest.raises(ValueError, match="not a check code"):
        type(check)(code, "X", check.severity, "", "any", check.examine)
