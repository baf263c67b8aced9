"""Frames redacted: no address is left, no payload, and every checksum is as right or as wrong as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ipipdiag.capture.write import OutputInterface, PcapngWriter
from ipipdiag.inspection.dissect import dissect
from ipipdiag.inspection.model import FrameRecord, Kind
from ipipdiag.inspection.read import read_frames
from ipipdiag.redaction.addresses import AddressMap
from ipipdiag.redaction.frames import redact_frame
from tests.builders.packets import arp, ethernet, icmp_echo, icmp_error, ipip, ipv4, tcp, udp
from tests.scenarios import SAMPLES

MAP = AddressMap(bytes(range(32)))
POD_A, POD_B, NODE_A, NODE_B = "172.20.1.5", "172.20.9.7", "192.0.2.11", "192.0.2.12"
SECRETS = [bytes(map(int, text.split("."))) for text in (POD_A, POD_B, NODE_A, NODE_B)]
PAYLOAD = b"GET /secret HTTP/1.1"


def redacted(frame: bytes, link_type: int = 1, wire_length: int | None = None, record_offset: int = 0) -> FrameRecord:
    record = FrameRecord("x", 1, 0, frame, wire_length or len(frame), 0, None, link_type, "", record_offset)
    return redact_frame(record, MAP)


FRAMES = {
    "tcp in a tunnel": ethernet(ipip(ipv4(tcp(PAYLOAD), POD_A, POD_B), NODE_A, NODE_B)),
    "udp": ethernet(ipv4(udp(PAYLOAD), POD_A, POD_B)),
    "echo": ethernet(ipv4(icmp_echo(), POD_A, POD_B)),
    "icmp error about a tunnel packet": ethernet(
        ipv4(icmp_error(3, 3, ipip(ipv4(tcp(PAYLOAD), POD_A, POD_B), NODE_A, NODE_B)), NODE_B, NODE_A)
    ),
    "arp": ethernet(arp(1, "02:99:00:00:00:05", POD_A, 0, POD_B), source="02:99:00:00:00:05"),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_no_address_and_no_payload_is_left(frame: bytes) -> None:
    made = redacted(frame)
    assert made.wire_length == len(frame)
    assert PAYLOAD not in made.data
    for secret in (*SECRETS, bytes.fromhex("029900000005")):
        assert secret not in made.data


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_headers_are_the_same_but_for_addresses_and_checksums(frame: bytes) -> None:
    before = dissect(frame, len(frame), 1).headers
    made = redacted(frame)
    after = dissect(made.data, len(frame), 1).headers
    assert [(header.kind, header.start, header.length) for header in after] == [
        (header.kind, header.start, header.length) for header in before
    ]
    for one, other in zip(before, after, strict=True):
        if one.kind is Kind.IPV4:
            assert (one.packet.len, one.packet.ttl, one.packet.id) == (
                other.packet.len,
                other.packet.ttl,
                other.packet.id,
            )


def test_a_frame_that_cannot_be_decoded_keeps_nothing_but_its_link_header() -> None:
    frame = ethernet(b"\x60" + bytes(60), ether_type=0x86DD)
    assert len(redacted(frame).data) == 14
    assert redacted(b"\x01\x02\x03").data == b""
    assert redacted(bytes(80), link_type=147).data == b""


def test_bytes_before_the_first_header_of_a_record_are_left_out() -> None:
    inner = ipv4(icmp_echo(), POD_A, POD_B)
    frame = ethernet(b"")[:14] + inner
    made = redacted(frame, link_type=101, record_offset=14)
    assert made.wire_length == len(inner)
    assert made.data[0] == 0x45


@pytest.mark.needs_tshark
@pytest.mark.parametrize("number", ["01", "12", "27b", "29", "32", "34"])
def test_checksums_are_as_tshark_found_them_before(number: str, tmp_path: Path) -> None:
    """Of every frame of real captures: IP headers, and TCP, UDP and ICMP where payload is kept so that they can be
    verified.
    """
    for folder in SAMPLES.glob(f"{number}-*"):
        for path in sorted(folder.glob("*.pcap")):
            records = read_frames(str(path), range(1, 200), must_exist=False)
            statuses = []
            for name, chosen in (("before", records), ("after", [_with_payload(record) for record in records])):
                target = tmp_path / name
                _write(target, chosen)
                statuses.append(_checksum_statuses(target))
            assert statuses[0] == statuses[1]


def _with_payload(record: FrameRecord) -> FrameRecord:
    """The redacted frame with the payload of the original behind it again, so that checksums can be verified."""
    made = redact_frame(record, MAP)
    original = record.data[record.record_offset :]
    data = made.data + original[len(made.data) :]
    return FrameRecord("x", record.number, 0, data, made.wire_length, 0, None, record.link_type, "", 0)


def _write(path: Path, records: list[FrameRecord]) -> None:
    with path.open("wb") as file:
        link_type = records[0].link_type if records else 1
        writer = PcapngWriter(file, [OutputInterface(link_type, 0, "x", "x")], "test")
        for record in records:
            writer.write(
                0, record.time_ns, record.data[record.record_offset :], record.wire_length - record.record_offset
            )


def _checksum_statuses(path: Path) -> list[list[str]]:
    command = ["tshark", "-r", str(path), "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o",
               "udp.check_checksum:TRUE", "-T", "fields", "-E", "occurrence=a"]  # fmt: skip
    for name in ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status"):
        command += ["-e", name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [_without_quoted(line.split("\t")) for line in lines]


def _without_quoted(statuses: list[str]) -> list[str]:
    """Of an ICMP error, without the checksum of the TCP or UDP packet it quotes: it is cut, or behind the cut."""
    ip, tcp_status, udp_status, icmp = statuses
    return [ip, icmp] if icmp else [ip, tcp_status, udp_status]
