"""Names that whoever sends packets or makes pods can choose: harmless in every format, from the file to the report."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from ipipdiag.report.formats import format_names, render
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import TABLES, Detail, Presentation
from ipipdiag.report.sanitise import visible
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import START_NS, CaptureInterface, pcapng
from tests.builders.packets import ethernet, icmp_echo, ipip, ipv4

POD = "<script>alert(1)</script>"
INTERFACE = "eth0\x1b[31m\x1b]0;owned\x07"
COMMENT = '# owned\n[click](javascript:alert(1))\n|x|\n=HYPERLINK("http://example.invalid")\x1b[2J'
FILE = "=1+1 | <img src=x onerror=alert(1)> `x` [a](b) .pcapng"
CLUSTER = f"""
apiVersion: v1
kind: Pod
metadata: {{name: "{POD}", namespace: "=cmd"}}
spec: {{nodeName: "{POD}"}}
status: {{podIP: 10.244.1.5, podIPs: [{{ip: 10.244.1.5}}]}}
---
apiVersion: v1
kind: Node
metadata: {{name: "{POD}", annotations: {{projectcalico.org/IPv4Address: 10.0.0.1/24}}}}
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {{name: "-pool | *x*"}}
spec: {{cidr: 10.244.0.0/16, ipipMode: Always}}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A tunnel to an address that is no node's, of a pod, a node, an interface and a file with such names."""
    place = tmp_path_factory.mktemp("hostile") / FILE.replace("/", "_")
    second = 1_000_000_000
    frames = [
        (
            START_NS + number * second,
            ethernet(ipip(ipv4(icmp_echo(sequence=number), "10.244.1.5", "10.244.2.7"), "10.0.0.1", "10.0.0.2")),
        )
        for number in range(12)
    ]
    place.write_bytes(pcapng(frames, [CaptureInterface(name=INTERFACE)], comment=COMMENT))
    files = place.parent / "cluster.yaml"
    files.write_text(CLUSTER)
    return analyze(RunOptions((str(place),), cluster_files=(str(files),)))


def shown(report: Report, output_format: str) -> bytes:
    return render(output_format, report, Presentation(detail=Detail.FULL))


def test_the_names_are_in_the_report(report: Report) -> None:
    document = json.loads(shown(report, "json"))
    assert document["inputs"][0]["interfaces"][0]["name"] == visible(INTERFACE)
    assert any(POD in known["fact"] for known in document["cluster"]["facts"])
    assert any(POD in json.dumps(finding) for finding in document["findings"])
    assert document["inputs"][0]["name"].endswith(FILE.replace("/", "_"))


@pytest.mark.parametrize("output_format", [name for name in format_names() if name not in ("parquet", "csv")])
def test_no_format_for_reading_holds_a_control_character(output_format: str, report: Report) -> None:
    text = shown(report, output_format).decode()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\x1b" not in text


def test_markdown_has_no_markup_but_our_own(report: Report) -> None:
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(shown(report, "md").decode())
    root = ElementTree.fromstring(f"<html>{page}</html>")
    assert not {"script", "img", "a", "iframe", "hr", "blockquote"} & {element.tag for element in root.iter()}
    assert POD in "".join(root.itertext())


def test_tables_have_no_formula(report: Report) -> None:
    for name in TABLES:
        text = render("csv", report, Presentation(table=name)).decode()
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_xml_and_json_hold_them_as_text(report: Report) -> None:
    root = ElementTree.fromstring(shown(report, "junit"))
    assert "script" not in {element.tag for element in root.iter()}
    for output_format in ("json", "sarif"):
        assert json.loads(shown(report, output_format))
