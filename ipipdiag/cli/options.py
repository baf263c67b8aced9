"""Values of the command line: a function for each, from the word given to what the program works with.

What means nothing raises ``click.BadParameter`` with what was found and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any, TypeVar

import click

from ipipdiag.checks.catalogue import all_checks
from ipipdiag.checks.thresholds import meaning_of, threshold_names
from ipipdiag.cluster.model import Mode, ModeOption, NodeOption
from ipipdiag.points.model import PointOption, Role
from ipipdiag.report.sanitise import visible
from ipipdiag.trace.query import EndOption, FrameOption

NANOSECONDS = 1_000_000_000
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "standard input"  # how the report names it
ROLES = tuple(role.value for role in Role if role is not Role.UNKNOWN)


F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(command: F) -> F:
    """The options by which a user tells of the cluster, the same for every command that needs them."""
    for option in reversed(
        (
            click.option(
                "cluster_files",
                "--cluster",
                type=click.Path(),
                metavar="PATH",
                multiple=True,
                help="What is known of the cluster: YAML, JSON, a folder, or the archive of `calicoctl cluster diags`.",
            ),
            click.option(
                "ipip_modes",
                "--ipip-mode",
                type=mode,
                metavar="[CIDR=]MODE",
                multiple=True,
                help="Always, CrossSubnet or Never, for one pool or all.",
            ),
            click.option(
                "pod_cidrs",
                "--pod-cidr",
                type=network,
                metavar="CIDR",
                multiple=True,
                help="A network of pod addresses.",
            ),
            click.option(
                "nodes",
                "--node",
                type=node,
                metavar="NAME=IP/PREFIX",
                multiple=True,
                help="A node: its name, address and subnet.",
            ),
        )
    ):
        command = option(command)
    return command


def point_option(command: F) -> F:
    """``--point``, the same for every command that reads captures."""
    return click.option(
        "points",
        "--point",
        type=point,
        metavar="FILE=ROLE[@NODE]",
        multiple=True,
        help="Where a capture was taken: node, tunl0, cali, pod, any, vxlan, fabric.",
    )(command)


def point(text: str) -> PointOption:
    """The user's word on a point, ``FILE=ROLE[@NODE]``; the file name may hold ``=``."""
    file, equals, place = text.rpartition("=")
    role, at, node = place.partition("@")
    if not equals or not file:
        raise _bad(f"{text}: expected FILE=ROLE or FILE=ROLE@NODE, such as a-eth0.pcap=node@node-a")
    if role not in ROLES:
        raise _bad(f"{text}: {role!r} is no role; one of {', '.join(ROLES)}")
    if at and not node:
        raise _bad(f"{text}: no node after the @")
    return PointOption(STANDARD_INPUT_NAME if file == STANDARD_INPUT else file, Role(role), node or None)


def end(text: str) -> EndOption:
    """One end of packets: an address, a network or a name, and a port behind a colon."""
    name, colon, port = text.rpartition(":")
    if not colon:
        return EndOption(text)
    if not name or not (port.isascii() and port.isdigit() and int(port) <= 0xFFFF):
        raise _bad(f"{text}: expected an address, a network or a name, and after a colon a port, such as 10.0.0.7:80")
    return EndOption(name, int(port))


def frame(text: str) -> FrameOption:
    """One frame, ``FILE:N``; the file name may hold colons."""
    file, colon, number = text.rpartition(":")
    if not colon or not file or not (number.isascii() and number.isdigit() and int(number) > 0):
        raise _bad(f"{text}: expected FILE:N with the number of a frame, such as a-eth0.pcap:12")
    return FrameOption(STANDARD_INPUT_NAME if file == STANDARD_INPUT else file, int(number))


def network(text: str) -> IPv4Network:
    """An IPv4 network such as 10.244.0.0/16; host bits are an error that names the network they lie in."""
    try:
        return IPv4Network(text)
    except ValueError:
        pass
    try:
        meant = IPv4Network(text, strict=False)
    except ValueError:
        raise _bad(f"{text!r} is not an IPv4 network such as 10.244.0.0/16") from None
    raise _bad(f"{text} has bits set beyond its prefix; the network is {meant}")


def mode(text: str) -> ModeOption:
    """The ipipMode of one pool, or of all: ``[CIDR=]MODE``."""
    cidr, equals, word = text.rpartition("=")
    modes = {known.value.lower(): known for known in Mode}
    if word.lower() not in modes:
        raise _bad(f"{text}: {word!r} is no ipipMode; one of {', '.join(known.value for known in Mode)}")
    return ModeOption(network(cidr) if equals else None, modes[word.lower()])


def moment(text: str) -> int:
    """A time as nanoseconds since 1970: ISO 8601 as reports print it, in UTC unless it says otherwise, or seconds."""
    if re.fullmatch(r"-?\d+(\.\d{1,9})?", text):
        return int(Decimal(text) * NANOSECONDS)
    match = _MOMENT.fullmatch(text.strip())
    zone = (match[3] or "Z").upper().replace("UTC", "Z") if match else ""
    try:
        if match is None:
            raise ValueError
        seconds = datetime.fromisoformat(f"{match[1]}{zone}").timestamp()
    except ValueError:
        examples = "'2026-08-01 12:00:01.5', 2026-08-01T14:00:01+02:00 or 1785585601.5"
        raise _bad(f"{text}: is no time such as {examples}") from None
    return int(seconds) * NANOSECONDS + int((match[2] or "0").ljust(9, "0"))


def node(text: str) -> NodeOption:
    """A node, ``NAME=IP/PREFIX``: its address, and the prefix length of its subnet where that is given."""
    name, equals, address = text.rpartition("=")
    if not equals or not name:
        raise _bad(f"{text}: expected NAME=IP/PREFIX, such as node-a=10.50.10.34/24")
    host, slash, prefix = address.partition("/")
    try:
        number = int(IPv4Address(host))
    except AddressValueError:
        raise _bad(f"{text}: {host!r} is not an IPv4 address") from None
    if slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= 32):
        raise _bad(f"{text}: /{prefix} is no prefix length; 0 to 32, such as /24")
    return NodeOption(name, number, int(prefix) if slash else None)


def check_code(text: str) -> str:
    """Code of a check, given in upper or lower case, or by the check's name."""
    codes = {check.code: check.name for check in all_checks()}
    known = {word.lower(): code for code, name in codes.items() for word in (code, name)}
    if code := known.get(text.lower()):
        return code
    import difflib  # here, since few runs name what is not there

    close = difflib.get_close_matches(text.lower(), known, 12)
    close.sort(key=lambda word: sum(map(str.__ne__, word, text.lower())))  # a digit in its place counts most
    near = list(dict.fromkeys(known[word] for word in close))[:3]
    advice = f"did you mean {' or '.join(f'{code} {codes[code]}' for code in near)}?" if near else ""
    raise _bad(f"{text}: no such check; {advice or '`ipipdiag checks` lists them'}")


def threshold(text: str) -> tuple[str, float]:
    """A figure from which on something is reported: ``NAME=VALUE``; the name as a field of Thresholds."""
    name, equals, value = text.partition("=")
    if name not in threshold_names():
        known = "; ".join(f"{known}: {meaning_of(known)}" for known in threshold_names())
        raise _bad(f"{text}: {name!r} is no threshold. {known}")
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not equals or not 0 <= number < float("inf"):
        raise _bad(f"{text}: expected {name}=NUMBER, 0 or more: {meaning_of(name)}")
    return name.replace("-", "_"), number


def _bad(message: str) -> click.BadParameter:
    return click.BadParameter(visible(message))
