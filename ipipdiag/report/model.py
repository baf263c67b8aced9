"""The finished report: everything that is shown, decided before any renderer sees it.

The fields are those of the JSON report (schema version 1.0) under the same names; renderers translate, they never
decide, filter or count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipipdiag.checks.model import CheckResult, Confidence, Finding
    from ipipdiag.redaction.names import Secret
    from ipipdiag.report.exhibits.model import Exhibits

SCHEMA_VERSION = "1.0"


class State(StrEnum):
    """What the report as a whole says."""

    FAULT_FOUND = "fault_found"  # a finding of severity error or critical, confirmed or likely
    SUSPICIOUS = "suspicious"  # findings, none of that weight
    NO_FAULT_SEEN = "no_fault_seen"  # checks passed, and the report says how much was checked
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"  # nothing that matters could be judged


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one sentence, and what it rests on.

    ``code``, ``finding`` and ``confidence`` are those of the root cause, None without findings.

    """

    state: State
    code: str | None
    finding: str | None
    confidence: Confidence | None
    headline: str


@dataclass(frozen=True, slots=True)
class InterfaceReport:
    """A capture interface as the file describes it; ``link_type`` is the LINKTYPE_ name."""

    id: int
    name: str | None
    link_type: str
    snap_length: int


@dataclass(frozen=True, slots=True)
class InputReport:
    """One capture file; ``bytes`` is the size of the file as given."""

    id: str
    name: str
    sha256: str
    format: str
    compression: str | None
    frames: int
    bytes: int
    first_ns: int | None
    last_ns: int | None
    interfaces: tuple[InterfaceReport, ...]


@dataclass(frozen=True, slots=True)
class PointReport:
    """Where one capture interface was, and why we think so.

    ``inputs`` are the files of the point: ``input``, and those that the same capture wrote after it.
    """

    id: str
    input: str
    interface: int
    interface_index: int | None
    role: str
    node: str | None
    pod: str | None
    source: str
    reason: str
    frames: int
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterFact:
    """One thing taken as known of the cluster, and from where: ``user``, ``config:…``, ``inferred: …`` or
    ``default``.
    """

    fact: str
    source: str


@dataclass(frozen=True, slots=True)
class FindingReport:
    """A finding with its number in the report and the number of the finding that explains it."""

    id: str
    finding: Finding
    caused_by: str | None
    cited_by: str | None = None  # of a fault of the configuration: the finding about packets that it is behind


@dataclass(frozen=True, slots=True)
class TunnelReport:
    """Frames of one point and one pair of outer addresses whose outermost IPv4 header has protocol 4.

    ``first_frame`` is a frame of ``input``.
    """

    point: str
    outer_src: str
    outer_dst: str
    packets: int
    bytes: int
    first_frame: int
    input: str


@dataclass(frozen=True, slots=True)
class FlowReport:
    """Packets of one point that share a directed 5-tuple, a form (wrapped how, between whom) and a pair of MACs.

    ``protocol`` is the name of the IP protocol, or its number. Ports are those of TCP, UDP and SCTP, and the identifier
    of ICMP echo messages; None elsewhere. ``bytes`` and ``length_max`` are of the inner IP packet. ``answers`` are
    packets of the reverse 5-tuple at the same point. The JSON report leaves flows out: there may be 200,000.
    """

    point: str
    tunnel: str  # none, ipip, vxlan, gre, wireguard, ipv6
    outer_src: str | None
    outer_dst: str | None
    src_mac: str | None
    dst_mac: str | None
    src: str
    dst: str
    protocol: str
    src_port: int | None
    dst_port: int | None
    packets: int
    bytes: int
    first_ns: int
    last_ns: int
    input: str  # of the first frame
    first_frame: int
    ttl_min: int
    ttl_max: int
    length_max: int
    requests: int
    answers: int
    resets: int


COMMAND_LINE, CALL = "command line", "analyze()"  # sources of settings that are no file


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of the run that narrows what is reported, or that a configuration file gave; ``source`` is the file,
    COMMAND_LINE, or CALL from Python.
    """

    option: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class BgpReport:
    """Who speaks BGP with whom: a sentence, and a drawing of at most 100 columns, a line an entry."""

    summary: str
    drawing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InputError:
    """An input that could not be read, or was read only in part."""

    name: str
    error: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All of one run. ``findings`` are in the order of the report: root cause first, its consequences below it."""

    version: str
    verdict: Verdict
    inputs: tuple[InputReport, ...]
    points: tuple[PointReport, ...]
    cluster: tuple[ClusterFact, ...]
    findings: tuple[FindingReport, ...]
    checks: tuple[CheckResult, ...]
    tunnels: tuple[TunnelReport, ...]
    errors: tuple[InputError, ...]
    settings: tuple[Setting, ...] = ()
    flows: Sequence[FlowReport] = ()  # of all points; made when they are asked for
    bgp: BgpReport | None = None  # None where no BGP was captured
    secrets: frozenset[Secret] = frozenset()  # names that its texts may hold; not shown, but for redaction
    exhibits: Exhibits | None = None  # made only for a format that draws
