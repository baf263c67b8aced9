"""What Calico and Linux's tunl0 put into each field, for one frame: what it proves right, wrong, or leaves open.

The rules are those of the kernel's ipip driver with Calico's ``ttl inherit nopmtudisc`` (net/ipv4/ip_tunnel.c,
include/net/inet_ecn.h) and of Calico's CNI plugin. One frame does not tell which node captured it, so what only the
sending node shows (DSCP) is noted and not judged.
"""

from __future__ import annotations

from typing import Any

from ipipdiag.addresses import GATEWAY, HOST_SIDE_MAC, format_mac
from ipipdiag.inspection.model import Field, judged

FORWARDED_ONCE, MADE_BY_NODE = (63, 127, 254), (64, 128, 255)
MOST_ROUTERS = 8
PLAIN_HEADER = 20
ECN_NAMES = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
NOT_ECT, ECT0, CE = 0, 2, 3
CALICO_VNI = 4096


def outer_fields(outer: Any, inner: Any | None) -> dict[str, Field]:
    """Judgements of the outer header's fields beside the inner header; without one (a later fragment) only its own."""
    fields = {
        "header length": judged(
            "header length", f"{outer.hl * 4} bytes", "20: tunl0 writes no options", good=outer.hl * 4 == PLAIN_HEADER
        ),
        "identification": judged(
            "identification",
            f"0x{outer.id:04x}",
            "not 0: a sequence of its own, unrelated to the inner one",
            good=outer.id != 0,
        ),
        "source": Field("source", _address(outer.src), "the sending node's Calico address"),
        "destination": Field("destination", _address(outer.dst), "the Calico address of the node that has the pod"),
        "protocol": judged("protocol", f"{outer.p} (IP-in-IP)", "4", good=outer.p == 4),
    }
    if inner is None:
        return fields
    fields["TTL"] = _outer_ttl(outer.ttl, inner.ttl)
    fields["DF"] = _outer_df(bool(outer.df), bool(inner.df))
    fields["DSCP"] = Field("DSCP", str(outer.tos >> 2), "0 at the sending node; fabrics rewrite it")
    fields["ECN"] = _outer_ecn(outer.tos & 3, inner.tos & 3)
    return fields


def _outer_ttl(outer: int, inner: int) -> Field:
    fallen = inner - outer
    if fallen == 0:
        return judged("TTL", str(outer), f"equal to the inner TTL ({inner}), as at the sending node", good=True)
    if 0 < fallen <= MOST_ROUTERS:
        routers = "one router" if fallen == 1 else f"{fallen} routers"
        return judged("TTL", str(outer), f"{fallen} below the inner TTL ({inner}): {routers} on the way", good=True)
    return judged("TTL", str(outer), f"the inner TTL ({inner}), less one a router: ttl inherit", good=False)


def _outer_df(outer: bool, inner: bool) -> Field:
    if outer == inner:
        return judged("DF", _yes(outer), "as in the inner header", good=True)
    if inner:
        return judged("DF", _yes(outer), "set, as in the inner header", good=False)
    return Field("DF", _yes(outer), "as in the inner header (not set), unless tunl0 has pmtudisc")


def _outer_ecn(outer: int, inner: int) -> Field:
    expected = ECT0 if inner == CE else inner
    value = ECN_NAMES[outer]
    if outer == expected:
        return judged("ECN", value, f"{ECN_NAMES[expected]}, from the inner {ECN_NAMES[inner]}", good=True)
    if outer == CE and inner == NOT_ECT:
        return judged("ECN", value, "CE over inner Not-ECT: the receiver discards the packet (RFC 6040)", good=False)
    if outer == CE:
        return Field("ECN", value, f"marked by a router; {ECN_NAMES[expected]} at the sending node")
    return judged("ECN", value, f"{ECN_NAMES[expected]}, from the inner {ECN_NAMES[inner]}", good=False)


def inner_fields(inner: Any, room: int) -> dict[str, Field]:
    """Judgements of the inner header's fields; ``room`` is how many bytes the outer packet has for it, -1 unknown."""
    if inner.ttl in FORWARDED_ONCE:
        ttl = Field("TTL", str(inner.ttl), "forwarded once, by the pod's own node")
    elif inner.ttl in MADE_BY_NODE:
        ttl = Field("TTL", str(inner.ttl), "an initial TTL: made by the node itself, not by a pod")
    else:
        ttl = Field("TTL", str(inner.ttl))
    fields = {"TTL": ttl}
    if room >= 0 and inner.len:
        note = f"fits into the {room} bytes behind the outer header"
        fields["total length"] = judged("total length", f"{inner.len} bytes", note, good=inner.len <= room)
    return fields


def arp_fields(arp: Any) -> dict[str, Field]:
    """Judgements of ARP for the gateway 169.254.1.1."""
    sender = int.from_bytes(arp.spa, "big")
    mac = int.from_bytes(arp.sha, "big")
    if arp.op == 2 and sender == GATEWAY:
        note = "ee:ee:ee:ee:ee:ee, which the CNI plugin gives the host side of the veth"
        return {"sender MAC": judged("sender MAC", format_mac(mac), note, good=mac == HOST_SIDE_MAC)}
    if arp.op == 1 and int.from_bytes(arp.tpa, "big") == GATEWAY:
        note = "the next hop of every Calico pod; the node answers by proxy ARP within a millisecond"
        return {"target": Field("target", "169.254.1.1", note)}
    return {}


def mss_field(mss: int) -> Field:
    """The segment size, with the rule it stands under: which tunnel MTU applies is not in the frame."""
    return Field("maximum segment size", str(mss), f"from a pod: needs a tunnel MTU of {mss + 40} or more")


def vni_field(vni: int) -> Field:
    """The VXLAN network identifier beside Calico's."""
    note = "4096, Calico's" if vni == CALICO_VNI else "Calico's is 4096: another VXLAN?"
    return Field("network identifier", str(vni), note)


def _address(octets: bytes) -> str:
    return ".".join(str(octet) for octet in octets)


def _yes(flag: bool) -> str:
    return "set" if flag else "not set"
