"""DNS: which queries and answers belong together, and what of a cut or bent message is still read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from ipipdiag.capture import open_capture
from ipipdiag.facts.collect import collect_facts
from ipipdiag.facts.dns import DnsExchanges, dns_rows
from tests.builders.captures import START_NS, Frame, cut, decode_frames
from tests.builders.packets import dns_answer, dns_query, ethernet, ipip, ipv4, udp
from tests.scenarios import folder

CLIENT, SERVER = "172.20.1.5", "172.20.9.7"
NAME = "orders.web.svc.cluster.local"


def query(name: str = NAME, id: int = 7, kind: int = 1, port: int = 41000) -> bytes:
    return ethernet(ipv4(udp(dns_query(name, id, kind), port, 53), CLIENT, SERVER, id=id))


def answer(name: str = NAME, id: int = 7, kind: int = 1, port: int = 41000, code: int = 0) -> bytes:
    return ethernet(ipv4(udp(dns_answer(name, id, kind, code), 53, port), SERVER, CLIENT, id=id + 1))


def exchanges(*frames: Frame) -> DnsExchanges:
    decoded = decode_frames(frames)
    return dns_rows(decoded, np.ones(len(frames), dtype=np.bool_)).aggregate()


def test_answer_belongs_to_its_query() -> None:
    table = exchanges((START_NS, query()), (START_NS + 500, answer(code=3)))
    assert list(table.rows("queries", "answers", "response_code_max", "question_type")) == [(1, 1, 3, 1)]
    assert table.first_answer_ns[0] - table.first_query_ns[0] == 500
    assert table.frames[0, :3].tolist() == [1, 2, 0]


def test_names_are_the_same_in_any_case() -> None:
    assert len(exchanges(query(NAME), answer(NAME.upper()))) == 1


@pytest.mark.parametrize(
    "other", [query(id=8), query(kind=28), query(port=41001), query("orders.web.svc.cluster.loca1"), query("a." + NAME)]
)
def test_another_question_is_another_row(other: bytes) -> None:
    assert len(exchanges(query(), other)) == 2


def test_longest_name_is_read() -> None:
    name = ".".join(["x" * 63] * 3 + ["y" * 61])  # 255 bytes on the wire
    table = exchanges(query(name), answer(name), query(name[:-1] + "z"))
    assert sorted(table.rows("queries", "answers", "question_type")) == [(1, 0, 1), (1, 1, 1)]


@pytest.mark.parametrize("length", [54, 60, 80])
def test_cut_name_is_no_question_and_still_an_exchange(length: int) -> None:
    table = exchanges(cut(query(), length), cut(answer(), length))
    assert list(table.rows("queries", "answers", "question", "question_type")) == [(1, 1, 0, -1)]


def test_cut_header_is_passed_over() -> None:
    assert len(exchanges(cut(query(), 53))) == 0


def test_pointer_and_endless_labels_are_no_name() -> None:
    bent = udp(dns_query("a")[:12] + b"\xc0\x0c\0\1\0\1", 41000, 53)
    endless = udp(dns_query("a")[:12] + b"\x3fa" * 300, 41000, 53)
    for datagram in (bent, endless):
        table = exchanges(ethernet(ipv4(datagram, CLIENT, SERVER)))
        assert list(table.rows("question", "question_type")) == [(0, -1)]


def test_what_no_server_says_is_no_exchange() -> None:
    notify = bytearray(dns_query(NAME))
    notify[2] |= 4 << 3  # opcode 4, between servers
    assert len(exchanges(ethernet(ipv4(udp(bytes(notify), 41000, 53), CLIENT, SERVER)))) == 0
    response_to_port_53 = udp(dns_answer(NAME), 41000, 53)
    assert len(exchanges(ethernet(ipv4(response_to_port_53, CLIENT, SERVER)))) == 0


def test_wrapped_query_and_answer_are_one_row() -> None:
    there = ipip(ipv4(udp(dns_query(NAME), 41000, 53), CLIENT, SERVER), "192.0.2.11", "192.0.2.12")
    back = ipip(ipv4(udp(dns_answer(NAME), 53, 41000), SERVER, CLIENT), "192.0.2.12", "192.0.2.11")
    assert list(exchanges(ethernet(there), ethernet(back)).rows("queries", "answers", "wrapped")) == [(1, 1, 2)]


@pytest.mark.needs_tshark
@pytest.mark.parametrize(
    ("number", "name"), [("24", "pod-a1-eth0.pcap"), ("17", "a-eth0.pcap"), ("01", "a-tunl0.pcap")]
)
def test_tshark_counts_the_same(number: str, name: str) -> None:
    path = folder(number) / name
    with open_capture(str(path)) as capture:
        (point,) = collect_facts(capture).points
    assert Path(path).is_file()
    command = ["tshark", "-n", "-r", str(path), "-Y", "dns && udp.port == 53", "-T", "fields", "-E", "separator=,",
               "-e", "dns.flags.response", "-e", "dns.id", "-e", "dns.qry.type"]  # fmt: skip
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    counted = [(int(said == "True" or said == "1"), int(number, 16), int(kind)) for said, number, kind in
               (line.split(",") for line in lines)]  # fmt: skip
    table = point.dns_exchanges
    ours = [
        (said, id, kind)
        for id, kind, queries, answers in table.rows("id", "question_type", "queries", "answers")
        for said in [0] * queries + [1] * answers
    ]
    assert sorted(ours) == sorted(counted)
