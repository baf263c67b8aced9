"""The configuration file: which one is read, what overrules it, and what the report says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipipdiag.cli.main import main
from ipipdiag.cluster.model import Mode, ModeOption
from tests.cli.conftest import FakeRun
from tests.scenarios import folder

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an empty home."""
    (tmp_path / "work").mkdir()
    (tmp_path / "config" / "ipipdiag").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_without_a_file_nothing_changes(run: FakeRun) -> None:
    assert main(["analyze", "a"]) == 1
    assert run.options["skip"] == ()
    assert run.options["settings"] == ()


def test_the_nearest_file_is_read_and_only_that(run: FakeRun, home: Path) -> None:
    (home / "config" / "ipipdiag" / "config.toml").write_text('[analyze]\nskip = ["IPD0001"]\nmax-frames = 5\n')
    main(["analyze", "a"])
    assert (run.options["skip"], run.options["max_frames"]) == (("IPD0001",), 5)
    Path("ipipdiag.toml").write_text('[analyze]\nskip = "ipd0002"\n')
    main(["analyze", "a"])
    assert (run.options["skip"], run.options["max_frames"]) == (("IPD0002",), None)
    (home / "named.toml").write_text("[analyze]\nmax-frames = 7\n")
    main(["analyze", "a", "--config", str(home / "named.toml")])
    assert (run.options["skip"], run.options["max_frames"]) == ((), 7)
    main(["analyze", "a", "--no-config"])
    assert (run.options["skip"], run.options["max_frames"]) == ((), None)


def test_the_command_line_overrules(run: FakeRun) -> None:
    Path("ipipdiag.toml").write_text('[analyze]\nskip = ["IPD0001"]\nfail-on = "never"\nipip-mode = ["Always"]\n')
    assert main(["analyze", "a"]) == 0
    assert main(["analyze", "a", "--fail-on", "error", "--skip", "IPD0005"]) == 1
    assert run.options["skip"] == ("IPD0005",)
    assert run.options["ipip_modes"] == (ModeOption(None, Mode.ALWAYS),)


def test_an_option_that_the_format_does_not_heed_is_no_error_in_a_file(run: FakeRun) -> None:
    Path("ipipdiag.toml").write_text('[analyze]\nmax-bytes = 2000\ntable = "flows"\n')
    assert main(["analyze", "a", "-f", "json"]) == 1
    assert main(["analyze", "a", "-f", "json", "--max-bytes", "2000"]) == 2


def test_paths_are_relative_to_the_file(run: FakeRun, home: Path) -> None:
    (home / "conf").mkdir()
    (home / "conf" / "x.toml").write_text('[analyze]\ncluster = ["diags", "/abs.yaml"]\n')
    main(["analyze", "a", "--config", str(home / "conf" / "x.toml")])
    assert run.options["cluster_files"] == (str(home / "conf" / "diags"), "/abs.yaml")


def test_the_report_says_where_an_option_came_from(run: FakeRun, capsys: Output) -> None:
    Path("ipipdiag.toml").write_text('[analyze]\nskip = ["IPD0001"]\nstrict = true\n')
    main(["analyze", "a", "--only", "IPD6001", "-v"])
    settings = {(setting.option, setting.value, setting.source) for setting in run.options["settings"]}
    assert settings == {
        ("--skip", "IPD0001", "ipipdiag.toml"),
        ("--strict", "true", "ipipdiag.toml"),
        ("--only", "IPD6001", "command line"),
    }
    assert "options are also taken from ipipdiag.toml" in capsys.readouterr().err


@pytest.mark.parametrize("output_format", ["text", "md", "json", "sarif"])
def test_every_format_for_people_shows_it(output_format: str, capsys: Output) -> None:
    Path("ipipdiag.toml").write_text('[analyze]\nskip = ["IPD0001"]\n')
    main(["analyze", str(folder("07") / "a-eth0.pcap"), "-f", output_format])
    shown = capsys.readouterr().out
    assert "--skip" in shown
    assert "ipipdiag.toml" in shown
    if output_format == "json":
        assert json.loads(shown)["settings"] == [{"option": "--skip", "value": "IPD0001", "source": "ipipdiag.toml"}]


def test_a_redacted_report_does_not_name_the_file(home: Path, capsys: Output) -> None:
    (home / "acme-site.toml").write_text('[analyze]\nhost = ["client-a"]\n')
    sample = folder("09")
    arguments = ["--cluster", str(sample / "calico-diagnostics"), "--config", str(home / "acme-site.toml")]
    main(["analyze", str(sample / "a-eth0.pcap"), *arguments, "-f", "json", "--redact"])
    shown = capsys.readouterr().out
    assert '"--host"' in shown
    assert "acme" not in shown
    assert "client-a" not in shown


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[analyze", "is not TOML"),
        ("skip = []", "[skip] is no table that is known"),
        ("[checks]\nskip = []", "[checks] is no table"),
        ("analyze = 3", "is to be a table"),
        ("[analyze]\nfailon = 'error'", "failon is no option of analyze; did you mean fail-on?"),
        ("[analyze]\noutput = 'x'", "output is no option of analyze"),
        ("[analyze]\nfail-on = 'sometimes'", "fail-on: 'sometimes' is not one of"),
        ("[analyze]\nfail-on = ['error']", "fail-on takes one value"),
        ("[analyze]\nmax-frames = 0", "max-frames: 0 is not in the range"),
        ("[analyze]\nskip = ['IPD9999']", "skip: IPD9999: no such check"),
        ("[analyze]\nskip = {a = 1}", "skip"),
    ],
)
def test_what_means_nothing_is_a_usage_error_with_the_file(
    content: str, said: str, run: FakeRun, capsys: Output
) -> None:
    Path("ipipdiag.toml").write_text(content)
    assert main(["analyze", "a"]) == 2
    shown = capsys.readouterr().err
    assert "ipipdiag.toml: " in shown
    assert said in shown
    assert run.options == {}


def test_a_named_file_that_is_not_there_is_a_usage_error(capsys: Output) -> None:
    assert main(["analyze", "a", "--config", "absent.toml"]) == 2
    assert "absent.toml: cannot be read (No such file or directory)" in capsys.readouterr().err
