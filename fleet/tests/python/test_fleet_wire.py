"""Messages between a controller and its agents are parsed however they are split."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from freshframe_fleet import _wire

BODIES = [b"a", b"bc" * 3, bytes(range(256)) * 4, b"z" * 5]
STREAM = b"".join(map(_wire.framed, BODIES))


def taken_apart(*pieces: bytes) -> list[bytes]:
    reader = _wire.MessageReader()
    return [bytes(message) for piece in pieces for message in reader.add(piece)]


def test_messages_come_whole_however_their_stream_is_cut() -> None:
    for size in range(1, len(STREAM) + 1):  # from half of it on: two parts, cut anywhere
        assert taken_apart(*(STREAM[at : at + size] for at in range(0, len(STREAM), size))) == BODIES
    for at in range(len(STREAM) // 2):
        assert taken_apart(STREAM[:at], STREAM[at:]) == BODIES


def test_a_message_that_came_whole_is_not_copied() -> None:
    first, second, *_ = _wire.MessageReader().add(STREAM)
    assert first.obj is second.obj is STREAM


def test_a_message_that_came_in_parts_is_left_alone_by_the_next_ones() -> None:
    reader = _wire.MessageReader()
    assert list(reader.add(STREAM[:600])) == BODIES[:2]
    third, fourth = reader.add(STREAM[600:])
    assert list(reader.add(STREAM)) == BODIES
    assert [third, fourth] == BODIES[2:]


def test_the_rest_of_a_large_message_is_received_where_it_belongs() -> None:
    reader = _wire.MessageReader()
    assert reader.room(1) is None
    assert list(reader.add(STREAM[:600])) == BODIES[:2]
    left = len(STREAM[600:]) - len(_wire.framed(BODIES[3]))
    assert reader.room(left + 1) is None
    room = reader.room(left)
    assert room is not None
    assert len(room) == left
    room[:100] = STREAM[600:700]
    assert list(reader.filled(100)) == []
    room[100:] = STREAM[700 : 600 + left]
    assert list(reader.filled(left - 100)) == BODIES[2:3]
    assert reader.room(1) is None
    assert list(reader.add(STREAM[600 + left :])) == BODIES[3:]


@pytest.mark.parametrize("size", [0, (64 << 20) + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a message must have 1 to 67108864 bytes, got {size}"):
        taken_apart(STREAM + size.to_bytes(4, "little") + b"x")
