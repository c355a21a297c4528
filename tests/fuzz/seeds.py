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
    b'\4{"watch":[{"id":0,"port":"<script>","mode":"jpeg","width":640}]}\n{"ack":{"0":1.5},"time":1}',
    b'\4{"watch":[{"id":0,"port":"door"}]}\n{"ack":{"0":0}}\n{"ack":{"0":0.3}}\n{"time":1}\n{"watch":[]}',
    b'\4{"watch":[{"id":0,"port":"door"},{"id":1,"port":"door"}]}\n{"ack":{"0":0.1,"1":0.2}}\n{"time":3}',
    b'\5{"token":"0123456789abcdef"}\n{"watch":[{"id":0,"port":"nobody"}]}\n{"watch":[]}',
    b'\6{"ack":{"0":1.5,"7":-1e300},"time":81.25}',
    b'\7{"view":["\\u00e9\\ud83d\\ude00"],"width":1}',
]


# The first byte is the kind of the rest: 0 bytes of a connection (then whether channels are known, and the
# size of the pieces), 1 challenges, 2 a description, 3 packets of RTP (then codec, order, markers).
RTSP_ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: %d\r\n%s\r\n"
RTP_SLICE = bytes((0x80, 0xE0, 0xFF, 0xFE, 0, 0, 0x0B, 0xB8, 0, 0, 0, 7)) + b"\x65\x88\x84\0\x10"
RTP_FRAGMENT = bytes((0x80, 0x60, 0xFF, 0xFF, 0, 0, 0x17, 0x70, 0, 0, 0, 7)) + b"\x7c\x85\x88\x84"
RTP_END = bytes((0x80, 0xE0, 0, 0, 0, 0, 0x17, 0x70, 0, 0, 0, 7)) + b"\x7c\x45\x11\x22"
SENDER_REPORT = bytes((0x80, 200, 0, 6, 0, 0, 0, 7)) + bytes(range(20))
GOODBYE = bytes((0x81, 203, 0, 1, 0, 0, 0, 7))
DESCRIPTION = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
    b"m=audio 0 RTP/AVP 0\r\na=control:track1\r\n"
    b"m=video 0 RTP/AVP 96\r\nb=AS:500\r\na=rtpmap:96 %s/90000\r\na=framerate:30\r\n"
    b"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAHpWoKA9k,aM48gA==\r\na=control:track2\r\n"
)


def block(channel: int, packet: bytes) -> bytes:
    """An interleaved packet."""
    return b"$" + struct.pack(">BH", channel, len(packet)) + packet


def sized(*packets: bytes) -> bytes:
    """Returns packets of the fuzzer, each after its length and the milliseconds since the previous one."""
    return b"".join(struct.pack("BB", len(packet), 33) + packet for packet in packets)


STREAM = RTP_SLICE, RTP_FRAGMENT, SENDER_REPORT, RTP_END, GOODBYE
RTSP = [
    b"\0\0\x10" + RTSP_ANSWER % (1, b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n"),
    b"\0\1\xff" + RTSP_ANSWER % (2, b"Content-Length: 3\r\n") + b"v=0" + block(0, RTP_SLICE),
    b"\0\0\x07" + block(0, RTP_SLICE) + b"\r\n" + block(1, SENDER_REPORT) + b"garbage" + block(0, RTP_END),
    b"\0\0\x40OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 9\r\n\r\n" + block(3, RTP_SLICE) + block(0, RTP_END),
    b'\1RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\n'
    b'WWW-Authenticate: Digest realm="x", nonce="n", algorithm=SHA-256, qop="auth", stale=true\r\n\r\n',
    b'\1Digest realm="a\\"b", nonce=n, algorithm=MD5-sess, qop=auth, Basic realm=x',
    *(b"\2" + DESCRIPTION % codec for codec in (b"H264", b"H265", b"JPEG", b"VP9", b"MP4V-ES")),
    b"\2RTP/AVP;unicast;source=127.0.0.1;client_port=5000-5001;server_port=6000-6001;ssrc=11223344",
    b"\2RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;multicast;destination=224.2.0.1;port=1-2;ttl=1",
    b"\2rtsp://joe:p%40w@[::1]:8554/a%20b?x=1",
    *(bytes((3, codec, order, 0)) + sized(*STREAM) for codec in range(6) for order in (0, 1)),
]


def text(content: bytes) -> bytes:
    """Returns the text as messages between processes have it."""
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
    """Returns several messages, each after its length."""
    return b"\1" + b"".join(struct.pack("<H", len(message)) + message for message in messages)


PLAYLISTS = [
    b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n"
    b"#EXT-X-PROGRAM-DATE-TIME:2026-11-22T19:10:00.250+01:00\n#EXTINF:2.000,\n7.ts\n#EXTINF:2.000,\n8.ts\n"
    b"#EXT-X-DISCONTINUITY\n#EXTINF:1.5,\n9.ts\n#EXT-X-ENDLIST\n",
    b"#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1280000,RESOLUTION=640x360\r\nlow/live.m3u8\r\n",
    b"2026-11-22T19:10:00Z",
]


def stream_seeds(videos: Path) -> list[bytes]:
    """Yields results of FFmpeg's muxers; the first byte is the kind, the second the size of the pieces."""
    transport = (videos / "a.ts").read_bytes()
    motion = (videos / "a.avi").read_bytes()
    pictures = [
        b"\xff\xd8" + one.partition(b"\xff\xd9")[0] + b"\xff\xd9" for one in motion.split(b"\xff\xd8")[1:]
    ]
    head = b"--edge\r\nContent-Type: image/jpeg\r\n"
    bare = b"".join(head + b"\r\n" + picture + b"\r\n" for picture in pictures)
    told = b"".join(head + b"Content-Length: %d\r\n\r\n%b\r\n" % (len(one), one) for one in pictures)
    units = transport[188 * 2 :]
    made = [b"\0\x1b" + transport, b"\1\xff" + bare, b"\1\x40" + told, b"\2\0" + units, b"\2\1" + units]
    return made + [b"\3" + text for text in PLAYLISTS]


def main(folder: Path) -> None:
    """Writes the seeds."""
    for name in ("decode", "url", "rtsp", "streams", "serve", "parent", "worker"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, codec in VIDEOS.items():
        pipeline = ff.Pipeline()
        sink = ff.VideoFile(folder / "decode" / name, codec=codec)
        pipeline.add(sink, pipeline.add(ff.open(SCENE)))
        pipeline.run()
    for number, stream in enumerate(stream_seeds(folder / "decode")):
        (folder / "streams" / str(number)).write_bytes(stream)
    for number, url in enumerate(URLS):
        (folder / "url" / str(number)).write_bytes(url.encode())
    for number, said in enumerate(RTSP):
        (folder / "rtsp" / str(number)).write_bytes(said)
    for number, call in enumerate(CALLS):
        (folder / "serve" / str(number)).write_bytes(call)
    for number, message in enumerate(TO_PARENT):
        (folder / "parent" / str(number)).write_bytes(b"\0" + message)
    for number, message in enumerate(TO_WORKER):
        (folder / "worker" / str(number)).write_bytes(to_worker(message))
    (folder / "worker" / "all").write_bytes(to_worker(*TO_WORKER))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
