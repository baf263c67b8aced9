"""Which names are those of files that one capture wrote one after the other."""

from __future__ import annotations

import pytest

from ipipdiag.capture.rotation import read_rotated_name


def follows(later: str, earlier: str) -> bool:
    one, other = read_rotated_name(later), read_rotated_name(earlier)
    return one is not None and other is not None and one.follows(other)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("x.pcap", "x.pcap2"),  # one is missing between them
        ("x.pcap1", "x.pcap"),
        ("x.pcap", "y.pcap1"),
        ("one/x.pcap", "other/x.pcap1"),
        ("node1.pcap", "node2.pcap"),  # two nodes, not two files of one
        ("node1", "node2"),
        ("a-10.50.10.33.pcap", "a-10.50.10.34.pcap"),
        ("cali1234.pcap", "calico.pcap"),
        ("a-eth0.pcap", "a-eth1.pcap"),
        ("x_00001_20240131120000.pcap", "x_00003_20240131120500.pcap"),
        ("x-120000.pcap", "x-120500.pcap2"),
        ("x-996060.pcap", "x-997070.pcap"),  # no time of day
    ],
)
def test_names_of_files_that_do_not_follow(earlier: str, later: str) -> None:
    assert not follows(later, earlier)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("x.pcap", "x.pcap1"),
        ("x.pcap9", "x.pcap10"),
        ("x.pcap00", "x.pcap01"),
        ("x.pcap1.gz", "x.pcap2.gz"),
        ("folder/x.cap", "folder/x.cap1"),
        ("x-20240131-120000.pcap", "x-20240131-120500.pcap"),
        ("trace_2024-01-31_12:00:00.pcap", "trace_2024-01-31_12:05:00.pcap"),
        ("x-120000.pcap", "x-120500.pcap"),
        ("x-120000.pcap", "x-120000.pcap1"),
        ("x-120000.pcap3", "x-120500.pcap"),
        ("x.1700000000.pcap", "x.1700000300.pcap"),
        ("x_00001_20240131120000.pcapng", "x_00002_20240131120500.pcapng"),
    ],
)
def test_names_of_files_that_follow(earlier: str, later: str) -> None:
    assert follows(later, earlier)


@pytest.mark.parametrize(("seconds", "fits"), [(0, True), (2, True), (3 * 3600, True), (20, False), (450, False)])
def test_the_time_of_a_name_is_that_of_its_first_frame_in_any_time_zone(seconds: int, *, fits: bool) -> None:
    name = read_rotated_name("x-20231114-221320.pcap")  # 1,700,000,000 in UTC
    assert name is not None
    assert name.fits((1_700_000_000 + seconds) * 1_000_000_000) is fits
