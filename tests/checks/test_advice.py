"""What stands beside a finding: whom to look at, commands that settle it and change nothing, and what looks alike."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ipipdiag.checks import rules
from ipipdiag.checks.model import Component, Severity
from tests.scenarios import FAULTY, HEALTHY, captures, report_on, report_with_cluster

ALARMS = (Severity.CRITICAL, Severity.ERROR)
RULES = sorted(Path(rules.__path__[0]).glob("ipd[1-8]*.py"))
# commands that change something: none of them may be given to confirm a finding
CHANGES = re.compile(
    r"\b(ip (link|addr|address|route|neigh|tunnel) (set|add|del|delete|replace|change|flush)|sysctl -w|modprobe"
    r"|systemctl (re)?start|kubectl (delete|apply|edit|patch|scale|rollout|label|annotate)|ethtool -K"
    r"|calicoctl (apply|create|delete|replace|patch|ipam release)|iptables (-[ADI]|-t \w+ -[ADI])|conntrack -[DF])\b"
)


def findings_in(path: Path) -> list[dict[str, ast.expr]]:
    """The keyword arguments of each finding that a rule makes."""
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("Finding", "relay_finding")
    ]
    return [{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg} for call in calls]


def is_notice(finding: dict[str, ast.expr]) -> bool:
    return "severity" in finding and ast.unparse(finding["severity"]) == "Severity.NOTICE"


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem[:7])
def test_every_alarm_of_the_catalogue_can_be_settled(path: Path) -> None:
    """Packets seldom tell everything: each finding above a notice says what else it may be, and how to find out."""
    for finding in findings_in(path):
        if not is_notice(finding):
            assert {"confirm", "alternatives"} <= finding.keys(), path.stem


def test_the_catalogue_was_looked_at() -> None:
    assert sum(len(findings_in(path)) for path in RULES) > 60


@pytest.mark.parametrize("report", [report_on, report_with_cluster], ids=["alone", "with cluster files"])
@pytest.mark.parametrize("number", (*HEALTHY, *FAULTY))
def test_alarms_name_a_component_and_commands_that_change_nothing(number: str, report: object) -> None:
    assert callable(report)
    for entry in report(*captures(number)).findings:
        finding = entry.finding
        if finding.severity in ALARMS:
            assert finding.component is not Component.CAPTURE
            assert finding.confirm, finding.code
        for command in finding.confirm:
            assert not CHANGES.search(command.partition("  #")[0]), f"{finding.code}: {command}"


def test_words_of_change_are_recognised() -> None:
    assert CHANGES.search("ip link set tunl0 up")
    assert CHANGES.search("kubectl delete pod x")
    assert not CHANGES.search("ip link show tunl0 ; ip route get 10.0.0.1 ; iptables-save -c")


def test_every_component_but_the_capture_says_where_its_log_is() -> None:
    assert {component for component in Component if component.log is None} == {Component.CAPTURE}
    for component in Component:
        assert not CHANGES.search(component.log or "")


def test_log_of_the_component_is_the_last_command() -> None:
    lead = report_on(*captures("07")).findings[0].finding
    assert lead.confirm[-1] == lead.component.log
