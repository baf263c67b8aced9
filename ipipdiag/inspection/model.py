"""What a frame is taken apart into, and what is said of each of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The headers that are taken apart."""

    ETHERNET = "ethernet"
    COOKED = "linux cooked v1"
    COOKED2 = "linux cooked v2"
    NULL = "bsd loopback"
    PPP = "ppp"
    VLAN = "vlan tag"
    ARP = "arp"
    IPV4 = "ipv4"
    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    VXLAN = "vxlan"
    QUOTED_TRANSPORT = "quoted transport"  # the first 8 bytes of TCP or UDP, all that an ICMP error need quote


@dataclass(frozen=True, slots=True)
class Header:
    """One header: where it lies in the frame, its fields as dpkt decodes them, and where what it carries ends.

    ``end`` is where the packet ends by its own length and those of the headers around it, captured or not. ``quoted``
    is set inside what an ICMP error quotes.
    """

    kind: Kind
    start: int
    length: int
    end: int
    packet: Any
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Where decoding stopped short: the header that could not be decoded, and why."""

    layer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dissection:
    """The headers of a frame from the outside in; ``stop`` is None where there was nothing more to decode."""

    headers: tuple[Header, ...]
    stop: Stop | None


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One frame as its capture holds it. ``record_offset`` are bytes of the record before the first header,
    ``interface_index`` is the kernel's (-1: the link tells none).
    """

    input: str
    number: int
    time_ns: int
    data: bytes
    wire_length: int
    interface: int
    interface_name: str | None
    link_type: int
    link_type_name: str
    record_offset: int
    interface_index: int = -1


class Judgement(StrEnum):
    """What one frame alone says of a field."""

    AS_EXPECTED = "as_expected"
    DEVIATES = "deviates"
    NOT_JUDGED = "not_judged"  # no rule of Calico's, or not to be told from one frame


@dataclass(frozen=True, slots=True)
class Field:
    """A field with its value as text, and what is expected of it, or what it means where nothing is."""

    name: str
    value: str
    note: str = ""
    judgement: Judgement = Judgement.NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Layer:
    """A header as it is shown; ``start`` counts bytes from the beginning of the frame."""

    title: str
    start: int
    length: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class FrameView:
    """A frame as it is shown. ``tshark`` are the layers of tshark's own dissection, where that was asked for."""

    record: FrameRecord
    summary: str
    layers: tuple[Layer, ...]
    stop: Stop | None
    tshark: tuple[Layer, ...] = ()

    @property
    def deviations(self) -> tuple[str, ...]:
        """Layer and name of the fields that are not as expected."""
        return tuple(
            f"{layer.title} {field.name}"
            for layer in self.layers
            for field in layer.fields
            if field.judgement is Judgement.DEVIATES
        )


def judged(name: str, value: str, note: str, *, good: bool) -> Field:
    """A field that one frame can tell good or bad."""
    return Field(name, value, note, Judgement.AS_EXPECTED if good else Judgement.DEVIATES)
