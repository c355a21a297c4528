"""The handshake of the program and the guards of its agents: both prove that they have the token."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hmac
import json
import secrets
import socket
import struct
import time
from typing import Any

from .._wire import framed

TOKEN_SIZE = 32  # bytes
_PATIENCE = 5.0  # seconds for the whole handshake
_UNANSWERED = 30_000  # milliseconds after which the kernel gives a connection up
_MOST = 1 << 16  # bytes of a message on a guard's channel


class StrangerError(Exception):
    """The other end does not have the token."""


def new_token() -> bytes:
    """Makes the token of a fleet."""
    return secrets.token_bytes(TOKEN_SIZE)


def _proof(token: bytes, who: bytes, *nonces: bytes) -> bytes:
    return hmac.digest(token, who + b"".join(nonces), "sha256")


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    data = b""
    while len(data) < count:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("the other end has closed the connection")
        data += more
    return data


def welcome(connection: socket.socket, token: bytes) -> dict[str, Any]:
    """The program's end: the guard's greeting, after the guard has proved that it has the token.

    Raises:
        StrangerError: It has not.
        OSError: The connection is lost, or the other end is silent.
    """
    deadline = time.monotonic() + _PATIENCE
    mine = secrets.token_bytes(TOKEN_SIZE)
    connection.settimeout(_PATIENCE)
    connection.sendall(mine)
    answer = _exactly(connection, 2 * TOKEN_SIZE, deadline)
    theirs, proof = answer[:TOKEN_SIZE], answer[TOKEN_SIZE:]
    if not hmac.compare_digest(proof, _proof(token, b"guard", mine, theirs)):
        raise StrangerError
    connection.sendall(_proof(token, b"program", theirs, mine))
    (size,) = struct.unpack("<I", _exactly(connection, 4, deadline))
    if size > _MOST:
        raise StrangerError
    hello: dict[str, Any] = json.loads(_exactly(connection, size, deadline))
    return hello


def introduce(connection: socket.socket, token: bytes, hello: dict[str, Any]) -> None:
    """The guard's end.

    Raises:
        StrangerError: The other end is not the program.
        OSError: The connection is lost, or the other end is silent.
    """
    deadline = time.monotonic() + _PATIENCE
    theirs = _exactly(connection, TOKEN_SIZE, deadline)
    mine = secrets.token_bytes(TOKEN_SIZE)
    connection.sendall(mine + _proof(token, b"guard", theirs, mine))
    proof = _exactly(connection, TOKEN_SIZE, deadline)
    if not hmac.compare_digest(proof, _proof(token, b"program", mine, theirs)):
        raise StrangerError
    connection.sendall(message(hello))


def message(content: dict[str, Any]) -> bytes:
    """A message on a guard's channel."""
    return framed(json.dumps(content).encode())


def tune(connection: socket.socket) -> None:
    """Small messages are not delayed, and the loss of the other end is noticed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED)
