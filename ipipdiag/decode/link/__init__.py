"""The link layer: one module a link type, found by walking this folder.

A module declares ``LINK_TYPES`` (LINKTYPE_ numbers and their names) and ``decode_link(window, rows)``, which fills in
where the network header of each of its frames begins.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from ipipdiag.decode.link.model import LinkRows
from ipipdiag.decode.window import ByteWindow

Decoder = Callable[[ByteWindow, LinkRows], None]

# link types that Wireshark and tcpdump know and this program only names
_NAMED = {
    105: "IEEE802_11",
    127: "IEEE802_11_RADIOTAP",
    147: "USER0",
    189: "USB_LINUX",
    220: "USB_LINUX_MMAPPED",
    229: "IPV6",
    239: "NFLOG",
    253: "NETLINK",
    281: "DSA_TAG_BRCM",
}


@cache
def _modules() -> dict[int, tuple[str, Decoder]]:
    found: dict[int, tuple[str, Decoder]] = {}
    for info in pkgutil.iter_modules(__path__, __name__ + "."):
        module = importlib.import_module(info.name)
        for number, name in getattr(module, "LINK_TYPES", {}).items():
            found[number] = (name, module.decode_link)
    return found


def link_decoder(link_type: int) -> Decoder | None:
    """What decodes frames of a link type; None where it is only named."""
    known = _modules().get(link_type)
    return known[1] if known else None


def link_type_name(link_type: int) -> str:
    """The LINKTYPE_ name, without its prefix; the number where the name is not known here."""
    known = _modules().get(link_type)
    return known[0] if known else _NAMED.get(link_type, f"LINKTYPE {link_type}")
