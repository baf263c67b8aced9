"""What a single capture can show: for each check at which points it judges, read from its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

from ipipdiag.checks.model import Check
from ipipdiag.points.model import Role

PLACES = {
    "node NIC": Role.NODE,
    "tunl0": Role.TUNL0,
    "cali": Role.CALI,
    "pod eth0": Role.POD,
    "fabric": Role.FABRIC,
    "any": Role.ANY,
}  # the words in which checks name their points
TITLES = {
    Role.NODE: "a node's NIC",
    Role.TUNL0: "tunl0",
    Role.CALI: "a pod's cali interface",
    Role.POD: "eth0 inside a pod",
    Role.FABRIC: "a switch, a router or a mirror port",
    Role.ANY: "all interfaces of a node at once",
    Role.VXLAN: "vxlan.calico",
}
ETHERNET_ROLES = frozenset({Role.NODE, Role.CALI, Role.POD, Role.FABRIC, Role.ANY, Role.VXLAN})
EVERYWHERE = frozenset(TITLES)
WITH = ", with "
_SENTENCES: dict[str, tuple[frozenset[Role], frozenset[Role]]] = {  # alone, and with another point
    "any": (EVERYWHERE, frozenset()),
    "any with ARP": (ETHERNET_ROLES, frozenset()),
    "any two places on the way": (frozenset(), EVERYWHERE),
    "both node NICs, or NIC and fabric": (frozenset(), frozenset({Role.NODE, Role.FABRIC})),
    "node NIC, surer with both": (frozenset({Role.NODE}), frozenset()),
    "cluster files": (frozenset(), frozenset()),
}


class Sight(Enum):
    """What a point alone can do for a check."""

    ALONE = "judged from this point alone"
    WITH_ANOTHER = "judged together with a second point"
    ELSEWHERE = "not judged here"
    FILES = "judged from cluster files"


@dataclass(frozen=True, slots=True)
class View:
    """Where a check judges: ``alone`` at each of these roles, ``together`` at two points of which one is each."""

    alone: frozenset[Role]
    together: frozenset[Role]

    def at(self, role: Role) -> Sight:
        """What a capture at a point of that role can do. A capture of all interfaces holds several points."""
        if not self.alone and not self.together:
            return Sight.FILES
        on_a_node = {Role.NODE, Role.TUNL0, Role.CALI}
        if role in self.alone or (role is Role.ANY and self.alone & on_a_node):
            return Sight.ALONE
        if role is Role.ANY and len(self.together & on_a_node) > 1:
            return Sight.ALONE
        return Sight.WITH_ANOTHER if role in self.together else Sight.ELSEWHERE


@cache
def view_of(points: str) -> View:
    """The view that a check declares in words; raises ValueError where a word means no point."""
    if points in _SENTENCES:
        return View(*_SENTENCES[points])
    if WITH in points:
        return View(frozenset(), frozenset().union(*(_roles(side) for side in points.split(WITH))))
    return View(_roles(points), frozenset())


def _roles(words: str) -> frozenset[Role]:
    places = words.replace(" or ", ", ").split(", ")
    if unknown := [place for place in places if place not in PLACES]:
        raise ValueError(f"no point is called {unknown[0]!r}")
    return frozenset(PLACES[place] for place in places)


def sight_of(check: Check, role: Role) -> Sight:
    """What a point of a role alone can do for a check."""
    return view_of(check.points).at(role)
