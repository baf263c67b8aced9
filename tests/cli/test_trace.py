"""``trace``: what options become, where the answer goes, and which exit code each end has."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ipipdiag.cli.main import main
from tests.scenarios import folder

Output = pytest.CaptureFixture[str]
CLIENT, SERVER = "10.244.166.179", "10.244.136.13"


@pytest.fixture(autouse=True)
def in_the_folder_of_07(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder("07"))


def answer(arguments: str, capsys: Output, code: int = 0) -> str:
    assert main(["trace", *arguments.split()]) == code
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "CAPTURE"),
        ("a-eth0.pcap --frame a-eth0.pcap", "expected FILE:N"),
        ("a-eth0.pcap --frame a-eth0.pcap:0", "expected FILE:N"),
        ("a-eth0.pcap --frame a-eth0.pcap:71", "has no frame 71; it holds 70"),
        ("a-eth0.pcap --frame b-eth0.pcap:1", "is none of the captures that were read (a-eth0.pcap)"),
        ("a-eth0.pcap --frame a-eth0.pcap:1 --src 10.0.0.1", "goes without --src and --dst"),
        ("a-eth0.pcap --src 10.0.0.1:http", "after a colon a port"),
        ("a-eth0.pcap --src web-b", "neither an IPv4 address nor a name that --cluster or --node gives"),
        ("a-eth0.pcap --point b.pcap=node", "names none of the captures"),
        ("a-eth0.pcap -f xml", "'xml'"),
        ("a-eth0.pcap -o missing-folder/answer.txt", "no such folder"),
        ("- -", "only once"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: str, said: str, capsys: Output) -> None:
    assert main(["trace", *arguments.split()]) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""


def test_loss_is_an_answer_and_no_failure(capsys: Output) -> None:
    assert answer(".", capsys).startswith("LOST  7 of 7 packets")


def test_what_is_in_no_capture_is_an_answer_too(capsys: Output) -> None:
    said = answer(". --src 192.0.2.1", capsys)
    assert said.startswith("NOT CAPTURED  no packet from 192.0.2.1 is in any of the captures")
    assert "there are 15 packets 10.50.10.34 > 10.50.10.33" in said


def test_nothing_readable_is_3_and_still_an_answer(capsys: Output) -> None:
    assert main(["trace", "absent.pcap", "-f", "json"]) == 3
    output = capsys.readouterr()
    assert output.err == "ipipdiag: absent.pcap: no such file\n"
    assert json.loads(output.out)["answer"]["state"] == "not_traced"


def test_what_cannot_be_read_is_named_beside_the_answer(capsys: Output) -> None:
    assert main(["trace", ".", "absent.pcap"]) == 0
    output = capsys.readouterr()
    assert "absent.pcap: no such file" in output.err
    assert "INPUTS THAT COULD NOT BE READ" in output.out


def test_names_of_pods_are_those_of_the_cluster_files(capsys: Output) -> None:
    said = answer(f". --cluster calico-diagnostics --src client-a --dst {SERVER}", capsys)
    assert f"from default/client-a ({CLIENT}) to default/web-b ({SERVER})" in " ".join(said.split())


def test_a_name_given_by_a_flag_is_known(capsys: Output) -> None:
    said = answer(". --node here=10.50.10.34/24 --src here --dst 10.50.10.33", capsys)
    assert said.startswith("ARRIVES")
    assert "here (10.50.10.34)" in said


def test_ends_narrow_and_frames_name_one(capsys: Output) -> None:
    both = json.loads(answer(f". --src {CLIENT} --dst 10.244.136.0/26 -f json", capsys))
    assert {route["destination"] for route in both["routes"]} == {SERVER, "10.244.136.14"}
    assert both["asked"]["destination"] == "10.244.136.0/26"
    one = json.loads(answer(". --frame sw10-p-a.pcap:37 -f json", capsys))
    assert one["asked"]["frame"] == 37
    assert one["packet"]["text"].startswith("ICMP echo request id 904 sequence 1")


def test_a_place_is_what_the_user_says_it_is(capsys: Output) -> None:
    told = json.loads(answer("a-eth0.pcap --point a-eth0.pcap=fabric -f json", capsys))
    assert [place["role"] for place in told["places"]] == ["fabric"]


def test_the_answer_goes_where_it_is_wanted(tmp_path: Path, capsys: Output) -> None:
    assert answer(f". -o {tmp_path}/answer.txt", capsys) == ""
    assert (tmp_path / "answer.txt").read_text().startswith("LOST")


@pytest.mark.needs_tshark
@pytest.mark.parametrize("mode", ["none", "all"])
def test_places_put_together_by_mergecap_are_told_apart(mode: str, tmp_path: Path, capsys: Output) -> None:
    if not shutil.which("mergecap"):
        pytest.skip("mergecap is not installed")
    merged = tmp_path / "merged.pcapng"
    names = ["a-eth0.pcap", "a-tunl0.pcap", "b-eth0.pcap"]
    subprocess.run(["mergecap", "-I", mode, "-w", str(merged), *names], check=True, capture_output=True)
    said = answer(str(merged), capsys)
    assert said.startswith(f"LOST  7 of 7 packets from {CLIENT} to {SERVER} leave node 10.50.10.34")
    assert "tunl0 of node 10.50.10.34" in said


@pytest.mark.needs_tshark
def test_several_places_in_one_interface_are_not_taken_for_one_node(tmp_path: Path, capsys: Output) -> None:
    """mergecap to pcap leaves no trace of which file a frame is from."""
    if not shutil.which("mergecap"):
        pytest.skip("mergecap is not installed")
    merged = tmp_path / "merged.pcap"
    names = ["a-eth0.pcap", "b-eth0.pcap"]
    subprocess.run(["mergecap", "-F", "pcap", "-w", str(merged), *names], check=True, capture_output=True)
    said = " ".join(answer(str(merged), capsys).split())
    assert not said.startswith("LOST")
    assert "whose it is, and so where on the way it lies, is not known" in said
    assert "more than once, counted once: a mirror port, or captures put together in one file" in said


def test_help_says_what_ends_may_be(capsys: Output) -> None:
    said = answer("--help", capsys)
    assert "IP|CIDR|NAME[:PORT]" in said
    assert "FILE:N" in said
