"""Writes the seeds of the fuzzers: `python seeds.py FOLDER` makes a folder in it for each that has some."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import struct
import sys
from pathlib import Path

import freshframe as ff

SCENE = "demo:circles?size=64x48&balls=1&pace=0&frames=6"
VIDEOS = {
    "a.mp4": "h264",
    "a.mkv": "h264",
    "a.ts": "h264",
    "a.avi": "mjpeg",
    "a.flv": "h264",
    "b.flv": "flv",
    "b.avi": "mpeg4",
    "b.mkv": "ffv1",
}
URLS = [
    "clip.mp4",
    "file:///a/b.mp4",
    "frames/%05d.png\0img_00012.png",
    "frames/",
    "frames/*.png\x0030\x00640\0r",
    "demo:circles?fps=60&size=1280x720&balls=4&seed=1&pace=0&frames=9",
    "rtsp://user:secret@host:554/path?x=1#y\0\x005\0\0rtsp_transport\0tcp",
    "http://u:p@[::1]:8080/a.m3u8",
    "/dev/video0",
    "12",
    "img2\0img10",
]
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
# The first byte is the kind of the rest: 0, 1 HTTP (1: with a token), 2, 3 WebSocket, 4 a message.
CALLS = [
    b"\0" + GET % (b"/", b""),
    b"\0" + GET % (b"/api/state", b"Connection: close\r\nOrigin: http://localhost\r\n"),
    b"\0" + GET % (b"/metrics", b"If-None-Match: *\r\n") + GET % (b"/healthz", b"Content-Length: 0\r\n"),
    b"\0" + GET % (b"/api/picture/%3Cscript%3E.jpg", b""),
    b"\1" + GET % (b"/?token=wrong", b"Cookie: a=b; freshframe_80=x\r\nAuthorization: Bearer x\r\n"),
    b"\2\x81\x8f\0\0\0\0" + b'{"ack":"state"}\x88\x82\0\0\0\0\x03\xe8',
    b'\3{"ack":"state"}\n{"view":["<script>"],"width":960}\n{"ack":"picture"}\n{"view":[]}',
    b'\4{"view":["\\u00e9\\ud83d\\ude00"],"width":1}',
]


def text(content: bytes) -> bytes:
    """As messages between processes have it."""
    return struct.pack("<I", len(content)) + content


PICTURE = struct.pack("<BBBii", 0, 0, 0, 64, 48)  # gray
PLANE = struct.pack("<IQq", 1, 4096, 64)
STAMP = struct.pack("<qdqiB", 3, 0.12, 1_000_000, 0, 0)
NO_PATH_REQUEST = struct.pack("<BQQ", 4, 6, 6) + STAMP + struct.pack("<iQ", 0, 2)
TO_PARENT = [
    b"\1" + text(b"0.1.0"),
    b"\2",
    struct.pack("<BQ", 3, 1 << 20),
    struct.pack("<BQIQB", 4, 6, 1, 6, 0),
    struct.pack("<BQIBB", 4, 6, 0, 1, 0),
    struct.pack("<BQIB", 4, 6, 0, 2) + PICTURE,
    struct.pack("<BQIBBIQB", 4, 6, 0, 3, 1, 1, 4, 0) + b"abcd",
    struct.pack("<BQIBBIQBIQ", 4, 6, 0, 3, 1, 1, 100_000, 1, 0, 0),
    struct.pack("<BQBI", 5, 6, 1, 0) + text(b"ValueError: x") + text(b"Traceback") + b"\0",
    struct.pack("<BIQQ", 6, 2, 5, 6),
    struct.pack("<Bi", 7, 30) + text(b"logger") + text(b"record"),
    b"\x08",
]
TO_WORKER = [
    struct.pack("<BIQ", 2, 2, 1 << 20),
    struct.pack("<BI", 3, 1),
    NO_PATH_REQUEST + b"\1" + PICTURE + PLANE + struct.pack("<IB", 0, 0),
    NO_PATH_REQUEST + b"\1" + PICTURE + PLANE + struct.pack("<IBIQB", 1, 1, 1, 4, 0) + b"abcd",
    struct.pack("<BQ", 5, 0) + text(b"too little is left"),
]


def to_worker(*messages: bytes) -> bytes:
    """Several, each behind its length."""
    return b"\1" + b"".join(struct.pack("<H", len(message)) + message for message in messages)


def main(folder: Path) -> None:
    """Writes the seeds."""
    for name in ("decode", "url", "serve", "parent", "worker"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, codec in VIDEOS.items():
        pipeline = ff.Pipeline()
        sink = ff.VideoFile(folder / "decode" / name, codec=codec)
        pipeline.add(sink, pipeline.add(ff.open(SCENE)))
        pipeline.run()
    for number, url in enumerate(URLS):
        (folder / "url" / str(number)).write_bytes(url.encode())
    for number, call in enumerate(CALLS):
        (folder / "serve" / str(number)).write_bytes(call)
    for number, message in enumerate(TO_PARENT):
        (folder / "parent" / str(number)).write_bytes(b"\0" + message)
    for number, message in enumerate(TO_WORKER):
        (folder / "worker" / str(number)).write_bytes(to_worker(message))
    (folder / "worker" / "all").write_bytes(to_worker(*TO_WORKER))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
