"""Commands, sockets and settings inside network namespaces, with as few processes as possible: forks are slow here."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(namespace: str | None) -> Iterator[None]:
    """Run this thread, and what it starts or opens meanwhile, in a namespace; None is where the program began."""
    if namespace is None:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(NAMESPACES / namespace)
        yield
    finally:
        _set(home, "home")
        os.close(home)


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _set(descriptor, str(path))
    finally:
        os.close(descriptor)


def _set(descriptor: int, what: str) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns to {what}")


def add_namespaces(names: Iterable[str]) -> None:
    """Create namespaces, their loopback interfaces up."""
    for name in names:
        run(None, f"ip netns add {name}")
        ip(name, ["link set lo up"])


def run(namespace: str | None, script: str, *, check: bool = True, timeout: float = 60) -> str:
    """The output of a shell script in a namespace; with ``check``, a failure raises and says what was printed."""
    with inside(namespace):
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=timeout, check=False)
    output = (done.stdout + done.stderr).strip()
    if check and done.returncode:
        raise RuntimeError(f"in {namespace}: {script}\n{output}")
    return output


def ip(namespace: str | None, commands: Iterable[str]) -> None:
    """Run several ``ip`` commands, written without the word ``ip``, in one process."""
    with inside(namespace):
        lines = "\n".join(commands) + "\n"
        done = subprocess.run(["ip", "-batch", "-"], input=lines, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"in {namespace}: {lines}{done.stderr}")


def sysctl(namespace: str, settings: Mapping[str, int]) -> None:
    """Write kernel settings of a namespace; names are paths below ``/proc/sys/net``."""
    with inside(namespace):
        for name, value in settings.items():
            Path("/proc/sys/net", name).write_text(str(value))


def start(namespace: str, command: list[str], *, output: Path | None = None) -> subprocess.Popen[bytes]:
    """A process left running in a namespace, its output in a file or nowhere."""
    with inside(namespace), (output or Path(os.devnull)).open("ab") as stream:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)


def open_socket(namespace: str, kind: socket.SocketKind) -> socket.socket:
    """A non-blocking IPv4 socket that belongs to a namespace for as long as it lives."""
    with inside(namespace):
        opened = socket.socket(socket.AF_INET, kind)
    opened.setblocking(False)
    return opened
