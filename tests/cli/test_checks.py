"""``checks`` and ``explain``, and that neither they nor the help load anything heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ipipdiag import __version__
from ipipdiag.checks.catalogue import all_checks
from ipipdiag.cli.main import main
from ipipdiag.points.model import Role
from tests.scenarios import SAMPLES

Output = pytest.CaptureFixture[str]


def test_every_code_is_listed_once_and_fits(capsys: Output) -> None:
    assert main(["checks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [line[:7] for line in lines if line.startswith("IPD")]
    assert sorted(listed) == [check.code for check in all_checks()]
    assert max(map(len, lines)) <= 100


def test_every_page_can_be_read_by_code_or_name_in_any_case(capsys: Output) -> None:
    for check in all_checks():
        pages = []
        for word in (check.code, check.code.lower(), check.name, check.name.upper()):
            assert main(["explain", word]) == 0
            pages.append(capsys.readouterr().out)
        assert len(set(pages)) == 1
        assert pages[0].startswith(f"{check.code} {check.name}\n")
        assert max(map(len, pages[0].splitlines())) <= 100


def test_a_page_keeps_every_word(capsys: Output) -> None:
    for check in all_checks():
        main(["explain", check.code])
        shown = capsys.readouterr().out.split()
        for word in check.page.replace("``", "`").removeprefix(f"{check.name}: ").split()[1:]:
            assert word in shown


@pytest.mark.parametrize("role", [role.value for role in Role if role is not Role.UNKNOWN])
def test_a_point_s_list_holds_every_check_once(role: str, capsys: Output) -> None:
    assert main(["checks", "--point", role]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line[:7] for line in lines if line.startswith("IPD")) == [check.code for check in all_checks()]
    assert "tcpdump" in lines[1]


def test_a_point_s_list_says_what_it_shows_and_where_the_rest_shows(capsys: Output) -> None:
    assert main(["checks", "--point", "tunl0"]) == 0
    alone, together, elsewhere, captures = capsys.readouterr().out.split("\n\n")[1:5]
    assert "IPD6007 HandshakeUnanswered" in alone
    assert "IPD6004 DroppedAtDestination" in together and "with cali or pod eth0" in together
    assert "IPD1001 GatewayArpUnanswered           critical  pod eth0, cali" in elsewhere
    assert "tcpdump -ni eth0" in captures


def test_a_point_that_there_is_not_is_a_usage_error(capsys: Output) -> None:
    assert main(["checks", "--point", "nowhere"]) == 2
    assert "tunl0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "near"), [("IPD101", "IPD1001"), ("GatewayArpUnanswerd", "IPD1001"), ("", "lists them")]
)
def test_an_unknown_code_is_a_usage_error_with_advice(word: str, near: str, capsys: Output) -> None:
    assert main(["explain", word]) == 2
    assert near in capsys.readouterr().err


HEAVY = {"numpy", "pandas", "rich", "dpkt", "pyshark", "yaml", "jinja2", "statistics", "tarfile"}


def imported(arguments: list[str], modules: set[str]) -> set[str]:
    """Which of the modules are imported by a run of the command line that ends well."""
    script = (
        "import sys; from ipipdiag.cli.main import main; code = main(sys.argv[1:]);"
        f" print(*({modules} & sys.modules.keys()), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["analyze", "--help"],
        ["inspect", "--help"],
        ["checks"],
        ["checks", "--point", "node"],
        ["explain", "IPD0001"],
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    assert not imported(arguments, HEAVY)


def test_a_command_imports_no_other() -> None:
    commands = {"ipipdiag.cli.analyze", "ipipdiag.cli.checks", "ipipdiag.cli.trace", "ipipdiag.checks.catalogue"}
    assert not imported(["--version"], commands)
    assert imported(["explain", "IPD0001"], commands) == {"ipipdiag.cli.checks", "ipipdiag.checks.catalogue"}


def test_a_report_imports_what_its_format_needs() -> None:
    of_some = {
        "dpkt",
        "jinja2",
        "pandas",
        "pyshark",
        "rich",
        "statistics",
        "tarfile",
        "yaml",
        "ipipdiag.cluster.node_state",
        "ipipdiag.report.exhibits.build",
    }
    capture = str(SAMPLES / "01-healthy-cross-node" / "a-tunl0.pcap")
    assert not imported(["analyze", "--no-config", "-f", "json", capture], of_some)
    assert imported(["analyze", "--no-config", "-f", "text", capture], of_some) == {"rich"}


def test_the_version_is_the_package_s(capsys: Output) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ipipdiag {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["explain"], ["--nonsense"]])
def test_a_wrong_command_line_is_2(arguments: list[str], capsys: Output) -> None:
    assert main(arguments) == 2
