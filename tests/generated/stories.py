"""Captures of a cluster drawn at random, at one place or several, with what is true of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from ipipdiag.run import RunOptions
from tests.builders.captures import (
    RAW,
    SLL,
    SLL2,
    START_NS,
    CaptureInterface,
    Frame,
    pcap,
    pcapng,
)
from tests.generated.traffic import KINDS, MILLISECOND, Talk, Traffic, heartbeat
from tests.generated.views import CONTROL_SECONDS, Spot, View, Where, gaps_between
from tests.generated.world import Cluster, Told, clusters, tellings

MOST_CONVERSATIONS = 6


@dataclass(frozen=True)
class Form:
    """How the captures are written."""

    is_pcapng: bool
    big_endian: bool
    nanoseconds: bool
    snap_length: int
    interfaces: int  # of a pcapng file, of which one has the frames
    interface: int


@dataclass(frozen=True)
class Story:
    """A cluster, what flags say of it, and what captures show: the views in each file, by its name."""

    cluster: Cluster
    told: Told
    form: Form
    files: dict[str, list[View]]
    lost: Counter[tuple[str, str]]  # packets lost between two views, by their addresses

    @property
    def views(self) -> list[View]:
        """The views of all files."""
        return [view for views in self.files.values() for view in views]

    def write(self, folder: Path) -> RunOptions:
        """The captures as files, and the options to look at them with."""
        names = []
        for name, views in self.files.items():
            names.append(str(folder / name))
            Path(names[-1]).write_bytes(self._data(views))
        return RunOptions(
            tuple(names), ipip_modes=self.told.modes, pod_cidrs=self.told.pod_cidrs, nodes=self.told.nodes
        )

    def _data(self, views: list[View]) -> bytes:
        form, link_type = self.form, views[0].spot.link_type
        step = 1 if form.nanoseconds else 1_000
        frames = sorted((frame for view in views for frame in view.frames), key=lambda frame: frame[0])
        cut: list[Frame] = [
            (at_ns // step * step, frame[: form.snap_length], len(frame), form.interface) for at_ns, frame in frames
        ]
        if form.is_pcapng:
            name = views[0].spot.where.value if len(views) == 1 else "any"
            interfaces = [
                CaptureInterface(
                    link_type,
                    name=name if number == form.interface else f"port{number}",
                    resolution=9 if form.nanoseconds else 6,
                )
                for number in range(form.interfaces)
            ]
            return pcapng(cut, interfaces, big_endian=form.big_endian)
        return pcap(cut, link_type, nano=form.nanoseconds, big_endian=form.big_endian)


@st.composite
def stories(draw: st.DrawFn, *, several: bool = False, losses: bool = False) -> Story:
    """A healthy cluster and its captures: of one place or ``several``; with ``losses`` between them."""
    number = st.integers
    cluster = draw(clusters())
    files = draw(_several_places(cluster) if several else _one_place(cluster))
    views = [view for views in files.values() for view in views]
    traffic = Traffic(cluster, draw, lambda ends, pods: gaps_between(views, ends, pods) if losses else ())
    for position, peer in enumerate(cluster.nodes[1:] if several else (), MOST_CONVERSATIONS):  # compares the clocks
        pods = cluster.own.pods[0], peer.pods[0]
        heartbeat(Talk(traffic, START_NS, pods, (cluster.own, peer), position, CONTROL_SECONDS))
    for conversation in range(draw(number(1, MOST_CONVERSATIONS))):
        here, there = cluster.own, draw(st.sampled_from(cluster.nodes[1:]))
        ends = (here, there) if draw(st.booleans()) else (there, here)
        pods = draw(st.sampled_from(ends[0].pods)), draw(st.sampled_from(ends[1].pods))
        start_ns = START_NS + (1_000 + draw(number(0, 5_000))) * MILLISECOND
        kind = draw(st.sampled_from(KINDS))
        kind(Talk(traffic, start_ns, pods, ends, conversation, draw(number(1, 6))))
    for view in views:
        view.show_all(traffic.packets)
    lost = Counter(sent.pods for sent in traffic.packets if sent.is_lost)
    return Story(cluster, draw(tellings(cluster)), draw(_forms()), files, lost)


@st.composite
def _forms(draw: st.DrawFn) -> Form:
    is_pcapng = draw(st.booleans())
    interfaces = draw(st.integers(1, 3)) if is_pcapng else 1
    return Form(
        is_pcapng=is_pcapng,
        big_endian=draw(st.booleans()),
        nanoseconds=draw(st.booleans()),
        snap_length=draw(st.sampled_from([262_144, 262_144, 160])),
        interfaces=interfaces,
        interface=draw(st.integers(0, interfaces - 1)),
    )


@st.composite
def _one_place(draw: st.DrawFn, cluster: Cluster) -> dict[str, list[View]]:
    """The NIC of the first node, on any link type that its captures have; its tunl0; or the link of one of its pods."""
    own = cluster.own
    spots = [
        Spot(Where.NIC, own),
        Spot(Where.NIC, own, vlan=42),
        Spot(Where.NIC, own, link_type=SLL),
        Spot(Where.NIC, own, link_type=SLL2),
        Spot(Where.TUNNEL, own, link_type=RAW),
        Spot(Where.LINK, own, own.pods[0]),
    ]
    return {"x": [View(draw(st.sampled_from(spots)), cluster)]}


@st.composite
def _several_places(draw: st.DrawFn, cluster: Cluster) -> dict[str, list[View]]:
    """Both NICs, whose clocks differ; a pod's link and the NIC; tunl0 and the NIC; or all three by ``-i any``."""
    own, peer = cluster.nodes[:2]
    nic = View(Spot(Where.NIC, own), cluster)
    ahead_ns = draw(st.sampled_from([0, 0, 37 * MILLISECOND, -5_000 * MILLISECOND]))
    link, tunnel = Spot(Where.LINK, own, own.pods[0]), Spot(Where.TUNNEL, own, link_type=RAW)
    together = [
        Spot(where, own, pod, link_type=SLL2, index=index)
        for index, (where, pod) in enumerate(((Where.NIC, None), (Where.TUNNEL, None), (Where.LINK, own.pods[0])), 2)
    ]
    return draw(
        st.sampled_from(
            [
                {"x": [nic], "y": [View(Spot(Where.NIC, peer), cluster, ahead_ns)]},
                {"x": [nic], "y": [View(link, cluster)]},
                {"x": [nic], "y": [View(tunnel, cluster)]},
                {"x": [View(spot, cluster) for spot in together]},
            ]
        )
    )
