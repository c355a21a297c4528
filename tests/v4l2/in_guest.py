"""The checks inside the guest: freshframe against the kernel's virtual cameras, and how they break."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, os.fspath(Path(__file__).parent))

import vivid

import freshframe as ff

CAMERA = "/dev/video0"
SIZE = (640, 360)
PATIENCE = 20.0  # seconds: the watchdog of each wait; software emulation is slow


@contextmanager
def camera(**options: Any) -> Iterator[tuple[ff.Pipeline, ff.Reader[ff.Frame]]]:
    """A started pipeline on the camera, with a reader that loses nothing within a second."""
    pipeline = ff.Pipeline()
    options.setdefault("size", SIZE)
    port = pipeline.add(ff.open(CAMERA, **options), name="camera")
    reader = pipeline.reader(port, queue=ff.Queue(64))
    with pipeline:
        yield pipeline, reader


def take(reader: ff.Reader[ff.Frame], count: int) -> list[ff.Sample[ff.Frame]]:
    return [reader.get(timeout=PATIENCE) for _ in range(count)]


def link(pipeline: ff.Pipeline) -> ff.stats.SourceStats:
    source = pipeline.stats().nodes["camera"].source
    assert source is not None
    return source


def until(what: str, ready: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not ready():
        assert time.monotonic() - began < PATIENCE, f"waited {PATIENCE} s in vain for {what}"
        time.sleep(0.005)
    return time.monotonic() - began


def account(pipeline: ff.Pipeline, reader: ff.Reader[ff.Frame], last: int, taken: int) -> int:
    """Checks that each number of the camera was delivered or is counted as lost; returns how many are lost.

    The camera runs on while a check looks at its samples, and the counts are those of now. So it takes
    samples until the last one is the camera's newest. A count that is wrong stays so.

    Args:
        last: The number of the newest sample.
        taken: The number of samples up to it.
    """
    for _ in range(200):
        lost = pipeline.stats().nodes["camera"].drops.get("device", 0)
        if last + 1 == taken + lost:
            return lost
        last, taken = reader.get(timeout=PATIENCE).seq, taken + 1
    raise AssertionError(f"number {last} is the last of {taken} samples, and {lost} are counted as lost")


def devices() -> dict[str, dict[str, Any]]:
    """Returns what `freshframe devices` lists of each path."""
    done = subprocess.run(
        [sys.executable, "-m", "freshframe", "devices", "--json"], capture_output=True, text=True, check=True
    )
    return {record["path"]: record for record in map(json.loads, done.stdout.splitlines())}


def check_devices() -> str:
    found = devices()
    assert {"/dev/video0", "/dev/video1"} <= set(found), found
    one = found[CAMERA]
    assert (one["driver"], one["usable"], one["problem"]) == ("vivid", True, None), one
    formats = {entry["format"]: entry for entry in one["formats"]}
    assert {"yuyv", "uyvy", "nv12", "i420", "gray"} <= set(formats), formats.keys()
    sizes = {(size["width"], size["height"]) for size in formats["yuyv"]["sizes"]}
    assert SIZE in sizes, sizes
    return f"{len(found)} cameras, {len(formats)} formats, {len(sizes)} sizes"


def check_formats() -> str:
    told = []
    for name, expected in {
        "yuyv": "i422", "uyvy": "i422", "nv12": "nv12", "i420": "i420", "gray": "gray",
    }.items():  # fmt: skip
        with camera(options={"format": name}) as (pipeline, reader):
            sample = take(reader, 5)[-1]
            frame = sample.value
            assert (frame.format, frame.width, frame.height) == (expected, *SIZE), frame
            # Eight bars from white to black: the luma falls from left to right.
            bars = [int(frame.luma[180, 40 + 80 * bar]) for bar in range(8)]
            assert bars == sorted(bars, reverse=True), (name, bars)
            assert bars[0] > 150, (name, bars)
            assert bars[-1] < 40, (name, bars)
            lost = account(pipeline, reader, sample.seq, 5)
            told.append(f"{name} {bars[0]}..{bars[-1]} ({lost} lost)")
    return ", ".join(told)


def check_negotiation() -> str:
    pipeline = ff.Pipeline()
    source = ff.open(CAMERA, size=(640, 360), fps=15)
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        take(reader, 2)
        assert (source.info.width, source.info.height, source.info.fps) == (640, 360, 15), source.info
    refused = ff.Pipeline()
    refused.add(ff.open(CAMERA, size=(1000, 700)))
    try:
        refused.start()
    except ff.SourceError as error:
        text = str(error)
    else:
        raise AssertionError("1000x700 was granted")
    assert "cannot deliver 1000x700" in text, text
    assert "640x360" in text, text
    return text[:150] + "..."


def _refusal(source: ff.types.VideoSource, name: str, value: int) -> str:
    try:
        setattr(source, name, value)
    except ff.SourceError as error:
        return str(error)
    return "set"


def check_settings() -> str:
    pipeline = ff.Pipeline()
    source = ff.open(CAMERA, size=SIZE, gain=77)
    reader = pipeline.reader(pipeline.add(source, name="camera"))
    with pipeline:
        take(reader, 2)
        assert source.gain == 77
        source.gain = "auto"
        assert source.gain == "auto"
        source.gain = 50
        assert source.gain == 50
        refused = [_refusal(source, name, value) for name, value in (("gain", 100_000), ("focus", 1))]
        assert "gain must be 0 to 255 in steps of 1 (default" in refused[0], refused
        assert "it has no focus; it has: " in refused[1], refused
        vivid.set_control(CAMERA, vivid.GAIN, 10)
        vivid.set_control(CAMERA, vivid.DISCONNECT, 1)
        until("an outage", lambda: link(pipeline).outages == 1)
        until("the camera again", lambda: link(pipeline).state == "reading")
        assert source.gain == 50, source.gain
    return refused[0]


def check_stop() -> str:
    times = []
    for _ in range(8):
        with camera() as (pipeline, reader):
            take(reader, 1)
            began = time.monotonic()
            pipeline.stop()
            times.append(time.monotonic() - began)
    times.sort()
    return f"8 stops while reading: median {times[4] * 1e3:.1f} ms, longest {times[-1] * 1e3:.1f} ms"


def check_dropped() -> str:
    with camera(fps=30) as (pipeline, reader):
        take(reader, 5)
        vivid.set_control(CAMERA, vivid.DROPPED, 30)
        samples = take(reader, 90)
        vivid.set_control(CAMERA, vivid.DROPPED, 0)
        samples += take(reader, 3)
        edge = pipeline.stats().edges[0]
        assert not edge.drops, edge
        counted = account(pipeline, reader, samples[-1].seq, 5 + len(samples))
    assert counted > 0
    # The driver's clock agrees: that many periods passed between the first and the last picture. On a
    # busy machine the emulated driver stamps single pictures late.
    passed = (samples[-1].pts - samples[0].pts) * 30
    numbered = samples[-1].seq - samples[0].seq
    assert abs(passed - numbered) < 3, (passed, numbered)
    return (
        f"{len(samples)} delivered, {counted} lost by the driver and counted; {passed:.1f} periods passed "
        f"over {numbered} numbers"
    )


def check_stall() -> str:
    with camera(read_timeout=30) as (pipeline, reader):
        take(reader, 3)
        vivid.set_control(CAMERA, vivid.DROPPED, 100)
        seen = until("a stall", lambda: link(pipeline).state == "stalled")
        began = time.monotonic()
        pipeline.stop()
        stopped = time.monotonic() - began
    vivid.set_control(CAMERA, vivid.DROPPED, 0)
    with camera(read_timeout=2) as (pipeline, reader):
        last = take(reader, 3)[-1]
        vivid.set_control(CAMERA, vivid.DROPPED, 100)
        until("an outage", lambda: link(pipeline).outages == 1)
        noticed = time.monotonic() - last.captured
        vivid.set_control(CAMERA, vivid.DROPPED, 0)
        while (sample := reader.get(timeout=PATIENCE)).pts < last.pts + 2:
            last = sample
        until("the end of the outage", lambda: link(pipeline).reconnects == 1)
        assert sample.seq > last.seq
        state = link(pipeline)
    assert noticed >= 2, noticed
    return (
        f"shown after {seen:.2f} s, stopped in {stopped * 1e3:.1f} ms; lost after {noticed:.2f} s of 2, "
        f"back after {state.away_total:.2f} s"
    )


def check_disconnect() -> str:
    with camera() as (pipeline, reader):
        last = take(reader, 3)[-1]
        vivid.set_control(CAMERA, vivid.DISCONNECT, 1)
        until("the camera to come back", lambda: link(pipeline).reconnects == 1)
        state = link(pipeline)
        sample = take(reader, 30)[-1]
        assert "unplugged" in str(state.last_error), state
        assert sample.seq > last.seq
        assert sample.pts > last.pts
    with camera(reconnect=False) as (pipeline, reader):
        take(reader, 3)
        vivid.set_control(CAMERA, vivid.DISCONNECT, 1)
        text = _lost(reader)
        assert "unplugged" in text, text
    return f"back after {state.away_total:.2f} s; without reconnect: {text}"


def _lost(reader: ff.Reader[ff.Frame]) -> str:
    try:
        while True:
            reader.get(timeout=PATIENCE)
    except ff.SourceError as error:
        return str(error)


def check_errors() -> str:
    with camera() as (pipeline, reader):
        take(reader, 3)
        vivid.set_control(CAMERA, vivid.FATAL_ERROR, 1)
        until("the camera to come back", lambda: link(pipeline).reconnects == 1)
        state = link(pipeline)
        assert "Input/output error" in str(state.last_error), state
    with camera(reconnect=False) as (pipeline, reader):
        take(reader, 3)
        vivid.set_control(CAMERA, vivid.FATAL_ERROR, 1)
        text = _lost(reader)
        assert "Input/output error" in text, text
    vivid.set_control(CAMERA, vivid.STREAMON_ERROR, 1)
    with camera() as (pipeline, reader):  # the control works once: the second attempt starts it
        take(reader, 2)
        assert link(pipeline).reconnects == 1, link(pipeline)
    return f"EIO: back after {state.away_total:.2f} s; refused at the start: second attempt works"


def check_busy() -> str:
    with camera() as (_, reader):
        take(reader, 1)
        done = subprocess.run(
            [sys.executable, "-m", "freshframe", "probe", CAMERA], capture_output=True, text=True, check=False
        )
    assert done.returncode == 3, done
    assert f"(pid {os.getpid()})" in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]


def check_unbind() -> str:
    """The driver itself goes and comes: the device file is away meanwhile."""
    folder = Path("/sys/bus/platform/drivers/vivid")
    with camera() as (pipeline, reader):
        take(reader, 3)
        unbind = threading.Thread(target=(folder / "unbind").write_text, args=("vivid.0",))
        unbind.start()
        until("an outage", lambda: link(pipeline).outages == 1)
        unbind.join()
        until("the device file to go", lambda: not os.path.exists(CAMERA))
        began = time.monotonic()
        pipeline_state = link(pipeline).state
        (folder / "bind").write_text("vivid.0")
        until("the device file", lambda: os.path.exists(CAMERA))
        until("the camera to come back", lambda: link(pipeline).reconnects == 1)
        back = time.monotonic() - began
        take(reader, 3)
    return f"{pipeline_state} while it was away, back {back:.2f} s after it was plugged in"


def _came_back(pipeline: ff.Pipeline, times: int) -> bool:
    return link(pipeline).reconnects == times


def _rebind() -> None:
    folder = Path("/sys/bus/platform/drivers/vivid")
    (folder / "unbind").write_text("vivid.0")
    (folder / "bind").write_text("vivid.0")


def check_replug() -> str:
    """The driver goes and comes at once, perhaps before the camera is closed: then its number is another."""
    told = []
    with camera() as (pipeline, reader):
        for turn in (1, 2, 3):
            last = take(reader, 3)[-1]
            worker = threading.Thread(target=_rebind)
            worker.start()
            until("the camera to come back", partial(_came_back, pipeline, turn))
            worker.join()
            while (sample := reader.get(timeout=PATIENCE)).seq <= last.seq + 5:
                assert sample.pts >= last.pts
            told.append(link(pipeline).away_total)
    return "outages in all after each: " + ", ".join(f"{seconds:.2f} s" for seconds in told)


@contextmanager
def held(path: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield
    finally:
        os.close(descriptor)


def check_moved() -> str:
    """The cameras come back while one is still open elsewhere: the kernel gives them other numbers."""
    pipeline = ff.Pipeline()
    paths = ("/dev/video0", "/dev/video1")
    sources = [ff.open(path, size=SIZE, fps=15, gain=77) for path in paths]
    readers = [
        pipeline.reader(pipeline.add(source, name=path)) for path, source in zip(paths, sources, strict=True)
    ]

    def back(path: str) -> bool:
        source = pipeline.stats().nodes[path].source
        return source is not None and source.reconnects == 1

    with pipeline:
        for reader in readers:
            take(reader, 2)
        with held(CAMERA):
            _rebind()
        for path in paths:
            until(f"{path} to come back", partial(back, path))
        now = {record["bus"]: path for path, record in devices().items()}
        assert now["platform:vivid-000"] != CAMERA, now
        for number, (source, reader) in enumerate(zip(sources, readers, strict=True)):
            take(reader, 2)
            vivid.set_control(now[f"platform:vivid-00{number}"], vivid.GAIN, 30 + number)
            assert source.gain == 30 + number, (number, source.gain, now)
    return f"the two that were {' and '.join(paths)} are followed to {' and '.join(sorted(now.values()))}"


def check_several() -> str:
    """Two cameras in one pipeline; one is unplugged, which the other doesn't notice."""
    pipeline = ff.Pipeline()
    paths = ("/dev/video0", "/dev/video1")
    ports = [pipeline.add(ff.open(path, size=SIZE, fps=15), name=path) for path in paths]
    readers = [pipeline.reader(port, queue=ff.Queue(64)) for port in ports]

    def source(path: str) -> ff.stats.SourceStats:
        stats = pipeline.stats().nodes[path].source
        assert stats is not None
        return stats

    with pipeline:
        for reader in readers:
            take(reader, 5)
        vivid.set_control(paths[1], vivid.DISCONNECT, 1)
        until("the second to come back", lambda: source(paths[1]).reconnects == 1)
        for reader in readers:
            take(reader, 30)
        assert source(paths[0]).outages == 0, source(paths[0])
        delivered = [pipeline.stats().nodes[path].processed for path in paths]
        began = time.monotonic()
    stopped = time.monotonic() - began
    return f"{delivered[0]} and {delivered[1]} frames, both stopped in {stopped * 1e3:.1f} ms"


def check_probe() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "freshframe", "probe", "1", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    record = json.loads(done.stdout)
    measured = record["measured"]
    assert (record["container"], record["live"]) == ("v4l2", True), record
    assert measured["frames"] > 10, record
    return (
        f"{record['codec']} {record['pixel_format']} {record['width']}x{record['height']} at "
        f"{record['fps']:g}, {measured['frames']} frames in {measured['duration']:.2f} s, "
        f"deviation {measured['deviation'] * 1e3:.2f} ms, drops {measured['drops']}"
    )


CHECKS: dict[str, Callable[[], str]] = {
    "devices": check_devices,
    "formats": check_formats,
    "negotiation": check_negotiation,
    "settings": check_settings,
    "stop": check_stop,
    "dropped": check_dropped,
    "stall": check_stall,
    "disconnect": check_disconnect,
    "errors": check_errors,
    "busy": check_busy,
    "probe": check_probe,
    "several": check_several,
    "unbind": check_unbind,
    "replug": check_replug,
    "moved": check_moved,
}


def main() -> int:
    """Runs the named checks, or all; returns 0 when all passed."""
    failed = 0
    for name in sys.argv[1:] or CHECKS:
        began = time.monotonic()
        try:
            text = CHECKS[name]()
        except Exception:
            failed += 1
            text = traceback.format_exc()
            print(f"FAILED {name}: {text}", flush=True)
        else:
            print(f"ok {name} ({time.monotonic() - began:.1f} s): {text}", flush=True)
        if not os.path.exists(CAMERA):  # it is under another number; now no descriptor of it is open
            _rebind()
        try:
            vivid.set_control(CAMERA, vivid.DROPPED, 0)
        except OSError:
            time.sleep(1)
    print(f"{failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
