"""The tcpdump command that would show what a capture does not: one place for interface, filter and snap length."""

from __future__ import annotations

from ipipdiag.points.model import Role

# Ethernet 14, two IPv4 headers of 20, a TCP header with all its options 60; 4 more for a VLAN tag; what an ICMP
# error quotes of a tunnel packet fits into 160 as well.
SNAP_LENGTH_HEADERS = 160

_INTERFACES = {
    Role.NODE: ("eth0", "ip proto 4 or arp or icmp or tcp port 179 or (vlan and ip proto 4)"),
    Role.TUNL0: ("tunl0", ""),
    Role.CALI: ("caliXXXXXXXXXXX", ""),
    Role.POD: ("eth0", ""),
    Role.VXLAN: ("vxlan.calico", ""),
    Role.ANY: ("any", ""),
    Role.FABRIC: ("eth0", "ip proto 4 or arp or icmp or tcp port 179 or (vlan and ip proto 4)"),
}


def capture_command(
    role: Role, where: str = "", *, capture_filter: str | None = None, whole: bool = False, seconds: int = 30
) -> str:
    """A command line to run on a node, with a comment that says where.

    ``where`` names the node or pod for the comment; ``whole`` asks for whole packets (BGP); ``capture_filter`` replaces
    the role's own. The file is named after the role.
    """
    interface, own_filter = _INTERFACES.get(role, ("any", ""))
    expression = own_filter if capture_filter is None else capture_filter
    snap_length = 0 if whole else SNAP_LENGTH_HEADERS
    enter = "nsenter -t POD_PID -n " if role is Role.POD else ""
    parts = [f"{enter}timeout {seconds} tcpdump -ni {interface} -s {snap_length} -w {role.value}.pcap"]
    if expression:
        parts.append(f"'{expression}'")
    command = " ".join(parts)
    return f"{command}  # on {where}" if where else command
