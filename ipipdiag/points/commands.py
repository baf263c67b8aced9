"""The command that would show what a run does not: of tcpdump, one place for interface, filter and snap length; of
ipipdiag itself, where a capture holds more than one run keeps.
"""

from __future__ import annotations

from shlex import quote

from ipipdiag.points.model import Role

# Ethernet 14, two IPv4 headers of 20, a TCP header with all its options 60; 4 more for a VLAN tag; what an ICMP
# error quotes of a tunnel packet fits into 160 as well.
SNAP_LENGTH_HEADERS = 160

ANY_CALI = "caliXXXXXXXXXXX"  # stands for the interface of the pod in question
ANY_POD = "POD_IP"  # stands for the address of a pod that is not known
IN_POD = "nsenter -t POD_PID -n"  # stands for what runs a command in that pod's network namespace
LARGE_BUFFER = 65536  # KiB, for captures that would otherwise lose frames

_INTERFACES = {
    Role.NODE: ("eth0", "ip proto 4 or arp or icmp or tcp port 179 or (vlan and ip proto 4)"),
    Role.TUNL0: ("tunl0", ""),
    Role.CALI: (ANY_CALI, ""),
    Role.POD: ("eth0", ""),
    Role.VXLAN: ("vxlan.calico", ""),
    Role.ANY: ("any", ""),
    Role.FABRIC: ("eth0", "ip proto 4 or arp or icmp or tcp port 179 or (vlan and ip proto 4)"),
}


def capture_command(
    role: Role,
    where: str = "",
    *,
    capture_filter: str | None = None,
    whole: bool = False,
    seconds: int = 30,
    buffer: int | None = None,
) -> str:
    """A command line to run on a node, with a comment that says where.

    ``where`` names the node or pod for the comment; ``whole`` asks for whole packets (BGP); ``capture_filter`` replaces
    the role's own; ``buffer`` is what the kernel keeps for tcpdump, in KiB. The file is named after the role.
    """
    interface, own_filter = _INTERFACES.get(role, ("any", ""))
    expression = own_filter if capture_filter is None else capture_filter
    snap_length = 0 if whole else SNAP_LENGTH_HEADERS
    enter = f"{IN_POD} " if role is Role.POD else ""
    keep = f" -B {buffer}" if buffer else ""
    parts = [f"{enter}timeout {seconds} tcpdump -ni {interface}{keep} -s {snap_length} -w {role.value}.pcap"]
    if expression:
        parts.append(f"'{expression}'")
    command = " ".join(parts)
    return f"{command}  # on {where}" if where else command


def capture_together(*roles: Role) -> str:
    """One command line that captures at several points of one node at the same time."""
    return " & ".join(capture_command(role) for role in roles) + " & wait"


def part_command(file: str) -> str:
    """A command line that looks at the packets of one pod, or another host, of a capture."""
    return f"ipipdiag analyze {quote(file)} --host {ANY_POD}  # or a part of the time: --from, --to"
