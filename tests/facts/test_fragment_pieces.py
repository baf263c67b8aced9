"""Which fragmented packets are whole at a point."""

from __future__ import annotations

from ipipdiag.facts.fragment_pieces import REASSEMBLY_NS, fragment_piece_rows, incomplete_packets
from tests.builders.captures import START_NS, Frame, decode_frames
from tests.builders.packets import ethernet, ipv4

SECOND = 1_000_000_000


def piece(number: int, *, offset: int = 0, more: bool = True, size: int = 80) -> bytes:
    """One fragment of a UDP packet."""
    packet = ipv4(bytes(size), "172.20.1.5", "172.20.9.7", 17, id=number, offset=offset, more_fragments=more)
    return ethernet(packet)


def incomplete(frames: list[Frame]) -> tuple[int, ...]:
    return incomplete_packets(fragment_piece_rows(decode_frames(frames).packets))


def test_whole_packets_in_any_order() -> None:
    frames: list[Frame] = [piece(1), piece(1, offset=80, more=False), piece(2, offset=80, more=False), piece(2)]
    assert incomplete(frames) == ()


def test_a_missing_end_or_middle_makes_it_incomplete() -> None:
    assert incomplete([piece(1)]) == (1,)
    assert incomplete([piece(1), piece(1, offset=160, more=False)]) == (1,)
    assert incomplete([piece(1), piece(1, offset=80), piece(2), piece(2, offset=80, more=False)]) == (1,)


def test_a_missing_beginning_has_no_first_fragment_to_name() -> None:
    assert incomplete([piece(1, offset=80, more=False)]) == ()


def test_repeated_fragments_are_no_hole() -> None:
    assert incomplete([piece(1), piece(1), piece(1, offset=80, more=False)]) == ()


def test_an_identification_used_again_is_another_packet() -> None:
    later = START_NS + REASSEMBLY_NS + SECOND
    assert incomplete([(START_NS, piece(1)), (later, piece(1)), (later + 1, piece(1, offset=80, more=False))]) == (1,)
