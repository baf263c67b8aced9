"""Programs that talk: HTTP, DNS, counters over UDP, ping. One process plays all of them, each in its own namespace."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import socket
import struct
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from multiprocessing.process import BaseProcess
from typing import Any

from calico_lab.namespaces import open_socket, start

FILLING = b"The quick brown fox jumps over the lazy dog. 0123456789 block affinity\n" * 4096
REQUEST_TIMEOUT = 3.0  # seconds, of background requests
RESOLVER_TIMEOUT = 5.0  # seconds, as in resolv.conf(5)
RESOLVER_ATTEMPTS = 2
A, AAAA = 1, 28


@dataclass(frozen=True)
class HttpServer:
    """Answers ``GET /N`` with N bytes."""

    namespace: str
    address: IPv4Address
    port: int

    async def play(self) -> None:
        """Serve for ever."""
        listener = open_socket(self.namespace, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(self.address), self.port))
        server = await asyncio.start_server(_serve_http, sock=listener)
        await server.serve_forever()


@dataclass(frozen=True)
class DnsServer:
    """Answers A with one address, AAAA with none. Where it hangs, it keeps its port open and never answers."""

    namespace: str
    address: IPv4Address
    answer: IPv4Address
    hangs: bool = False

    async def play(self) -> None:
        """Serve for ever."""
        server = open_socket(self.namespace, socket.SOCK_DGRAM)
        server.bind((str(self.address), 53))
        loop = asyncio.get_running_loop()
        while True:
            query, client = await loop.sock_recvfrom(server, 2048)
            if not self.hangs:
                await loop.sock_sendto(server, _answer_dns(query, self.answer), client)


@dataclass(frozen=True)
class UdpSink:
    """Takes datagrams and says nothing, as a metrics collector does."""

    namespace: str
    address: IPv4Address
    port: int

    async def play(self) -> None:
        """Receive for ever."""
        sink = open_socket(self.namespace, socket.SOCK_DGRAM)
        sink.bind((str(self.address), self.port))
        while True:
            await asyncio.get_running_loop().sock_recv(sink, 2048)


@dataclass(frozen=True)
class HttpClient:
    """Fetches some bytes every so many seconds."""

    namespace: str
    address: IPv4Address
    port: int
    size: int
    every: float

    async def play(self) -> None:
        """Fetch for ever; what fails is tried again in its turn."""
        while True:
            await asyncio.sleep(self.every * random.uniform(0.8, 1.2))
            await fetch(self.namespace, self.address, self.port, self.size, timeout=REQUEST_TIMEOUT)


@dataclass(frozen=True)
class DnsClient:
    """Resolves a name every so many seconds."""

    namespace: str
    server: IPv4Address
    name: str
    every: float

    async def play(self) -> None:
        """Resolve for ever."""
        while True:
            await asyncio.sleep(self.every * random.uniform(0.8, 1.2))
            await resolve(self.namespace, self.server, self.name)


@dataclass(frozen=True)
class UdpSource:
    """Sends a datagram every so many seconds."""

    namespace: str
    address: IPv4Address
    port: int
    every: float

    async def play(self) -> None:
        """Send for ever."""
        source = open_socket(self.namespace, socket.SOCK_DGRAM)
        source.connect((str(self.address), self.port))
        for count in range(1_000_000):
            await asyncio.sleep(self.every)
            try:
                await asyncio.get_running_loop().sock_sendall(source, f"requests:{count}|c\n".encode())
            except OSError:
                continue


@dataclass(frozen=True)
class Pinger:
    """Runs ``ping``."""

    namespace: str
    address: IPv4Address
    every: float

    async def play(self) -> None:
        """Leave it running."""
        start(self.namespace, ["ping", "-n", "-i", str(self.every), str(self.address)])


Program = HttpServer | DnsServer | UdpSink | HttpClient | DnsClient | UdpSource | Pinger


def play_in_background(programs: Sequence[Program]) -> BaseProcess:
    """Start a process that plays the programs until it is terminated."""
    process = multiprocessing.get_context("fork").Process(target=_play, args=(programs,), daemon=True)
    process.start()
    return process


def _play(programs: Sequence[Program]) -> None:
    async def play_all() -> None:
        await asyncio.gather(*(program.play() for program in programs))

    asyncio.run(play_all())


def finish(work: Coroutine[Any, Any, str]) -> str:
    """The result of one of the requests below, waited for."""
    return asyncio.run(work)


async def fetch(
    namespace: str, address: IPv4Address, port: int, size: int, *, timeout: float, post: bool = False
) -> str:
    """Fetch, or post, so many bytes by HTTP; a line that says what came back and how long it took."""
    began, received = time.monotonic(), 0
    connection = open_socket(namespace, socket.SOCK_STREAM)
    loop = asyncio.get_running_loop()
    request = f"GET /{size} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
    if post:
        head = f"POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        request = head.encode() + FILLING[:size]
    try:
        async with asyncio.timeout(timeout):
            await loop.sock_connect(connection, (str(address), port))
            await loop.sock_sendall(connection, request)
            while block := await loop.sock_recv(connection, 65536):
                received += len(block)
        outcome = "done"
    except OSError as error:  # TimeoutError is one
        outcome = f"failed: {type(error).__name__} {error}"
    finally:
        connection.close()
    verb = "POST" if post else "GET"
    return f"{verb} {address}:{port} {size}: {received} bytes in {time.monotonic() - began:.3f} s, {outcome}"


async def resolve(namespace: str, server: IPv4Address, name: str, *, attempts: int = RESOLVER_ATTEMPTS) -> str:
    """Ask for A and AAAA of a name as a C library does: one socket, both at once, again after five seconds."""
    began = time.monotonic()
    queries = {number: _ask_dns(number, name, kind) for number, kind in zip(_two_numbers(), (A, AAAA), strict=True)}
    asking = open_socket(namespace, socket.SOCK_DGRAM)
    loop = asyncio.get_running_loop()
    try:
        asking.connect((str(server), 53))
        for _ in range(attempts):
            try:
                async with asyncio.timeout(RESOLVER_TIMEOUT):
                    for query in queries.values():
                        await loop.sock_sendall(asking, query)
                    while queries:
                        answer = await loop.sock_recv(asking, 2048)
                        queries.pop(int.from_bytes(answer[:2], "big"), None)
                    break
            except TimeoutError:
                continue
        outcome = "no answer" if queries else "answered"
    except OSError as error:
        outcome = f"failed: {error}"
    finally:
        asking.close()
    return f"DNS {server} {name}: {outcome} after {time.monotonic() - began:.3f} s"


async def _serve_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path = head.split()[:2]
        if method == "POST":
            size = int(head.lower().split("content-length:")[1].split()[0])
            await reader.readexactly(size)
            body = f"got {size}\n".encode()
        else:
            body = FILLING[: int(path.strip("/") or 32)]
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # the client has gone
    finally:
        writer.close()


def _two_numbers() -> list[int]:
    return random.sample(range(1, 65536), 2)


def _ask_dns(number: int, name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def _answer_dns(query: bytes, address: IPv4Address) -> bytes:
    kind = int.from_bytes(query[-4:-2], "big")
    header = query[:2] + struct.pack("!5H", 0x8580, 1, int(kind == A), 0, 0)
    record = struct.pack("!3HIH", 0xC00C, A, 1, 30, 4) + address.packed
    return header + query[12:] + (record if kind == A else b"")
