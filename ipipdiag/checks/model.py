"""What a check declares and what it answers.

Nothing here imports numpy or pandas: ``ipipdiag checks`` and ``ipipdiag explain`` load every check and must answer at
once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """What the finding does to traffic, if true; it never says how sure that is."""

    CRITICAL = "critical"  # traffic is lost or misdelivered now
    ERROR = "error"  # a path or a setting is wrong and loses traffic under some condition
    WARNING = "warning"  # off the expected form, effect unsure
    NOTICE = "notice"  # worth knowing

    @property
    def rank(self) -> int:
        """0 for critical, rising as the severity falls."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure a finding is; it never says how bad that is."""

    CONFIRMED = "confirmed"  # the packets alone prove it
    LIKELY = "likely"  # packets and configuration agree, another cause is possible
    POSSIBLE = "possible"  # a weak sign

    @property
    def rank(self) -> int:
        """0 for confirmed, rising as confidence falls."""
        return list(Confidence).index(self)


class Status(StrEnum):
    """What became of a check in one run."""

    PASS = "pass"
    FAIL = "fail"  # at least one finding of severity warning or above
    NOTED = "noted"  # findings, all of them notices
    NOT_APPLICABLE = "not_applicable"  # what it judges cannot occur here
    NOT_CHECKED = "not_checked"  # it could occur, but this capture cannot show it
    CRASHED = "crashed"  # a bug of ours; the other checks still ran


class Reason(StrEnum):
    """Why a check could not be made."""

    NO_CONFIG = "no_config"
    WRONG_POINT = "wrong_point"
    SNAP_LENGTH = "snap_length"
    ONE_DIRECTION = "one_direction"
    NO_HANDSHAKE = "no_handshake"
    SINGLE_POINT = "single_point"
    TOO_SHORT = "too_short"
    TOO_FEW_PACKETS = "too_few_packets"
    LIMIT_REACHED = "limit_reached"
    CAPTURE_DROPS = "capture_drops"
    NO_OVERLAP = "no_overlap"
    FILTERED = "filtered"


class SubjectKind(StrEnum):
    """What a finding is about."""

    FLOW = "flow"
    NODE_PAIR = "node_pair"
    NODE = "node"
    POD = "pod"
    BLOCK = "block"
    SESSION = "session"
    LINK = "link"
    POINT = "point"
    CAPTURE = "capture"


class Component(StrEnum):
    """Who is to be looked at."""

    FELIX = "Felix"
    BIRD = "BIRD"
    CNI = "Calico CNI plugin"
    IPAM = "Calico IPAM"
    KUBE_PROXY = "kube-proxy"
    NODE_KERNEL = "node kernel"
    NODE_FIREWALL = "node firewall"
    NODE_NETWORK = "node network"
    POD = "pod"
    CONFIGURATION = "Calico configuration"
    CAPTURE = "capture"

    @property
    def log(self) -> str | None:
        """The read-only command that shows its log, or where it keeps none its counters; None for the capture itself.

        Calico's operator installs into the namespace calico-system, its manifests into kube-system.
        """
        return _LOGS.get(self)


_LOGS = {
    Component.FELIX: "kubectl logs -n calico-system -l k8s-app=calico-node -c calico-node --tail=200  # Felix's log",
    Component.BIRD: "kubectl exec -n calico-system CALICO_NODE_POD -c calico-node -- birdcl show protocols all",
    Component.CNI: "tail -n 100 /var/log/calico/cni/cni.log  # on the node",
    Component.IPAM: "calicoctl ipam check --show-problem-ips",
    Component.KUBE_PROXY: "kubectl logs -n kube-system -l k8s-app=kube-proxy --tail=200",
    Component.NODE_KERNEL: "dmesg -T | tail -n 50 ; nstat -az  # on the node",
    Component.NODE_FIREWALL: "iptables-save -c ; nft list ruleset  # on the node, twice: which rule counts?",
    Component.NODE_NETWORK: "ip -s link  # on both nodes: errors, drops; then the flow log of the network",
    Component.POD: "kubectl describe pod POD ; kubectl logs POD --tail=100",
    Component.CONFIGURATION: "calicoctl get ippool,felixconfig,bgpconfig,bgppeer -o yaml",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about: the text people read, and the addresses by which findings are tied together.

    ``nodes`` and ``addresses`` are dotted IPv4 text; nodes are outer (node) addresses, addresses those of pods,
    services and routers.
    """

    kind: SubjectKind
    text: str
    nodes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Frames of one input that show the finding, and a display filter that selects them in Wireshark."""

    input: str
    frames: tuple[int, ...]
    display_filter: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Expected against observed, about one subject.

    ``title`` is the sentence an experienced colleague would say first, without code or severity, naming who and
    between whom; ``expected`` and ``observed`` are whole sentences. ``first_ns`` and ``last_ns`` bound what was
    observed. ``worked`` is what was seen to work beside it. ``confirm`` are read-only commands, ``fix`` what to do once
    it is confirmed. ``code`` and ``name`` are filled from the check's declaration when the check is run.
    """

    severity: Severity
    confidence: Confidence
    subject: Subject
    title: str
    expected: str
    observed: str
    count: int
    first_ns: int | None
    last_ns: int | None
    evidence: tuple[Evidence, ...]
    component: Component
    confirm: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    worked: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    code: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why nothing, or not everything, could be judged: what is missing, and the command that would provide it."""

    reason: Reason
    missing: str
    enable: str | None = None


MOST_FINDINGS = 500  # of one check: more than anybody reads, and each is compared with those of other checks


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check's answer: how many things it examined, what it found, and what kept it from judging.

    ``untold`` counts findings beyond :data:`MOST_FINDINGS`, no graver than the others, that were not made.
    """

    examined: int = 0
    findings: tuple[Finding, ...] = ()
    missing: Missing | None = None
    untold: int = 0

    @property
    def status(self) -> Status:
        """FAIL or NOTED by the findings; else PASS if anything was examined; else why not.

        What was held back because a table was full does not pass by what else was examined.
        """
        if any(finding.severity is not Severity.NOTICE for finding in self.findings):
            return Status.FAIL
        if self.findings:
            return Status.NOTED
        if self.examined and not (self.missing and self.missing.reason is Reason.LIMIT_REACHED):
            return Status.PASS
        return Status.NOT_CHECKED if self.missing else Status.NOT_APPLICABLE


@dataclass(frozen=True, slots=True)
class Check:
    """The declaration of one check; its module's docstring is its user page.

    ``code`` is IPD, or three other capital letters where the check is of another package, and four digits, of which the
    first is the family.

    ``severity`` is the highest the check gives. ``points`` are the roles at which it can judge, as text for people
    ("node NIC"). ``examine`` names the facts it needs as its parameters (see :mod:`ipipdiag.checks.run`) and returns an
    :class:`Outcome`.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    points: str
    examine: Callable[..., Outcome]
    page: str = ""
    is_calico_specific: bool = True  # judged only where something looks like Calico

    def __post_init__(self) -> None:
        letters, digits = self.code[:3], self.code[3:]
        if not (letters.isascii() and letters.isupper() and letters.isalpha() and len(letters) == 3):
            raise ValueError(f"not a check code: {self.code!r}")
        if not (digits.isascii() and digits.isdigit() and len(digits) == 4):
            raise ValueError(f"not a check code: {self.code!r}")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of one check: its declaration, its status, and its answer (None where it crashed)."""

    code: str
    name: str
    status: Status
    examined: int = 0
    reason: Reason | None = None
    missing: str | None = None
    enable: str | None = None
    error: str | None = None
    findings: tuple[Finding, ...] = ()


Arguments = dict[str, Any]
