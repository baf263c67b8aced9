"""Finished reports made by hand: a blocked tunnel with its consequence, and a run of which nothing could be read."""

from __future__ import annotations

from dataclasses import replace

from ipipdiag.checks.model import (
    CheckResult,
    Component,
    Confidence,
    Evidence,
    Finding,
    Reason,
    Severity,
    Status,
    Subject,
    SubjectKind,
)
from ipipdiag.report.model import (
    ClusterFact,
    FindingReport,
    InputError,
    InputReport,
    InterfaceReport,
    PointReport,
    Report,
    State,
    TunnelReport,
    Verdict,
)

START_NS = 1_785_585_601_123_456_789
END_NS = START_NS + 30_456_000_000
NODE_A, MASTER3 = "10.50.10.34", "10.50.10.33"
ONE_WAY = f"ip.proto#1 == 4 && ip.src#1 == {NODE_A} && ip.dst#1 == {MASTER3}"
PAIR = f"{{{NODE_A}, {MASTER3}}}"
BOTH_WAYS = f"ip.proto#1 == 4 && ip.src#1 in {PAIR} && ip.dst#1 in {PAIR}"


def blocked_finding() -> Finding:
    return Finding(
        code="IPD6001",
        name="ProtocolFourBlocked",
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.NODE_PAIR, f"{NODE_A} to {MASTER3}", (NODE_A, MASTER3), ("10.244.136.13",)),
        title=f"IP-in-IP from node-a ({NODE_A}) does not arrive at master3 ({MASTER3})",
        expected=f"IP-in-IP from {NODE_A} to {MASTER3} arrives, as other traffic between these two nodes does.",
        observed=f"12 IP-in-IP packets leave {NODE_A} and none of them is seen at {MASTER3}, where 34 BGP packets of "
        f"{NODE_A} arrive; {MASTER3} never sends IP-in-IP back.",
        count=12,
        first_ns=START_NS,
        last_ns=START_NS + 9_200_000_000,
        evidence=(
            Evidence("c1", tuple(range(12, 36, 2)), ONE_WAY),
            Evidence("c2", (), BOTH_WAYS),
        ),
        component=Component.NODE_NETWORK,
        confirm=(
            "timeout 30 tcpdump -ni eth0 -s 160 -w node.pcap 'ip proto 4 or arp or icmp or tcp port 179 or (vlan and ip"
            " proto 4)'  # on master3, while a pod of node-a pings one of its pods",
            f"nc -vz {MASTER3} 179",
        ),
        fix=("Allow IP protocol 4 (not TCP or UDP port 4) in both directions between the nodes' addresses.",),
        alternatives=("The capture on master3 was filtered or its interface is not the one that receives.",),
        worked=(f"BGP between {NODE_A} and {MASTER3}: 34 packets each way.",),
        points=("p1", "p2"),
    )


def consequence() -> Finding:
    return replace(
        blocked_finding(),
        code="IPD6002",
        name="TunnelUnanswered",
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title=f"Nothing comes back through the tunnel from {MASTER3}",
        expected="Requests into a tunnel are answered through it.",
        observed="9 SYNs and 3 echo requests went in, nothing came back.",
        evidence=(Evidence("c1", (12, 14), ONE_WAY),),
    )


def notice() -> Finding:
    return Finding(
        code="IPD0007",
        name="OffloadedPackets",
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, "a-eth0.pcap"),
        title="Packets above the MTU are super-packets of the network card, no fault",
        expected="Frames of at most 1514 bytes on the wire.",
        observed="7 frames of up to 14,346 bytes, all acknowledged.",
        count=7,
        first_ns=START_NS,
        last_ns=START_NS,
        evidence=(Evidence("c1", (40,), "frame.len > 1514"),),
        component=Component.CAPTURE,
    )


def check_results() -> tuple[CheckResult, ...]:
    return (
        CheckResult("IPD0001", "EmptyCapture", Status.PASS, examined=2),
        CheckResult("IPD0002", "DamagedFile", Status.PASS, examined=2),
        CheckResult("IPD0007", "OffloadedPackets", Status.NOTED, examined=12, findings=(notice(),)),
        CheckResult("IPD1001", "GatewayArpUnanswered", Status.PASS, examined=3),
        CheckResult("IPD1005", "ArpBeyondGateway", Status.PASS, examined=3),
        CheckResult(
            "IPD2001",
            "NotEncapsulated",
            Status.NOT_CHECKED,
            reason=Reason.NO_CONFIG,
            missing="the ipipMode of the pool of 10.244.136.13 is not known",
            enable="ipipdiag analyze a-eth0.pcap b-eth0.pcap --ipip-mode 10.244.0.0/16=Always",
        ),
        CheckResult(
            "IPD2002",
            "EncapsulatedInSameSubnet",
            Status.NOT_CHECKED,
            reason=Reason.NO_CONFIG,
            missing="the ipipMode of the pool of 10.244.136.13 is not known",
            enable="ipipdiag analyze a-eth0.pcap b-eth0.pcap --ipip-mode 10.244.0.0/16=Always",
        ),
        CheckResult("IPD2004", "OuterSourceNotNode", Status.PASS, examined=12),
        CheckResult("IPD2009", "NestedEncapsulation", Status.NOT_APPLICABLE),
        CheckResult("IPD2011", "MixedTunnels", Status.NOT_APPLICABLE),
        CheckResult("IPD2010", "EncapsulationOnPodInterface", Status.CRASHED, error="KeyError: 'tunl0'"),
        CheckResult("IPD6001", "ProtocolFourBlocked", Status.FAIL, examined=12, findings=(blocked_finding(),)),
        CheckResult("IPD6002", "TunnelUnanswered", Status.FAIL, examined=1, findings=(consequence(),)),
    )


def blocked_report() -> Report:
    interface = InterfaceReport(0, "eth0", "ETHERNET", 262144)
    return Report(
        version="0.1.0",
        verdict=Verdict(
            State.FAULT_FOUND,
            "IPD6001",
            "f1",
            Confidence.CONFIRMED,
            f"IP-in-IP from node-a ({NODE_A}) to master3 ({MASTER3}) is lost between the nodes since 2026-08-01"
            " 12:00:01 UTC, still so at the end of the capture; BGP between the same two nodes works.",
        ),
        inputs=(
            InputReport("c1", "a-eth0.pcap", "ab" * 32, "pcap", None, 63, 5884, START_NS, END_NS, (interface,)),
            InputReport("c2", "b-eth0.pcap.gz", "cd" * 32, "pcapng", "gzip", 0, 340, None, None, (interface,)),
        ),
        points=(
            PointReport(
                "p1",
                "c1",
                0,
                None,
                "node",
                f"node-a ({NODE_A})",
                None,
                "inferred",
                f"sends IP-in-IP from {NODE_A} with inner TTL 63 and speaks BGP as {NODE_A}",
                63,
                ("c1",),
            ),
            PointReport(
                "p2", "c2", 0, 2, "pod", None, "10.244.136.13", "file_name", "the file is named pod", 0, ("c2",)
            ),
        ),
        cluster=(
            ClusterFact(f"node {NODE_A}", "inferred: speaks BGP"),
            ClusterFact("pool 10.244.0.0/16, block size /26", "default"),
        ),
        findings=(
            FindingReport("f1", blocked_finding(), None),
            FindingReport("f2", consequence(), "f1"),
            FindingReport("f3", notice(), None),
        ),
        checks=check_results(),
        tunnels=(
            TunnelReport("p1", NODE_A, MASTER3, 12, 1416, 12, "c1"),
            TunnelReport("p1", MASTER3, NODE_A, 1, 98, 40, "c1"),
        ),
        errors=(InputError("notes.txt", "is not a capture file (it starts with 68 65 6c 6c)", True),),
    )


def unreadable_report() -> Report:
    return Report(
        version="0.1.0",
        verdict=Verdict(State.NOT_ENOUGH_EVIDENCE, None, None, None, "None of the inputs could be read."),
        inputs=(),
        points=(),
        cluster=(),
        findings=(),
        checks=(CheckResult("IPD0001", "EmptyCapture", Status.NOT_APPLICABLE),),
        tunnels=(),
        errors=(InputError("absent.pcap", "no such file", True),),
    )
