"""A fake server of /api/video for tests of web/view.js, with painted images, results, and every fault on
demand.

docs/reference/video-protocol.md describes the protocol. It replaces the native server where a test needs a
delay, an outage or a bad link. Each image has its number in the blocks of its first rows, and each result has
a box whose ID is the same number.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import io
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

WEB = Path(__file__).parents[2] / "web"
BITS = 8
COUNT = 120  # number of painted images, which are sent in a loop
FPS = 15
TICKS = 90_000  # ticks per second in the fragments
TYPES = {".js": "text/javascript", ".html": "text/html", ".css": "text/css"}
FIRST = 20.0  # pts of the first image, in seconds
SHIFT = 0.25  # seconds by which the timestamps in the fragments are later than pts
START, PICTURE, RESULTS, JPEG, GONE = 1, 2, 3, 4, 5
KEY, LATE = 1, 8
CAPTURED_AGO = 0.004  # seconds between the capture of an image and its arrival at the server
PAGE = """<!doctype html><html lang="en">
<title>your page</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">
<style>body{{margin:0}}h1{{font:20px sans-serif;margin:8px}}</style>
<main><h1>Cameras</h1>{views}</main>
<script type="module" src="{server}view.js"></script>"""


@dataclass(frozen=True)
class Packet:
    """One encoded image, as an MP4 fragment that ends with it."""

    number: int
    dts: int
    key: bool
    fragment: bytes
    size: int


@dataclass(frozen=True)
class Video:
    """A clip with painted numbers."""

    width: int
    height: int
    codec: str
    init: bytes
    packets: tuple[Packet, ...]


def painted(number: int, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Returns a grey image with its number in the upper eighth, lowest bit first, from left to right."""
    picture = np.full((height, width), 90, np.uint8)
    picture[:, ::16] = 110
    block = width // BITS
    for bit in range(BITS):
        picture[: height // 8, bit * block : (bit + 1) * block] = 235 if number >> bit & 1 else 16
    return picture


def stored(
    picture: np.ndarray[Any, np.dtype[np.uint8]], turn: tuple[bool, int]
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Returns the image to store, which this turn makes upright again."""
    flip, quarters = turn
    lying = np.rot90(picture, quarters)  # counterclockwise
    return np.ascontiguousarray(lying[::-1] if flip else lying)


def read_number(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """Returns the number in a grey image."""
    height, width = picture.shape
    row = picture[height // 16]
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * width / BITS)] > 128)


def boxes_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the boxes of an MP4 file."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


@cache
def video(
    width: int = 640,
    height: int = 360,
    *,
    bframes: int = 0,
    gop: int = 15,
    kilobits: int | None = None,
    turn: tuple[bool, int] = (False, 0),
) -> Video:
    """Encodes the painted images, and splits the file into its fragments. Cached.

    The size is that of the upright images, after `turn` is applied to the stored ones. Filler data brings the
    bitrate to `kilobits` per second.
    """
    file = io.BytesIO()
    flags = "empty_moov+default_base_moof+frag_every_frame+negative_cts_offsets+skip_trailer"
    settings = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}:b-adapt=0:rc-lookahead=0"
    if kilobits is not None:
        settings += f":nal-hrd=cbr:bitrate={kilobits}:vbv-maxrate={kilobits}:vbv-bufsize={kilobits}"
    with av.open(file, "w", format="mp4", options={"movflags": flags, "use_editlist": "0"}) as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "superfast", "x264-params": settings})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = stored(painted(0, width, height), turn).shape
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, TICKS)
        packets = []
        for number in range(COUNT):
            lying = stored(painted(number, width, height), turn)
            frame = av.VideoFrame.from_ndarray(lying, "gray").reformat(format="yuv420p")
            frame.pts = number * TICKS // FPS
            frame.time_base = Fraction(1, TICKS)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        facts = []
        for packet in packets:
            assert packet.pts is not None
            assert packet.dts is not None
            facts.append(
                (
                    round(float(packet.pts * packet.time_base) * FPS),
                    round(float(packet.dts * packet.time_base) * FPS),
                    packet.is_keyframe,
                )
            )
            out.mux(packet)
    found = list(boxes_of(file.getvalue()))
    init = b"".join(body for name, body in found if name in {b"ftyp", b"moov"})
    at = init.index(b"avcC")
    parts = [body for name, body in found if name in {b"moof", b"mdat"}]
    fragments = zip(parts[::2], parts[1::2], strict=True)
    return Video(
        width, height, "avc1." + init[at + 5 : at + 8].hex(), init,
        tuple(
            Packet(number, dts, key, moof + mdat, len(mdat) - 8)
            for (number, dts, key), (moof, mdat) in zip(facts, fragments, strict=True)
        ),
    )  # fmt: skip


def placed(fragment: bytes, ticks: int) -> bytes:
    """Returns the fragment with another timestamp, and the duration that it claims."""
    at = fragment.index(b"tfdt")
    large = fragment[at + 4] == 1
    form = ">Q" if large else ">I"
    body = bytearray(fragment)
    struct.pack_into(form, body, at + 8, ticks)
    claim = fragment.index(b"tfhd")
    assert int.from_bytes(fragment[claim + 5 : claim + 8], "big") & 0x8, "the fragment has no duration"
    struct.pack_into(">I", body, claim + 12, round(0.3 * TICKS))
    return bytes(body)


@cache
def jpeg(number: int, width: int, height: int) -> bytes:
    """Returns a painted image as a JPEG file."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = (
        width,
        height,
        "yuvj420p",
        Fraction(1, FPS),
    )
    frame = av.VideoFrame.from_ndarray(painted(number, width, height), "gray").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in encoder.encode(frame))


def result(number: int, width: int, height: int) -> dict[str, Any]:
    """Returns the results for an image of this size.

    A person with the number as its ID, a box below each white block of the image, and a room around all.
    """
    block, eighth = width // BITS, height // 8
    person = [width // 4, height // 2, width // 2, height - 20]
    room = [width // 8, 3 * eighth, width - width // 8, height - 4]
    bits = [
        [bit * block + 8, eighth + 8, (bit + 1) * block - 8, 2 * eighth - 8]
        for bit in range(BITS)
        if number >> bit & 1
    ]
    count = 2 + len(bits)
    return {
        "seq": number,
        "size": [width, height],
        "boxes": [8 * place for box in [person, *bits, room] for place in box],
        "classes": [0, *[1] * len(bits), 2],
        "scores": [900] * count,
        "ids": [number, *range(1000, 1000 + count - 1)],
    }


@dataclass
class Watched:
    """A view of a page."""

    port: str
    jpeg: bool
    began: int = -1  # the epoch when it was last started
    next: int = 0  # index of the next image to send
    gone: bool = False
    left_out: int = 0
    waits: bool = False  # whether its last JPEG has not been acknowledged yet


@dataclass
class Scene:
    """What the server does. Tests may change it at any time."""

    size: tuple[int, int] = (640, 360)
    bframes: int = 0
    gop: int = 15
    kilobits: int | None = None  # per second of the video; None means no filler data
    codec: str | None = None  # reported instead of the real one
    token: str = ""
    packets: bool = True  # if False, every image is a JPEG
    delay: float = 0.03  # seconds from an image to its result
    # (n, seconds): at every n-th image, the detector takes that much longer.
    halts: tuple[int, float] = (COUNT, 0.0)
    every: int = 1  # every n-th image has a result
    turn: tuple[bool, int] = (False, 0)  # makes the stored images upright: flip, clockwise quarter turns
    found_in: tuple[int, int] | None = None  # image size of the detector; None means the video's size
    says_size: bool = True  # results say it
    away: bool = False
    late: float = 0.0  # latency of the link in seconds
    rate: float | None = None  # bandwidth of the link in bytes per second; None means unlimited
    only_keys: bool = False  # sends only keyframes, and counts the others as skipped
    broken: bool = False  # sends images that no decoder can read
    epoch: int = 0  # if it changes, the server sends its start message again
    heard: list[dict[str, Any]] = field(default_factory=list)  # messages of pages
    sent: int = 0  # pictures

    def video(self) -> Video:
        return video(*self.size, bframes=self.bframes, gop=self.gop, kilobits=self.kilobits, turn=self.turn)


class VideoServer(http.server.ThreadingHTTPServer):
    """Serves the files of web/, pages with views, and /api/video."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Answer)
        self.links: list[Link] = []
        self.scene = Scene()
        self.began = time.time()
        self.ended = threading.Event()
        self.pages: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def page(self, views: str, *, name: str = "page", host: str = "") -> str:
        """Returns the URL of a page with these views."""
        self.pages[f"/{name}"] = PAGE.format(views=views, server=self.url)
        return f"{host or self.url}{name}"

    def patch(self, old: str, new: str) -> None:
        """Serves view.js with one constant changed."""
        text = self.pages.get("/view.js") or (WEB / "view.js").read_text(encoding="utf-8")
        assert text.count(old) == 1
        self.pages["/view.js"] = text.replace(old, new)

    def change(self, **what: Any) -> None:
        """Changes the scene, and restarts the views."""
        for name, value in what.items():
            setattr(self.scene, name, value)
        self.scene.epoch += 1


class Answer(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"  # Firefox does not accept a WebSocket over an older version
    server: VideoServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/api/video":
            self.upgrade()
            return
        body = self.server.pages.get(path, "").encode()
        file = WEB / path[1:]
        kind = TYPES.get(file.suffix, "application/octet-stream") if file.suffix else "text/html"
        if not body and file.is_file():
            body = file.read_bytes()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Writes nothing."""

    def upgrade(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header(
            "Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        )
        self.end_headers()
        self.close_connection = True
        link = Link(self)
        self.server.links.append(link)
        with contextlib.suppress(OSError, EOFError):
            link.read()
        link.end()


class Link:
    """One WebSocket, with one thread that reads and one that sends."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.scene = answer.server.scene
        self.changed = threading.Condition()
        self.views: dict[int, Watched] = {}
        self.welcome = self.scene.token == ""
        self.over = False
        self.results: list[tuple[float, int, float, dict[str, Any]]] = []
        if self.welcome:
            self.greet()
        self.sender = threading.Thread(target=self.serve, daemon=True)
        self.sender.start()

    # -- messages from the page

    def read(self) -> None:
        file = self.answer.rfile
        refused = False  # closing a socket with unread bytes may discard the close reason that was sent
        while head := file.read(2):
            size = head[1] & 0x7F
            if size == 126:
                size = int.from_bytes(file.read(2), "big")
            mask, data = file.read(4), file.read(size)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
            if head[0] & 0xF == 8:
                return
            if head[0] & 0xF == 1 and not refused:
                refused = not self.take(json.loads(data))

    def take(self, message: dict[str, Any]) -> bool:
        with self.changed:
            self.scene.heard.append(message)
            if "token" in message and not self.welcome:
                if message["token"] != self.scene.token:
                    self.send(8, struct.pack(">H", 4401) + b"the token is invalid")
                    return False
                self.welcome = True
                self.greet()
            if "watch" in message:
                wanted = {one["id"]: one for one in message["watch"]}
                self.views = {
                    key: self.views.get(key) or Watched(one["port"], one["mode"] == "jpeg")
                    for key, one in wanted.items()
                }
            for key in message.get("ack", {}):
                if int(key) in self.views:
                    self.views[int(key)].waits = False
            if "time" in message:
                self.send(
                    1, json.dumps({"type": "time", "time": message["time"], "now": time.time()}).encode()
                )
            self.changed.notify_all()
        return True

    def greet(self) -> None:
        told = {"type": "welcome", "version": 1, "most": 1.0, "ports": ["people", "door"], "now": time.time()}
        self.send(1, json.dumps(told).encode())

    # -- messages from the server

    def send(self, code: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack(">BB", 0x80 | code, size)
        elif size < 65536:
            head = struct.pack(">BBH", 0x80 | code, 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | code, 127, size)
        if self.scene.rate is not None:
            time.sleep(size / self.scene.rate)
        self.answer.connection.sendall(head + data)

    def tell(
        self,
        kind: int,
        view: int,
        body: bytes,
        *,
        flags: int = 0,
        size: int = 0,
        pts: float = 0,
        at: float = 0,
        got: float | None = None,
    ) -> None:
        left_out = self.views[view].left_out
        elapsed = 0 if got is None else round((got - at) * 1e6)
        self.send(2, struct.pack("<BBHIIIdd", kind, flags, view, left_out, size, elapsed, pts, at) + body)

    def serve(self) -> None:
        with contextlib.suppress(OSError), self.changed:
            while not self.over and not self.answer.server.ended.is_set():
                if self.welcome:
                    for key, view in list(self.views.items()):
                        self.step(key, view)
                    self.send_results()
                self.changed.wait(0.003)

    def step(self, key: int, view: Watched) -> None:
        scene, now = self.scene, time.time() - self.scene.late
        newest = int((now - self.answer.server.began) * FPS)
        if scene.away:
            if not view.gone:
                view.gone, view.began = True, -1
                gone = {"why": "away", "text": "the camera does not answer", "since": now, "now": now}
                self.tell(GONE, key, json.dumps(gone).encode(), at=now)
            return
        view.gone = False
        as_jpeg = view.jpeg or not scene.packets
        if view.began != scene.epoch:
            view.began = scene.epoch
            self.start(key, view, as_jpeg=as_jpeg)
            view.next = newest
            packets = scene.video().packets
            while not as_jpeg and view.next > 0 and not packets[view.next % COUNT].key:
                view.next -= 1
        while view.next <= newest and not as_jpeg:
            if scene.only_keys and not scene.video().packets[view.next % COUNT].key:
                view.left_out += 1
            else:
                self.picture(key, view.next, newest)
            view.next += 1
            if scene.rate is not None:  # the page may have requested something else in the meantime
                break
        if as_jpeg and view.next <= newest and not view.waits:
            self.picture(key, newest, newest, as_jpeg=True)
            view.next, view.waits = newest + 1, True

    def start(self, key: int, view: Watched, *, as_jpeg: bool) -> None:
        clip = self.scene.video()
        codec = self.scene.codec or clip.codec
        why = None if self.scene.packets else "the source has no packets"
        told = {
            "port": view.port, "source": "door", "mode": "jpeg" if as_jpeg else "video", "why": why,
            "codec": None if as_jpeg else codec,
            "mime": "image/jpeg" if as_jpeg else f'video/mp4; codecs="{codec}"',
            "width": clip.width, "height": clip.height, "depth": 0,
            "turn": {"flip": self.scene.turn[0], "quarters": self.scene.turn[1]},
            "shift": SHIFT, "results": "boxes",
            "rate": sum(len(packet.fragment) for packet in clip.packets) * FPS / COUNT,
            "names": ["person", "bit", "room"], "lines": [], "zones": [], "most": 1.0, "now": time.time(),
        }  # fmt: skip
        init = b"" if as_jpeg else clip.init
        self.tell(START, key, json.dumps(told).encode() + init, size=len(init), at=time.time())

    def times(self, index: int) -> tuple[float, float]:
        """Returns pts and capture time of the image with this index in decoding order."""
        lap, at = divmod(index, COUNT)
        packets = self.scene.video().packets
        depth = max(packet.number - place for place, packet in enumerate(packets[:16]))
        shown = lap * COUNT + packets[at].number
        return FIRST + shown / FPS, self.answer.server.began + (shown - depth) / FPS - CAPTURED_AGO

    def picture(self, key: int, index: int, newest: int, *, as_jpeg: bool = False) -> None:
        scene, clip = self.scene, self.scene.video()
        packet = clip.packets[index % COUNT]
        number = index % COUNT if as_jpeg else packet.number
        pts, captured = self.times(index)
        if as_jpeg:
            pts, captured = FIRST + index / FPS, self.answer.server.began + index / FPS - CAPTURED_AGO
            body = jpeg(number, clip.width, clip.height)
            self.tell(JPEG, key, body, flags=KEY, size=len(body), pts=pts, at=captured, got=time.time())
        else:
            start = round((FIRST + SHIFT + (index // COUNT * COUNT + packet.dts) / FPS) * TICKS)
            flags = (KEY if packet.key else 0) | (LATE if index < newest else 0)
            body = placed(packet.fragment, start)
            if scene.broken:
                body = body[: -packet.size] + b"\xff" * packet.size
            got = max(captured, self.answer.server.began + index / FPS)
            self.tell(PICTURE, key, body, flags=flags, size=packet.size, pts=pts, at=captured, got=got)
        scene.sent += 1
        if number % scene.every == 0:
            halt = scene.halts[1] if number % scene.halts[0] == 0 else 0.0
            due = self.answer.server.began + index / FPS + scene.delay + scene.late + halt
            due = max([due, *(one[0] for one in self.results if one[1] == key)])
            size = scene.found_in or (clip.width, clip.height)
            found = result(number, *size)
            if not scene.says_size:
                del found["size"]
            self.results.append((due, key, pts, found))

    def send_results(self) -> None:
        now = time.time()
        due = sorted((one for one in self.results if one[0] <= now), key=lambda one: one[2])
        self.results = [one for one in self.results if one[0] > now]
        for _, key, pts, body in due:
            if key in self.views:
                self.tell(RESULTS, key, json.dumps(body).encode(), pts=pts, at=now)

    def end(self) -> None:
        with self.changed:
            self.over = True
            self.changed.notify_all()
        self.sender.join()


@contextlib.contextmanager
def video_server(port: int = 0) -> Iterator[VideoServer]:
    """Runs a server until the block ends, which closes all connections."""
    with VideoServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            for link in server.links:
                with contextlib.suppress(OSError):
                    link.answer.connection.shutdown(socket.SHUT_RDWR)
            thread.join()
