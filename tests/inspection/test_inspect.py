"""Single frames: every header field by field, judged only where one frame tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipipdiag.cli.main import main
from ipipdiag.inspection.dissect import dissect
from ipipdiag.inspection.layers import view
from ipipdiag.inspection.model import FrameView, Judgement
from ipipdiag.inspection.read import read_frames
from ipipdiag.report.frame_text import render
from tests.builders.captures import RAW, SLL2, pcap
from tests.builders.packets import arp, ethernet, icmp_echo, icmp_error, ipip, ipv4, sll2, tcp, tcp_options, udp, vxlan
from tests.scenarios import captures, folder

POD, PEER, NODE, OTHER = "172.20.1.5", "172.20.9.7", "192.0.2.11", "192.0.2.12"


def shown(frame: bytes, folder: Path, link_type: int = 1, length: int | None = None) -> FrameView:
    path = folder / "one.pcap"
    path.write_bytes(pcap([(0, frame[:length], len(frame))], link_type=link_type))
    (record,) = read_frames(str(path), [1])
    return view(record, dissect(record.data, record.wire_length, record.link_type, record.record_offset))


def field(view: FrameView, title: str, name: str) -> tuple[str, Judgement]:
    (layer,) = [layer for layer in view.layers if layer.title == title]
    (found,) = [field for field in layer.fields if field.name == name]
    return found.value, found.judgement


def echo(ttl: int = 63, **fields: int) -> bytes:
    return ipv4(icmp_echo(), POD, PEER, ttl=ttl, **fields)  # type: ignore[arg-type]


def test_what_tunl0_writes_is_as_expected(tmp_path: Path) -> None:
    seen = shown(ethernet(ipip(echo(), NODE, OTHER, ttl=63)), tmp_path)
    assert seen.deviations == ()
    assert field(seen, "Outer IPv4 header", "TTL") == ("63", Judgement.AS_EXPECTED)
    assert field(seen, "Inner IPv4 header", "source") == (POD, Judgement.NOT_JUDGED)


@pytest.mark.parametrize("routers", [1, 3, 8])
def test_routers_lower_the_outer_ttl(routers: int, tmp_path: Path) -> None:
    assert shown(ethernet(ipip(echo(), NODE, OTHER, ttl=63 - routers)), tmp_path).deviations == ()


def test_marks_and_rewritten_dscp_of_a_fabric_are_not_judged(tmp_path: Path) -> None:
    seen = shown(ethernet(ipip(echo(ecn=2), NODE, OTHER, ttl=62, ecn=3, dscp=10)), tmp_path)
    assert seen.deviations == ()


@pytest.mark.parametrize(
    ("outer", "inner", "name"),
    [
        ({"ttl": 64}, {"ttl": 63}, "TTL"),
        ({"ttl": 50}, {"ttl": 63}, "TTL"),
        ({"ttl": 63}, {"dont_fragment": True}, "DF"),
        ({"ttl": 63, "id": 0}, {}, "identification"),
        ({"ttl": 63, "ecn": 3}, {"ecn": 0}, "ECN"),
        ({"ttl": 63, "ecn": 0}, {"ecn": 2}, "ECN"),
    ],
)
def test_deviations_are_marked(outer: dict[str, int], inner: dict[str, int], name: str, tmp_path: Path) -> None:
    seen = shown(ethernet(ipip(echo(**inner), NODE, OTHER, **outer)), tmp_path)
    assert seen.deviations == (f"Outer IPv4 header {name}",)
    assert "!! " + name in render(seen)


def test_gateway_reply_with_another_mac_is_marked(tmp_path: Path) -> None:
    good = arp(2, "ee:ee:ee:ee:ee:ee", "169.254.1.1", "02:00:00:00:00:01", POD)
    odd = arp(2, "ee:4b:5f:01:02:03", "169.254.1.1", "02:00:00:00:00:01", POD)
    assert shown(ethernet(good), tmp_path).deviations == ()
    assert shown(ethernet(odd), tmp_path).deviations == ("ARP sender MAC",)


def test_segment_size_and_quotes_and_vxlan_are_shown(tmp_path: Path) -> None:
    syn = ipv4(tcp(flags="S", options=tcp_options(mss=1440)), POD, PEER, ttl=63)
    assert field(shown(ethernet(syn), tmp_path), "TCP", "maximum segment size")[0] == "1440"
    error = ipv4(icmp_error(3, 3, ipip(syn, NODE, OTHER, ttl=63)), OTHER, NODE)
    titles = [layer.title for layer in shown(ethernet(error), tmp_path).layers]
    assert titles[-3:] == [
        "quoted: Outer IPv4 header",
        "quoted: Inner IPv4 header",
        "quoted: first 8 bytes of the transport header",
    ]
    wrapped = ipv4(vxlan(ethernet(echo()), 4096), NODE, OTHER)
    assert field(shown(ethernet(wrapped), tmp_path), "VXLAN", "network identifier")[0] == "4096"


@pytest.mark.parametrize("link_type", [RAW, SLL2])
def test_other_links(link_type: int, tmp_path: Path) -> None:
    frame = echo() if link_type == RAW else sll2(echo())
    assert shown(frame, tmp_path, link_type).layers[-1].title == "ICMP"


def test_cut_frame_says_where_it_stops(tmp_path: Path) -> None:
    frame = ethernet(ipip(ipv4(udp(b"x" * 40), POD, PEER, ttl=63), NODE, OTHER, ttl=63))
    for length in range(len(frame)):
        seen = shown(frame, tmp_path, length=length)
        assert (seen.stop is None) == (length >= 62), length
        render(seen)


@pytest.mark.parametrize("number", ["07", "13", "27b", "29", "32"])
def test_recorded_frames_of_the_kernel_hold_no_deviation(number: str) -> None:
    """What a real kernel wrote is what is expected; 23's outer source is not to be told from one frame."""
    for path in captures(number):
        if path.stat().st_size < 3000:
            continue
        for record in read_frames(str(path), range(1, 7)):
            seen = view(record, dissect(record.data, record.wire_length, record.link_type, record.record_offset))
            assert seen.deviations == (), (path.name, record.number)


def test_command_shows_frames_within_the_width(capsys: pytest.CaptureFixture[str]) -> None:
    path = folder("07") / "a-eth0.pcap"
    assert main(["inspect", str(path), "37", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if "a-eth0.pcap" not in line) <= 100
    assert sum(line.startswith("Outer IPv4 header") for line in lines) == 1


def test_frame_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder("07") / "a-eth0.pcap"), "71"]) == 2
    assert "has no frame 71; it holds 70" in capsys.readouterr().err


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert main(["inspect", str(tmp_path / "missing.pcap"), "1"]) == 3


def test_missing_tshark_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["inspect", "--tshark", str(folder("07") / "a-eth0.pcap"), "37"]) == 5
    assert "tshark is not installed" in capsys.readouterr().err


@pytest.mark.needs_tshark
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tshark_adds_its_own_dissection(capsys: pytest.CaptureFixture[str]) -> None:
    """pyshark leaves warnings of its own about event loops and processes."""
    assert main(["inspect", "--tshark", str(folder("07") / "a-eth0.pcap"), "37"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("tshark: ip\n") == 2
    assert "10.244.136.13" in shown.split("tshark: ip\n")[2]
