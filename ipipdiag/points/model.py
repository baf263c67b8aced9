"""Where a capture was taken: the roles a point can have, and what is known of one point."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipipdiag.facts.collect import PointFacts


class Role(StrEnum):
    """The kind of place a capture was taken at."""

    NODE = "node"  # a node's NIC
    TUNL0 = "tunl0"
    CALI = "cali"  # host side of a pod's veth
    POD = "pod"  # eth0 inside a pod
    ANY = "any"  # all interfaces of a node, not told apart
    VXLAN = "vxlan"  # vxlan.calico
    FABRIC = "fabric"  # a switch, a router, a mirror port: no node of the cluster
    UNKNOWN = "unknown"


class PlacementSource(StrEnum):
    """What a point's role was taken from, in falling order of trust after the user's word."""

    USER = "user"
    INFERRED = "inferred"  # from what the packets show
    INTERFACE_NAME = "interface_name"
    FILE_NAME = "file_name"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One place of one capture, with its facts.

    ``own_mac`` is the MAC of the capturing machine's side where it is known: of the node at a node NIC, of the host
    side at a pod's link (see ``host_macs``). ``own_addresses`` are the addresses that machine itself uses there.
    ``pods`` are the addresses that asked for the gateway 169.254.1.1, or send from the pod's side, at a pod's link.
    """

    id: str
    input: str  # id of the input, "c1"; of several files of one capture the first
    input_name: str
    interface: int
    interface_index: int  # -1: the link tells none
    interface_name: str | None
    link_type: int
    link_name: str
    snap_length: int
    drops: int | None  # frames that the capture itself says it lost; None where it does not say
    role: Role
    source: PlacementSource
    reason: str
    node: str | None  # name or address of the node
    pod: str | None  # name or address of the pod
    own_mac: int | None
    own_addresses: tuple[int, ...]
    host_macs: tuple[int, ...]  # MACs the host side uses on a pod's link
    pods: tuple[int, ...]
    contradiction: str | None  # what speaks against the role, where the user or a name says otherwise
    facts: PointFacts

    @property
    def is_pod_link(self) -> bool:
        """Whether this is either end of a pod's veth."""
        return self.role in (Role.POD, Role.CALI)

    @property
    def interface_text(self) -> str:
        """The interface by its name, else by its role."""
        return self.interface_name or _PLACES[self.role]

    @property
    def label(self) -> str:
        """How the report names the point: the place, and whose it is; the file where that is not known."""
        place = self.interface_text
        owner = f"pod {self.pod}" if self.is_pod_link and self.pod else f"node {self.node}" if self.node else None
        return f"{place} of {owner}" if owner else f"{place} in {PurePath(self.input_name).name}"


_PLACES = {
    Role.NODE: "NIC",
    Role.TUNL0: "tunl0",
    Role.CALI: "cali interface",
    Role.POD: "eth0",
    Role.ANY: "interface any",
    Role.VXLAN: "vxlan.calico",
    Role.FABRIC: "port",
    Role.UNKNOWN: "interface",
}


@dataclass(frozen=True, slots=True)
class PointOption:
    """The user's word on a point (``--point FILE=ROLE[@NODE]``); ``file`` is a path or its last part."""

    file: str
    role: Role
    node: str | None = None
