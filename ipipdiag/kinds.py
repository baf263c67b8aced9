"""The kinds that columns of the packet table hold as small integers."""

from __future__ import annotations

from enum import IntEnum

ABSENT_MAC = -1  # of a link without MAC addresses


class Network(IntEnum):
    """What the link layer carries, after any VLAN tags."""

    NONE = 0  # the link layer could not be decoded
    IPV4 = 1
    IPV6 = 2
    ARP = 3
    OTHER = 4


class Tunnel(IntEnum):
    """How the packet is wrapped. Only IPIP and VXLAN are looked into; the others are named."""

    NONE = 0
    IPIP = 1  # IPv4 protocol 4
    VXLAN = 2  # UDP destination port 4789
    GRE = 3  # protocol 47
    WIREGUARD = 4  # UDP 51820 or 51821, with a WireGuard message type
    IPV6 = 5  # protocol 41


class Layer(IntEnum):
    """Where decoding stopped; COMPLETE where it did not."""

    COMPLETE = 0
    LINK = 1
    VLAN = 2
    NETWORK = 3  # neither IPv4 nor ARP
    ARP = 4
    OUTER_IPV4 = 5
    TUNNEL = 6  # VXLAN header and inner Ethernet, or a tunnel that is only named
    INNER_IPV4 = 7
    TRANSPORT = 8
    TCP_OPTIONS = 9
    ICMP_QUOTE = 10


class StopReason(IntEnum):
    """Why decoding stopped at that layer."""

    NONE = 0
    CAPTURED_LENGTH = 1  # the bytes are not in the file: snap length, or a cut record
    HEADER_LENGTH = 2  # a length field below its own header's minimum
    TOTAL_LENGTH = 3  # the packet ends, by its own length, before the header does
    VERSION = 4  # not IP version 4
    FRAGMENT = 5  # a later fragment: no further header in it, and none is expected
    UNSUPPORTED = 6  # a protocol, ether type or link type that is named but not decoded
    DEPTH = 7  # headers nested deeper than is followed


class PacketType(IntEnum):
    """Direction as Linux cooked captures tell it (``sll.pkttype``)."""

    HOST = 0
    BROADCAST = 1
    MULTICAST = 2
    OTHER_HOST = 3
    OUTGOING = 4
    UNKNOWN = 255


class BgpMessage(IntEnum):
    """Type of a BGP message (RFC 4271, 4.1; RFC 2918)."""

    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4
    ROUTE_REFRESH = 5


class TcpEvent(IntEnum):
    """What happens to segments beside being sent and acknowledged."""

    SENT_AGAIN = 1  # seen here before: lost, or its acknowledgement was, beyond this point
    SENT_AGAIN_UNSEEN = 2  # the first was never seen here: lost before this point, or missed by the capture
    OVERTAKEN = 3
    PROBE = 4  # keep-alive or window probe
    ZERO_WINDOW = 5


class Checksum(IntEnum):
    """What a TCP segment without payload shows of its checksum, where all of it was captured."""

    UNKNOWN = 0
    RIGHT = 1
    LEFT_OPEN = 2  # the pseudo-header sum, which the sender's NIC should have completed
    WRONG = 3
