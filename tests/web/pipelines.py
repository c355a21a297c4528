"""Pipelines for the page tests: one that works, and several with faults."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import freshframe as ff
from freshframe import _native
from freshframe._graph.port import find_index

SCENE = "demo:circles?fps=30&size=640x360&balls=3"
SLOW_SCENE = "demo:circles?fps=15&size=320x180"
AWAY = "rtsp://127.0.0.1:9/nothing"


def brightness(frame: ff.Frame) -> float:
    return float(frame.luma.mean())


def tired(frame: ff.Frame) -> None:
    time.sleep(0.25)


def slow(value: object) -> object:
    time.sleep(0.2)
    return value


def difference(left: ff.Frame, right: ff.Frame) -> float:
    return float(left.luma.mean()) - float(right.luma.mean())


def refuse(events: object) -> None:
    raise OSError("receiver is away")


def example() -> tuple[ff.Pipeline, ff.Port[ff.Frame]]:
    """Returns a pipeline with a camera and three consumers, one of which is too slow."""
    pipeline = ff.Pipeline("example")
    camera = pipeline.add(ff.open(SCENE), name="camera")
    drawn = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), camera))
    pipeline.add(brightness, camera)
    pipeline.add(tired, drawn)
    return pipeline, drawn


class Camera(ff.Source[ff.Frame]):
    """A camera that delivers images, or only packets."""

    live = True

    def __init__(self, *, gives: bool) -> None:
        self.gives = gives

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        number = 0
        while not self.stop_token.wait(1 / 15):
            if self.gives:
                yield ff.Frame.from_array(np.zeros((48, 64), np.uint8), "gray"), number / 15
            number += 1


def add_recorded(pipeline: ff.Pipeline, name: str) -> None:
    """Adds a camera of which only the packets are used."""
    camera = pipeline.add(Camera(gives=False), name=name)
    options = _native.AddOptions(
        f"{name}.packets", _native.EdgeOptions(), "stop", companion_of=find_index(camera)
    )
    packets = pipeline._changes._add(
        Camera(gives=True), [], options, batch=None, joined=False, merges=False, plan=None
    )
    pipeline.add(lambda packet: None, packets, name="record")


def recorded() -> ff.Pipeline:
    """Returns a pipeline that only records one camera."""
    pipeline = ff.Pipeline("recorder", keep_running=True)
    add_recorded(pipeline, "door")
    return pipeline


def shop(folder: Path) -> ff.Pipeline:
    """Returns a pipeline with working cameras, one that is only recorded, one that is offline, and each kind
    of loss.
    """
    pipeline = ff.Pipeline("shop", keep_running=True)
    add_recorded(pipeline, "door")
    yard = pipeline.add(ff.open(SLOW_SCENE), name="yard")
    left = pipeline.add(ff.open(SLOW_SCENE + "&seed=2"), name="left")
    pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("rtsp://127.0.0.1:1/x"), name="away"))
    circles = pipeline.add(ff.CircleTracker(), left)
    pipeline.add(ff.Spool(folder / "out", refuse), circles, name="spool")
    pair = pipeline.add(difference, (left, yard), join=ff.Join(within=0.03, max_wait=0.2), name="difference")
    queue = ff.Queue(4, "drop_newest")
    sent = pipeline.add(slow, pair, queue=queue, name="upload to the web server of the shop")
    pipeline.add(lambda value: None, sent, name="console")
    return pipeline


def many(cameras: int) -> ff.Pipeline:
    """Returns a pipeline with three nodes per camera, the last of which is offline."""
    pipeline = ff.Pipeline("many", stall_timeout=None)
    for number in range(cameras):
        url = AWAY if number == cameras - 1 else "demo:circles?fps=5&size=64x64&balls=1"
        camera = pipeline.add(ff.open(url), name=f"camera-{number:02d}-north-entrance")
        found = pipeline.add(ff.CircleDetector(), camera, name=f"detect {number}")
        pipeline.add(lambda circles: None, found, name=f"count {number}")
    return pipeline


class OnePicture(http.server.BaseHTTPRequestHandler):
    """A camera that hangs: it sends the same JPEG image forever."""

    picture = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=edge")
        self.end_headers()
        head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.picture)}\r\n\r\n"
        with contextlib.suppress(OSError):
            while not self.server.ended.wait(0.1):  # type: ignore[attr-defined]
                self.wfile.write(head.encode() + self.picture + b"\r\n")

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def hung_camera(folder: Path) -> Iterator[str]:
    """Runs a camera that sends the same image forever, and yields its URL."""
    path = folder / "one.jpg"
    picture = np.random.default_rng(1).integers(0, 255, (240, 320), np.uint8)
    ff.Frame.from_array(picture, "gray").write(path)
    OnePicture.picture = path.read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OnePicture)
    server.ended = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/live.mjpg"
    server.ended.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()
