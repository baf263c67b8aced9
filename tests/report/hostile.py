"""A report whose every text from outside is hostile: to terminals, HTML, Markdown, XML and spreadsheets."""

from __future__ import annotations

from dataclasses import replace

from ipipdiag.checks.model import Evidence, SubjectKind
from ipipdiag.report.model import ClusterFact, FindingReport, FlowReport, InputError, Report, Setting
from tests.report.example_report import blocked_finding, blocked_report

SCRIPT = "<script>alert(1)</script>"
ESCAPES = "eth0\x1b[31m\x1b]0;owned\x07\u202e\u200b"
COMMENT = "# owned\n\n[click](javascript:alert(1)) ![x](http://example.invalid/x.png)\n|a|b|\n|-|-|\n```\n</td></tr>"
FORMULA = '=HYPERLINK("http://example.invalid","x")'
MARKUP = "*b* _i_ `c` ~~s~~ | <b>x</b> &lt; \\| $1$ [^1] # 1. - + @x www.example.invalid ]]> -- \ud83d \udce9"
ALL = (SCRIPT, ESCAPES, COMMENT, FORMULA, MARKUP, "+1", "-1+1", "@SUM(1)", "1. x", "``` x", "\\")
TOGETHER = " ".join(ALL)


def hostile_report() -> Report:
    """The example report; what captures, files and users can name is hostile, each text in another place first."""
    report = blocked_report()
    finding = replace(
        blocked_finding(),
        subject=replace(blocked_finding().subject, kind=SubjectKind.POD, text=SCRIPT, nodes=(ESCAPES,)),
        title=f"{COMMENT} {TOGETHER}",
        expected=f"| {TOGETHER} |",
        observed=f"{FORMULA} {TOGETHER}",
        evidence=(Evidence("c1", (1, 2), f'frame.comment == "{TOGETHER}"'), Evidence("c2", (), "```")),
        confirm=(f"ping {TOGETHER}", f"true  # {TOGETHER}"),
        fix=(FORMULA, MARKUP),
        alternatives=(COMMENT, SCRIPT),
        worked=(TOGETHER,),
    )
    effect = replace(finding, code="IPD6002", name="TunnelUnanswered")
    checks = tuple(
        replace(result, missing=TOGETHER, enable=f"echo {TOGETHER}")
        if result.reason is not None
        else replace(result, error=TOGETHER if result.error else None)
        for result in report.checks
    )
    flow = FlowReport(
        "p1", "none", None, None, None, None, SCRIPT, FORMULA, "tcp", 1, 2, 1, 60, 0, 1, "c1", 1, 64, 64, 60, 0, 0, 0
    )
    return replace(
        report,
        verdict=replace(report.verdict, headline=TOGETHER),
        inputs=(replace(report.inputs[0], name=SCRIPT), replace(report.inputs[1], name=FORMULA)),
        points=(
            replace(report.points[0], pod=SCRIPT, node=ESCAPES, reason=COMMENT),
            replace(report.points[1], pod=FORMULA, node=MARKUP, reason=TOGETHER),
        ),
        cluster=(ClusterFact(TOGETHER, COMMENT),),
        findings=(
            FindingReport("f1", finding, None),
            FindingReport("f2", effect, "f1"),
        ),
        checks=checks,
        errors=(InputError(TOGETHER, COMMENT, True),),
        settings=(Setting("--host", TOGETHER, FORMULA),),
        flows=(flow,),
    )
