"""A reader that waits in vain reports why: another reader is not read, or a source is not connected."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from support import Count, Gate, until

import freshframe as ff


def two_readers(stall_timeout: float | None = 0.2) -> tuple[ff.Pipeline, ff.Reader[int], ff.Reader[int]]:
    pipeline = ff.Pipeline(stall_timeout=stall_timeout)
    port = pipeline.add(Count(100))
    return pipeline, pipeline.reader(port, name="a"), pipeline.reader(port, name="b")


def read_on(reader: ff.Reader[int], timeout: float) -> None:
    while True:
        reader.get(timeout)


def test_a_loop_over_one_of_two_lossless_readers_raises_stalled() -> None:
    pipeline, a, _ = two_readers()
    with pipeline, pytest.raises(ff.StalledError, match=r"reader 'b' is full .* while reader 'a' waits"):
        list(a)


def test_get_raises_stalled_also_when_its_own_thread_has_begun_with_the_other() -> None:
    pipeline, a, b = two_readers()
    with pipeline:
        b.get()
        with pytest.raises(ff.StalledError):
            list(a)


@pytest.mark.slow
def test_an_async_loop_over_one_of_two_lossless_readers_raises_stalled() -> None:
    async def main() -> None:
        pipeline, a, _ = two_readers()
        async with pipeline:
            async for _sample in a:
                pass

    with pytest.raises(ff.StalledError):
        asyncio.run(main())


@pytest.mark.slow
def test_a_reader_that_waits_for_a_slow_thread_warns_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    pipeline, a, b = two_readers()
    gate = Gate()
    seen: list[int] = []

    def read_slowly() -> None:
        for sample in b:
            if sample.seq == 0:
                gate.enter()
            seen.append(sample.seq)

    with pipeline:
        thread = threading.Thread(target=read_slowly)
        thread.start()
        until(lambda: gate.arrived, "the slow thread")
        with pytest.raises(ff.ReadTimeoutError):
            read_on(a, timeout=1.0)
        gate.open()
        list(a)
        thread.join()
    assert seen == list(range(100))
    warnings = [r for r in caplog.records if "reader 'b' is full" in r.getMessage()]
    assert [r.levelno for r in warnings] == [logging.WARNING]


def test_no_stall_is_seen_without_a_limit() -> None:
    pipeline, a, _ = two_readers(stall_timeout=None)
    with pipeline, pytest.raises(ff.ReadTimeoutError):
        read_on(a, timeout=0.5)


def test_the_error_of_a_read_timeout_has_the_state_of_the_source() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("rtsp://127.0.0.1:1/nothing"), name="cam0")
    reader = pipeline.reader(pipeline.add(lambda frame: frame.width, camera))
    with pipeline:
        until(lambda: pipeline.stats().nodes["cam0"].source.state == "backing_off", "the refusal")  # type: ignore[union-attr]
        with pytest.raises(
            ff.ReadTimeoutError, match=r"source 'cam0' is (backing_off|connecting): .*refused"
        ):
            reader.get(timeout=0.05)
