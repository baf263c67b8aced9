"""Numbers and names that protocols, Linux and Calico give, written once; light enough for every check to load."""

from __future__ import annotations

# IP protocols (IANA)
ICMP, TCP, UDP, SCTP = 1, 6, 17, 132
IPIP_PROTOCOL, IPV6_PROTOCOL, GRE_PROTOCOL = 4, 41, 47

# ports
BGP_PORT = 179
DNS_PORT = 53
VXLAN_PORT = 4789

# TCP flags (RFC 9293)
FIN, SYN, RST, ACK = 1, 2, 4, 16

# ICMP types, and codes of destination unreachable (RFC 792)
ECHO_REPLY, UNREACHABLE, ECHO_REQUEST, TIME_EXCEEDED = 0, 3, 8, 11
NET_UNREACHABLE, HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 0, 1, 2, 3, 4

# ARP operations (RFC 826)
ARP_REQUEST, ARP_REPLY = 1, 2

# TTLs with which packets begin: Linux 64, Windows 128, a SYN-ACK of the Linux kernel to BIRD 255
INITIAL_TTLS = (64, 128, 255)
FIRST_HOP_TTLS = (63, 127, 254)  # forwarded once: by the pod's own node

SHORTEST_BLOCK = 20  # prefix lengths that Calico allows for IPv4 blocks: 20 to 32

TUNNEL_DEVICE = "tunl0"
CALI_PREFIX = "cali"  # of the host side of a pod's veth
