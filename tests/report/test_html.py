"""HTML: one file that loads nothing, that a screen reader can follow, and that no name in a capture can change."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ipipdiag.report.formats import draws, render
from ipipdiag.report.model import FindingReport, Report
from ipipdiag.report.presentation import Detail, Presentation
from ipipdiag.report.sanitise import visible
from ipipdiag.run import RunOptions, analyze
from tests.drawings import drawn, drawn_with_cluster
from tests.report.example_report import blocked_finding, blocked_report, unreadable_report
from tests.report.hostile import SCRIPT, TOGETHER, hostile_report
from tests.report.page import Element, parse
from tests.scenarios import captures

EXAMPLES = {
    "blocked": blocked_report,
    "unreadable": unreadable_report,
    "hostile": hostile_report,
    "07": lambda: drawn_with_cluster(*captures("07")),
    "14": lambda: drawn(*captures("14")),
    "20": lambda: drawn_with_cluster(*captures("20")),
    "91": lambda: drawn(*captures("91")),
}
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
OWN_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "nav", "main", "footer", "section", "article"),
    *HEADINGS[:4],
    *("p", "a", "ul", "li", "dl", "dt", "dd", "div", "span", "strong", "code", "pre", "br", "script", "details"),
    *("summary", "figure", "figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("svg", "desc", "g", "rect", "polyline", "polygon", "circle", "path", "text"),
}


def html(report: Report, detail: Detail = Detail.NORMAL) -> str:
    return render("html", report, Presentation(detail=detail)).decode()


@pytest.fixture(scope="module", params=EXAMPLES)
def page(request: pytest.FixtureRequest) -> Element:
    return parse(html(EXAMPLES[request.param]()))


def test_the_policy_lets_in_this_style_and_this_script_alone(page: Element) -> None:
    (policy,) = [meta for meta in page.all("meta") if meta.attributes.get("http-equiv") == "Content-Security-Policy"]
    (style,), (script,) = page.all("style"), page.all("script")
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(''.join(map(str, element.children)).encode()).digest()).decode()}'"
        for element in (style, script)
    ]
    assert policy.attributes["content"].split("; ") == [
        "default-src 'none'",
        f"style-src {hashes[0]}",
        f"script-src {hashes[1]}",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_nothing_is_loaded_and_nothing_runs_but_the_script(page: Element) -> None:
    assert {element.tag for element in page.all()} <= OWN_TAGS
    for element in page.all():
        assert not {name for name in element.attributes if name.startswith("on")}
        assert not {"style", "src", "srcset", "action", "xlink:href"} & element.attributes.keys()
        if "href" in element.attributes:
            assert element.attributes["href"].startswith("#")
    style = "".join(map(str, page.first("style").children))
    assert "url(" not in style
    assert "@import" not in style


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(page: Element) -> None:
    ids = Counter(element.attributes["id"] for element in page.with_attribute("id"))
    assert max(ids.values()) == 1
    for element in page.with_attribute("href"):
        assert element.attributes["href"][1:] in ids
    for name in ("aria-labelledby", "aria-describedby"):
        for element in page.with_attribute(name):
            assert set(element.attributes[name].split()) <= ids.keys()


def test_headings_come_in_order_and_landmarks_are_there(page: Element) -> None:
    levels = [HEADINGS.index(element.tag) + 1 for element in page.all(*HEADINGS)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert all(len(page.all(tag)) == 1 for tag in ("header", "main", "footer"))
    assert page.first("html").attributes["lang"] == "en"


def test_tables_are_captioned_and_their_heads_have_a_scope(page: Element) -> None:
    for table in page.all("table"):
        assert table.first("caption").text
        assert all(head.attributes.get("scope") in ("col", "row") for head in table.all("th"))


def test_drawings_say_what_they_show(page: Element) -> None:
    for drawing in page.all("svg"):
        assert drawing.attributes["role"] == "img"
        title, description = drawing.attributes["aria-labelledby"].split()
        assert page.by_id(title).text
        assert len(page.by_id(description).text) > 20


def test_the_verdict_is_the_first_thing_said() -> None:
    page = parse(html(blocked_report()))
    header = page.first("header")
    assert header.text.startswith("✕ FAULT FOUND IPD6001 ProtocolFourBlocked critical · confirmed IP-in-IP from node-a")
    assert "Run next" in header.text
    assert page.first("body").attributes["data-code"] == "IPD6001"


def test_expected_stands_beside_observed() -> None:
    page = parse(html(blocked_report()))
    for entry in blocked_report().findings:
        card = page.by_id(entry.id)
        compared = [element for element in card.all("div") if element.attributes.get("class") == "compared"]
        assert [heading.text for heading in compared[0].all("h4")] == ["Expected", "Observed"]
        assert [said.text for said in compared[0].all("p")] == [entry.finding.expected, entry.finding.observed]


def test_verbose_names_every_frame_and_quiet_the_titles_only() -> None:
    assert "30, 32, 34" not in html(blocked_report())
    assert "30, 32, 34" in html(blocked_report(), Detail.FULL)
    brief = parse(html(blocked_report(), Detail.BRIEF))
    assert [heading.text for heading in brief.all("h2")] == ["Findings"]
    assert "Expected" not in brief.text


def test_hostile_text_is_shown_and_does_nothing() -> None:
    text = html(hostile_report(), Detail.FULL)
    page = parse(text)
    assert len(page.all("script")) == 1
    assert all(character.isprintable() or character == "\n" for character in text)
    assert " ".join(visible(TOGETHER).split()) in page.text
    assert SCRIPT in page.by_id("points").text


def test_the_same_run_gives_the_same_bytes() -> None:
    paths = captures("07")
    options = RunOptions(tuple(map(str, paths)), with_exhibits=True)
    assert html(analyze(options)) == html(analyze(options))


def test_a_large_report_stays_small_and_says_what_it_leaves_out() -> None:
    report = blocked_report()
    many = tuple(FindingReport(f"f{number}", blocked_finding(), None) for number in range(1, 3001))
    large = replace(
        report,
        findings=many,
        points=report.points * 5000,
        tunnels=report.tunnels * 5000,
        cluster=report.cluster * 5000,
        inputs=report.inputs,
    )
    large = replace(large, points=tuple(replace(point, id=f"p{n}") for n, point in enumerate(large.points, start=1)))
    text = html(large)
    assert len(text.encode()) < 2_000_000
    page = parse(text)
    assert len(page.with_attribute("data-finding")) == 3000
    for what in ("10,000 points", "10,000 tunnels", "10,000 facts"):
        assert f"500 of {what} are shown" in page.text


def test_only_html_draws_and_only_it_needs_the_template_engine() -> None:
    assert draws("html")
    assert not draws("text")
    code = (
        "import sys; from ipipdiag.cli.main import main\n"
        "try: main()\n"
        "finally: print(*({'jinja2', 'dpkt'} & sys.modules.keys()), file=sys.stderr)"
    )
    said = {}
    for name in ("text", "html"):
        command = [sys.executable, "-c", code, "analyze", str(captures("07")[1]), "-f", name, "--fail-on", "never"]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        said[name] = run.stderr.split()
    assert "jinja2" not in said["text"]
    assert "jinja2" in said["html"]


def channel(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    red, green, blue = (channel(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, 1.4.3."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_enough(scheme: str) -> None:
    style = "".join(map(str, parse(html(blocked_report())).first("style").children))
    palettes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)
    ]
    colours = palettes[0] | (palettes[1] if scheme == "dark" else {})
    on_any = ("ink", "quiet", "link", "bad", "warn", "good", "info", "tunnel")
    for text in on_any:
        for paper in ("paper", "raised"):
            assert contrast(colours[text], colours[paper]) >= 4.5, f"{text} on {paper}"
    for text, paper in (("ink", "bad-paper"), ("bad", "bad-paper"), ("quiet", "bad-paper"), ("ink", "shade"),
                        ("ink", "other-shade")):  # fmt: skip
        assert contrast(colours[text], colours[paper]) >= 4.5, f"{text} on {paper}"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
RUNS = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def in_chromium(path: Path) -> Element:
    """The page after Chromium has read it and run what it lets run."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom"]
    profile = f"--user-data-dir={path.parent / 'profile'}"
    run = subprocess.run([*command, profile, path.as_uri()], capture_output=True, text=True, check=True, timeout=120)
    return parse(run.stdout.replace("<!DOCTYPE html>", ""))


@pytest.mark.needs_chromium
def test_chromium_runs_the_sorting_and_nothing_that_a_name_brings(tmp_path: Path) -> None:
    report = hostile_report()
    points = tuple(replace(point, pod=RUNS, node=SCRIPT) for point in report.points)
    path = tmp_path / "report.html"
    path.write_bytes(render("html", replace(report, points=points), Presentation(detail=Detail.FULL)))
    seen, written = in_chromium(path), parse(path.read_text())
    assert seen.first("title").text == written.first("title").text
    tags, own = Counter(element.tag for element in seen.all()), Counter(element.tag for element in written.all())
    sortable = [table for table in written.all("table") if table.attributes.get("class") == "sortable"]
    assert tags.pop("button") == sum(len(table.first("thead").all("th")) for table in sortable) > 0
    assert tags == own
    assert RUNS in seen.by_id("points").text


@pytest.mark.needs_chromium
def test_chromium_sees_the_drawings_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html(drawn_with_cluster(*captures("07"))))
    seen, written = in_chromium(path), parse(path.read_text())
    assert [figure.text for figure in seen.all("svg")] == [figure.text for figure in written.all("svg")]
    assert len(seen.all("svg")) == 3
