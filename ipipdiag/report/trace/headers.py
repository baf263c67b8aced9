"""Headers as they stand at a place, and what happened to them since the place before."""

from __future__ import annotations

from collections.abc import Sequence

from ipipdiag.addresses import format_address
from ipipdiag.kinds import Tunnel
from ipipdiag.report.trace.model import HeaderReport
from ipipdiag.trace.model import Form

_TUNNELS = {
    Tunnel.IPIP: "IP-in-IP", Tunnel.VXLAN: "VXLAN", Tunnel.GRE: "GRE", Tunnel.WIREGUARD: "WireGuard",
    Tunnel.IPV6: "protocol 41",
}  # fmt: skip


def headers_of(forms: Sequence[Form]) -> tuple[HeaderReport, ...]:
    """The distinct headers of some forms, those that differ in the TTL alone as one; in the order of the forms."""
    groups: dict[tuple[int, ...], list[Form]] = {}
    for form in forms:
        key = (form.source, form.destination, form.outer_source, form.outer_destination, form.tunnel)
        groups.setdefault(key, []).append(form)
    return tuple(_header(members) for members in groups.values())


def _header(forms: Sequence[Form]) -> HeaderReport:
    first = forms[0]
    ttls, outer_ttls = [form.ttl for form in forms], [form.outer_ttl for form in forms]
    has_outer = bool(first.outer_source)
    return HeaderReport(
        source=format_address(first.source),
        destination=format_address(first.destination),
        ttl_min=min(ttls),
        ttl_max=max(ttls),
        tunnel=tunnel_name(first.tunnel),
        outer_source=format_address(first.outer_source) if has_outer else None,
        outer_destination=format_address(first.outer_destination) if has_outer else None,
        outer_ttl_min=min(outer_ttls) if has_outer else None,
        outer_ttl_max=max(outer_ttls) if has_outer else None,
    )


def tunnel_name(tunnel: int) -> str | None:
    """The name of a kind of tunnel; None where there is none."""
    return _TUNNELS.get(Tunnel(tunnel))


def change_between(before: HeaderReport | None, after: HeaderReport | None) -> str | None:
    """What happened to a header on the way, as a phrase; None where nothing did but that the TTL fell."""
    if after is None:
        return None
    if before is None:
        return f"{after.source} > {after.destination}" + (f", {_wrapped(after)}" if after.tunnel else "")
    changes = []
    for what, old, new in (
        ("source", before.source, after.source), ("destination", before.destination, after.destination),
    ):  # fmt: skip
        if old != new:
            changes.append(f"{what} translated from {old} to {new}")
    if (before.tunnel, before.outer_source, before.outer_destination) != (
        after.tunnel, after.outer_source, after.outer_destination,
    ):  # fmt: skip
        changes.append(_wrapped(after) if after.tunnel else "unwrapped")
    return ", ".join(changes) or None


def _wrapped(header: HeaderReport) -> str:
    if header.outer_source is None:
        return f"wrapped in {header.tunnel}"
    ttl = _range(header.outer_ttl_min, header.outer_ttl_max)
    return f"wrapped in {header.tunnel}, outer header {header.outer_source} > {header.outer_destination}, TTL {ttl}"


def _range(low: int | None, high: int | None) -> str:
    return f"{high}" if low == high else f"{high} to {low}"
