"""freshframe's RTSP and the servers that others have written: does each stream open, play and end?

gst-rtsp-server, VLC, live555, MediaMTX and a server of gortsplib (bench/gortsplib): those that are installed
or named on the command line. The program ffmpeg sends to the last two. The value of a row is the number of
whole frames that came in one reading, before the first outage.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _rtsp_servers as servers
from _measure import RESULTS, Result, Row
from _rtsp_servers import PASSWORD, USER, Media, MissingError
from rigs.live.truth.relay import Relay

import freshframe as ff

FRAMES = 45
LONG = 750  # frames: 25 s. A session of 10 s ends before, unless it is kept alive
LIMIT = 20.0  # seconds for one frame
MS = 1e3
BOTH = ("tcp", "udp")


class Visit:
    """Reads streams and keeps a row of each."""

    def __init__(self, result: Result, record: Path | None) -> None:
        """`record`: the folder for what the servers say, up to their first packet; None: it is not kept."""
        self._result, self._record = result, record

    def plays(self, name: str, url: str, transports: tuple[str, ...] = BOTH, *, frames: int = FRAMES) -> None:
        """It opens, gives frames over each of these transports, and ends."""
        for transport in transports:
            shown: dict[str, Any] = read(url, transport, frames)
            title = f"{name}, {transport}"
            self._result.add(Row(title, shown, shown["frames"], frames, at_least=True))
            print(title, shown, file=sys.stderr)
        if self._record and "tcp" in transports and "[" not in url:
            record(url, self._record / f"{name.replace(' ', '_').replace(':', '')}.txt")

    def refuses(self, name: str, url: str, reason: str) -> None:
        """It is an error with this in it."""
        try:
            shown = read(url, "tcp", reconnect=False)
            error = f"{shown['frames']} frames came"
        except ff.SourceError as wrong:
            error = str(wrong)
        right = reason in error and PASSWORD not in error
        self._result.add(Row(f"{name}: refused", {"error": error.partition("': ")[2]}, float(right), 1.0))
        print(name, error, file=sys.stderr)


def read(url: str, transport: str, wanted: int = FRAMES, **options: Any) -> dict[str, Any]:
    """So many frames of a stream, or those before its first outage."""
    pipeline = ff.Pipeline(f"{transport} {url.rpartition('@')[2]}")
    source = ff.open(url, options={"rtsp_transport": transport}, **options)
    reader = pipeline.reader(pipeline.add(source, name="camera"), queue=ff.Queue(64, "drop_oldest"))
    began = time.monotonic()
    frames, first, error = 0, 0.0, ""
    outages = None
    pipeline.start()
    try:
        while frames < wanted and outages in (None, outages_of(pipeline)):
            reader.get(timeout=LIMIT)
            frames += 1
            if frames == 1:
                first, outages = time.monotonic() - began, outages_of(pipeline)
        client = source.info.client
    except ff.ReadTimeoutError as late:
        client, error = "", str(late)
    node = pipeline.stats().nodes["camera"]
    assert node.source is not None
    began = time.monotonic()
    pipeline.stop()
    told = {
        "client": client,
        "frames": frames,
        "first_frame_s": first,
        "stop_ms": MS * (time.monotonic() - began),
        "packets": node.source.packets,
        "packets_lost": node.source.packets_lost,
        "outages": node.source.outages,
        "drops": sum(dict(node.drops).values()),
    }
    return told | ({"error": error or node.source.last_error} if frames < wanted else {})


def outages_of(pipeline: ff.Pipeline) -> int:
    """Of its camera; a server that sends over UDP alone has one before the first frame."""
    source = pipeline.stats().nodes["camera"].source
    assert source is not None
    return source.outages


def record(url: str, into: Path) -> None:
    """The server's answers as they came, without packets."""
    port = int(url.rpartition("@")[2].removeprefix("rtsp://").partition("/")[0].rpartition(":")[2])
    with Relay(port) as relay:
        relay.heard = bytearray()
        with contextlib.suppress(ff.SourceError):
            read(url.replace(f":{port}/", f":{relay.port}/"), "tcp")
        said = bytes(relay.heard).partition(b"$\0")[0]
        into.write_bytes(said.replace(str(relay.port).encode(), b"8554"))


@contextlib.contextmanager
def present(result: Result, name: str) -> Iterator[None]:
    """A server that is not installed has a row that says so."""
    try:
        yield
    except MissingError as missing:
        result.add(Row(name, {"missing": str(missing)}))
        print(missing, file=sys.stderr)


def visit_gstreamer(visit: Visit, media: Media, folder: Path, _: argparse.Namespace) -> None:
    """Cameras, a file, JPEG, audio first, two videos, Digest, IPv6."""
    with servers.gstreamer(media, folder) as port:
        url = f"rtsp://127.0.0.1:{port}"
        for path, name in {
            "camera": "H.264",
            "pictures": "JPEG",
            "file": "a file",
            "audio_first": "audio first",
            "two": "two videos",
        }.items():
            visit.plays(f"gst-rtsp-server: {name}", f"{url}/{path}")
    with servers.gstreamer(media, folder, "--user", f"{USER}:{PASSWORD}") as port:
        place = f"127.0.0.1:{port}/camera"
        visit.plays("gst-rtsp-server: Digest", f"rtsp://{USER}:{PASSWORD}@{place}")
        visit.refuses("gst-rtsp-server: wrong password", f"rtsp://{USER}:wrong@{place}", "401")
    with servers.gstreamer(media, folder, "--host", "::1") as port:
        visit.plays("gst-rtsp-server: IPv6", f"rtsp://[::1]:{port}/camera")
        visit.refuses("gst-rtsp-server: no such path", f"rtsp://[::1]:{port}/nothing", "404")
    with servers.gstreamer(media, folder, "--timeout", "10") as port:
        visit.plays("gst-rtsp-server: sessions of 10 s", f"rtsp://127.0.0.1:{port}/camera", frames=LONG)


def visit_vlc(visit: Visit, media: Media, folder: Path, _: argparse.Namespace) -> None:
    """Over UDP, whatever is asked for."""
    with servers.vlc(media, folder) as port:
        visit.plays("VLC: H.264", f"rtsp://127.0.0.1:{port}/live")


def visit_live555(visit: Visit, media: Media, folder: Path, options: argparse.Namespace) -> None:
    """A file, and the proxy with the same file behind it."""
    with servers.live555(media, folder, options.live555) as port:
        url = f"rtsp://127.0.0.1:{port}/{media.elementary.name}"
        visit.plays("live555: H.264", url)
        with servers.live555_proxy(url, folder, options.live555) as proxy:
            visit.plays("live555's proxy: H.264", f"rtsp://127.0.0.1:{proxy}/proxyStream")


def visit_mediamtx(visit: Visit, media: Media, folder: Path, options: argparse.Namespace) -> None:
    """What ffmpeg sends to it; Digest, IPv6."""
    with servers.mediamtx(media, folder, options.mediamtx) as port:
        place = f"127.0.0.1:{port}"
        visit.plays("MediaMTX, from ffmpeg: H.264", f"rtsp://{place}/live")
        visit.plays("MediaMTX: Digest", f"rtsp://{USER}:{PASSWORD}@{place}/guarded")
        visit.refuses("MediaMTX: wrong password", f"rtsp://{USER}:wrong@{place}/guarded", "401")
        visit.refuses("MediaMTX: no such path", f"rtsp://{place}/live/nothing", "40")
        visit.plays("MediaMTX: IPv6", f"rtsp://[::1]:{port}/live")
        visit.plays("MediaMTX: a redirect", f"rtsp://{place}/moved")


def visit_gortsplib(visit: Visit, media: Media, folder: Path, options: argparse.Namespace) -> None:
    """Digest with SHA-256 alone, and a redirect within the server."""
    with servers.gortsplib(media, folder, options.gortsplib) as port:
        place = f"127.0.0.1:{port}"
        visit.plays("gortsplib: SHA-256", f"rtsp://{USER}:{PASSWORD}@{place}/live")
        visit.refuses("gortsplib: wrong password", f"rtsp://{USER}:wrong@{place}/live", "401")
        visit.plays("gortsplib: a redirect", f"rtsp://{USER}:{PASSWORD}@{place}/moved")
        visit.plays("gortsplib: sessions of 10 s", f"rtsp://{USER}:{PASSWORD}@{place}/live", frames=LONG)


VISITS: dict[str, Callable[[Visit, Media, Path, argparse.Namespace], None]] = {
    "gst-rtsp-server": visit_gstreamer,
    "VLC": visit_vlc,
    "live555": visit_live555,
    "MediaMTX": visit_mediamtx,
    "gortsplib": visit_gortsplib,
}


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=VISITS, action="append", help="default: all")
    parser.add_argument("--live555", type=Path, metavar="FOLDER", help="its sources, built")
    parser.add_argument("--mediamtx", type=Path, metavar="FILE", help="the program")
    parser.add_argument("--gortsplib", type=Path, metavar="FILE", help="the program of bench/gortsplib")
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="for the servers' answers")
    out = RESULTS / "rtsp_servers.json"
    parser.add_argument("--out", type=Path, default=out, help="default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    return parser.parse_args()


def main() -> None:
    """Visits, shows, keeps."""
    options = parse()
    result = Result("rtsp_servers", "RTSP servers that others have written", {"frames": FRAMES})
    if options.record:
        options.record.mkdir(parents=True, exist_ok=True)
    visit = Visit(result, options.record)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        media = servers.media_in(folder)
        for server, work in VISITS.items():
            if options.only and server not in options.only:
                continue
            with present(result, server):
                work(visit, media, folder, options)
    result.keep(None if options.dry else options.out)


if __name__ == "__main__":
    main()
