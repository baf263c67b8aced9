"""Reading cluster files: hostile archives and folders cost a line each, and the rest is used."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.files import load as load_module
from ipipdiag.cluster.files import node_texts
from ipipdiag.cluster.files.load import load_configuration
from ipipdiag.cluster.files.members import LINES_PER_PATH, MEMBER_LIMIT, Complaints

POOL = b"""
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: a-pool}
spec: {cidr: 172.28.0.0/14, ipipMode: CrossSubnet}
"""
LAUGHS = b"kind: IPPool\napiVersion: v1\n" + b"".join(
    b"l%d: &l%d [%s]\n" % (level, level, b", ".join([b"*l%d" % (level - 1)] * 9) if level else b"ha")
    for level in range(12)
)


def load(path: Path) -> tuple[Configuration, list[tuple[str, str]]]:
    complaints = Complaints()
    configuration = load_configuration([str(path)], complaints)
    return configuration, [(line.name.removeprefix(str(path)), line.text) for line in complaints.lines]


def regular(name: str, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info, data


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for info, data in members:
            out.addfile(info, io.BytesIO(data))
    return path


def test_members_that_are_no_plain_files_cost_a_line_each(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "diags.tar.gz",
        special("diags/device.yaml", tarfile.CHRTYPE),
        special("diags/pipe.yaml", tarfile.FIFOTYPE),
        special("diags/a.yaml", tarfile.SYMTYPE, "b.yaml"),
        special("diags/b.yaml", tarfile.SYMTYPE, "a.yaml"),
        special("diags/hard.yaml", tarfile.LNKTYPE, "/etc/passwd"),
        regular("../above.yaml", POOL),
        regular("/absolute.yaml", POOL),
        regular("diags/laughs.yaml", LAUGHS),
        regular("diags/nodes/n1/ip-route.txt", bytes(range(256))),
        regular("diags/pool.yaml", POOL),
    )
    configuration, lines = load(path)
    assert [str(pool.network) for pool in configuration.pools] == ["172.28.0.0/14"]
    assert [name for name, _ in lines] == [
        ":diags/device.yaml",
        ":diags/pipe.yaml",
        ":diags/a.yaml",
        ":diags/b.yaml",
        ":diags/hard.yaml",
        ":../above.yaml",
        ":/absolute.yaml",
        ":diags/laughs.yaml",
        ":diags/nodes/n1/ip-route.txt",
    ]
    assert "aliases" in dict(lines)[":diags/laughs.yaml"]
    assert list(tmp_path.iterdir()) == [path]


def test_huge_member_is_passed_over_and_what_follows_is_used(tmp_path: Path) -> None:
    """Ten gigabytes of zeros, which an archive of ten megabytes can hold; here as many as keep the test short."""
    size = MEMBER_LIMIT * 3
    info = tarfile.TarInfo("diags/pods.yaml")
    info.size = size
    path = tmp_path / "diags.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(info.tobuf())
        for _ in range(size >> 20):
            out.write(bytes(1 << 20))
        with tarfile.open(fileobj=out, mode="w|") as rest:
            rest.addfile(*((pool := regular("diags/pool.yaml", POOL))[0], io.BytesIO(pool[1])))
    configuration, lines = load(path)
    assert len(configuration.pools) == 1
    assert lines == [(":diags/pods.yaml", f"{size} bytes, more than 64 MiB; not read")]


def test_header_of_the_archive_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 10 << 30
    pool = regular("pool.yaml", POOL)
    path = tmp_path / "diags.tar"
    path.write_bytes(pool[0].tobuf() + pool[1].ljust(512, b"\0") + long_name.tobuf() + bytes(4096))
    configuration, lines = load(path)
    assert len(configuration.pools) == 1
    assert len(lines) == 1
    assert "cut or corrupt" in lines[0][1]


@pytest.mark.parametrize("cut", [1, 9, 30, 100, 300])
def test_cut_archive_gives_what_came_before(tmp_path: Path, cut: int) -> None:
    noise = os.urandom(4000)
    path = archive(tmp_path / "diags.tar.gz", regular("pool.yaml", POOL), regular("other.yaml", noise.hex().encode()))
    path.write_bytes(path.read_bytes()[:-cut])
    configuration, lines = load(path)
    assert len(configuration.pools) == 1
    assert len(lines) <= 2


def test_corrupt_archive_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "diags.tar.gz"
    path.write_bytes(gzip.compress(os.urandom(5000))[:2000])
    configuration, lines = load(path)
    assert configuration == Configuration()
    assert lines


def test_links_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_bytes(POOL)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "outside.yaml").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.yaml")
    configuration, lines = load(tmp_path)
    assert len(configuration.pools) == 1
    assert [name for name, _ in lines] == ["/outside.yaml", "/pipe.yaml"]


def test_many_complaints_are_counted(tmp_path: Path) -> None:
    members = [special(f"d{number}.yaml", tarfile.CHRTYPE) for number in range(LINES_PER_PATH + 7)]
    _, lines = load(archive(tmp_path / "diags.tar.gz", *members, regular("pool.yaml", POOL)))
    assert len(lines) == LINES_PER_PATH + 1
    assert lines[-1][1] == "7 more files or objects are not used"


@pytest.mark.parametrize("lines", [3, 4])
def test_lines_beyond_the_limit_are_said(lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (load_module, node_texts):
        monkeypatch.setattr(module, "LINES_LIMIT", 3)
    (tmp_path / "routes.txt").write_text("172.20.9.0/26 via 192.0.2.12 dev tunl0 proto bird onlink\n" * lines)
    _, said = load(tmp_path / "routes.txt")
    assert [text for _, text in said] == ["more than 3 lines; the rest is not read"] * (lines > 3)


def test_missing_path_is_fatal_and_the_other_is_used(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_bytes(POOL)
    complaints = Complaints()
    missing = str(tmp_path / "nowhere")
    configuration = load_configuration([missing, str(tmp_path / "pool.yaml")], complaints)
    assert len(configuration.pools) == 1
    assert [(line.name, line.fatal) for line in complaints.lines] == [(missing, True)]


def test_file_without_anything_of_a_cluster_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember the milk\n")
    _, lines = load(tmp_path / "notes.txt")
    assert lines == [("", "holds nothing that says anything of the cluster")]


def test_depth_of_nesting_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text('{"apiVersion": "v1", "kind": ' + "[" * 5000 + "]" * 5000 + "}")
    _, lines = load(tmp_path / "deep.json")
    assert "levels deep" in lines[0][1]


def test_compressed_single_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml.gz").write_bytes(gzip.compress(POOL))
    assert len(load(tmp_path / "pool.yaml.gz")[0].pools) == 1
