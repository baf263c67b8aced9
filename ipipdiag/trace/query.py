"""What a user asks of a trace: packets between some addresses, one conversation, or one frame."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

ANY_PORT = -1


@dataclass(frozen=True, slots=True)
class EndOption:
    """``--src`` or ``--dst``: an address, a network or a name, and a port where one was given."""

    name: str
    port: int = ANY_PORT


@dataclass(frozen=True, slots=True)
class FrameOption:
    """``--frame FILE:N``; ``file`` is a path or its last part."""

    file: str
    number: int


@dataclass(frozen=True, slots=True)
class End:
    """One end of what is asked for: as the user calls it, the addresses it may be, and the port (ANY_PORT: any)."""

    name: str
    network: IPv4Network
    port: int = ANY_PORT

    @property
    def text(self) -> str:
        """The end with its port where one was asked for."""
        return self.name if self.port == ANY_PORT else f"{self.name}:{self.port}"

    def holds(self, address: int) -> bool:
        """Whether an address may be this end."""
        return IPv4Address(address) in self.network

    def matches(self, text: str) -> bool:
        """Whether an address, as dotted text, may be this end."""
        return IPv4Address(text) in self.network


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; all packets where nothing narrows it."""

    source: End | None = None
    destination: End | None = None
    frame: FrameOption | None = None

    @property
    def has_ports(self) -> bool:
        """Whether it is conversations of certain ports rather than all packets between addresses."""
        return any(end is not None and end.port != ANY_PORT for end in (self.source, self.destination))
