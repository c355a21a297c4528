"""Messages between a controller and its agents; src/fleet/records.hpp defines the same formats."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from freshframe._agent import native

from ._messages import Event, Order

RENEWAL, BATCH, EVENT = 1, 2, 3  # to the controller
_ORDER, _READER, _READER_GONE, _PULL, _FORGET = range(1, 6)  # to an agent
_MOST = 64 << 20  # maximum size of a message in bytes


def loss_name(cause: str) -> str:
    """Returns the name of a cause in the statistics of a fleet."""
    return "stopped" if cause == "stop" else cause


_FIELDS = native.fleet_records()
# Why an agent's pipeline has lost a frame or a result, in the order of a camera's record.
LOSSES: tuple[str, ...] = tuple(_FIELDS["losses"])
CAMERA = np.dtype(_FIELDS["camera"])
OUTBOX = np.dtype(_FIELDS["outbox"])
RESULT = np.dtype(_FIELDS["result"])
# The field orders that code relies on when it unpacks the tuples of Records.tolist(). For a few records,
# tolist() is ten times as fast as accessing each field.
_IN_ORDER = (
    (OUTBOX, ("epoch", "reported", "full", "expired", "fenced", "handed", "waiting", "camera", "reader")),
    (RESULT, ("epoch", "ordinal", "seq", "part", "pts", "time", "camera", "size_bytes")),
)
assert all(kind.names == names for kind, names in _IN_ORDER)
Records = npt.NDArray[Any]


_LENGTH = struct.Struct("<I")


def framed(*parts: bytes | memoryview) -> bytes:
    """Prepends the length to a message."""
    return b"".join((_LENGTH.pack(sum(map(len, parts))), *parts))


def _message(kind: int, body: bytes) -> bytes:
    return framed(bytes((kind,)), body)


def order(what: Order) -> bytes:
    """Packs an order for the agent's Python code."""
    return _message(_ORDER, pickle.dumps(what, 5))


def reader(number: int, output: str) -> bytes:
    """Packs the message that a reader was opened."""
    name = output.encode()
    return _message(_READER, struct.pack("<II", number, len(name)) + name)


def reader_gone(number: int) -> bytes:
    """Packs the message that a reader was closed."""
    return _message(_READER_GONE, struct.pack("<I", number))


def pull(number: int, most: tuple[int, int]) -> bytes:
    """Packs a request for results; ``most``: maximum number of results, and of bytes."""
    return _message(_PULL, struct.pack("<III", number, *most))


def forget(run: tuple[int, int]) -> bytes:
    """Packs the message that ends the outboxes of a run."""
    return _message(_FORGET, struct.pack("<QI", run[1], run[0]))


@dataclass(slots=True)
class Renewal:
    """An agent is alive and reports its cameras and outboxes."""

    cpu: float  # CPU time in seconds
    answers: dict[tuple[int, int], str]  # responses of cameras that are away, by run
    cameras: Records
    last: Records  # outboxes that have ended; reported once
    outboxes: Records


@dataclass(slots=True)
class Batch:
    """The results of one pull."""

    reader: int
    outboxes: Records
    results: Records
    pickles: memoryview  # concatenated


def parsed(message: memoryview) -> Renewal | Batch | Event:
    """Parses a message of an agent."""
    kind = message[0]
    if kind == EVENT:
        event: Event = pickle.loads(message[1:])
        return event
    if kind == RENEWAL:
        _, cpu, answers, *counts = struct.unpack_from("<qdIIII", message, 1)
        cameras, rest = _records(message[33:], CAMERA, counts[0])
        last, rest = _records(rest, OUTBOX, counts[1])
        outboxes, rest = _records(rest, OUTBOX, counts[2])
        return Renewal(cpu, _answers(rest, answers), cameras, last, outboxes)
    if kind == BATCH:
        number, *counts = struct.unpack_from("<III", message, 1)
        outboxes, rest = _records(message[13:], OUTBOX, counts[0])
        results, rest = _records(rest, RESULT, counts[1])
        return Batch(number, outboxes, results, rest)
    raise ValueError(f"unknown message kind {kind}")


def _answers(data: memoryview, count: int) -> dict[tuple[int, int], str]:
    answers = {}
    for _ in range(count):
        epoch, camera, size = struct.unpack_from("<QII", data)
        answers[camera, epoch] = str(data[16 : 16 + size], errors="replace")
        data = data[16 + size :]
    return answers


def _records(data: memoryview, kind: np.dtype[Any], count: int) -> tuple[Records, memoryview]:
    size = kind.itemsize * count
    return np.frombuffer(data[:size], kind), data[size:]


class MessageReader:
    """Splits a stream into messages.

    A message that arrived as a whole is a view of the received data, without a copy. A message that arrived
    in parts is copied once, into a buffer for all of it.
    """

    def __init__(self) -> None:
        """Starts without any data."""
        self._head = b""  # header of a message whose length is not known yet
        self._begun: bytearray | None = None  # an incomplete message, preceded by its length
        self._filled = 0  # how many bytes of the incomplete message have arrived

    def add(self, data: bytes | memoryview) -> Iterator[memoryview]:
        """Adds bytes, and yields each message that they complete.

        Raises:
            ValueError: A length is invalid.
        """
        rest = memoryview(data)
        while rest:
            if self._begun is None:
                whole, rest = self._next(rest)
            else:
                whole, rest = self._fill(self._begun, rest)
            if whole is not None:
                yield whole[_LENGTH.size :]

    def room(self, least: int) -> memoryview | None:
        """Returns a buffer for the rest of a message, or None if fewer than `least` bytes are missing.

        After writing to the buffer, call filled().
        """
        begun = self._begun
        return (
            None if begun is None or len(begun) - self._filled < least else memoryview(begun)[self._filled :]
        )

    def filled(self, size: int) -> Iterator[memoryview]:
        """Yields the message if it is complete after `size` bytes were written to the buffer from room()."""
        self._filled += size
        if self._begun is not None and self._filled == len(self._begun):
            whole, self._begun = memoryview(self._begun), None
            yield whole[_LENGTH.size :]

    def _next(self, data: memoryview) -> tuple[memoryview | None, memoryview]:
        """Returns the first message in these bytes if it is complete, and the rest."""
        if self._head:
            data = memoryview(self._head + data)
            self._head = b""
        if len(data) < _LENGTH.size:
            self._head = bytes(data)
            return None, data[:0]
        (size,) = _LENGTH.unpack_from(data)
        if not 0 < size <= _MOST:
            raise ValueError(f"a message must have 1 to {_MOST} bytes, got {size}")
        size += _LENGTH.size
        if len(data) >= size:
            return data[:size], data[size:]
        self._begun, self._filled = bytearray(size), 0
        return self._fill(self._begun, data)

    def _fill(self, begun: bytearray, data: memoryview) -> tuple[memoryview | None, memoryview]:
        part = data[: len(begun) - self._filled]
        begun[self._filled : self._filled + len(part)] = part
        self._filled += len(part)
        if self._filled < len(begun):
            return None, data[:0]
        self._begun = None
        return memoryview(begun), data[len(part) :]
