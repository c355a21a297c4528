"""The streams that freshness.py reads: their content, frame rates and transports."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from _measure import ROOT

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.pictures.units import Codec
from rigs.live.truth.process import Kind, TruthProcess
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners

FILMS = ROOT / "build" / "bench-clips"
FORMAT = 2  # format of the files; must be increased when Film changes
PICTURES = Shape(count=240, size=(1280, 720), key_interval=60, bit_rate=3_000_000)
JOINED = replace(PICTURES, key_interval=15)  # a TS over UDP, joined midway
LONG = replace(PICTURES, count=900)  # for HLS: longer than any age, so that ages are unambiguous
MOTION = replace(PICTURES, codec="mjpeg", bit_rate=12_000_000)  # each frame is a complete JPEG
CODECS: dict[str, Codec] = {"h264": "h264", "h265": "h265"}
TITLES: dict[Codec, str] = {"h264": "H.264", "h265": "H.265"}
PYAV, CV2 = "PyAV", "cv2"
BURST = "pace=burst"  # freshframe, with HLS segments delivered as they arrive
BEFORE = "freshframe before"  # another build, given on the command line
SERVERS: dict[str, Kind] = {
    "RTSP over TCP": "rtsp",
    "RTSP over UDP": "rtsp",
    "TS over TCP": "tcp",
    "TS over UDP": "udp",
    "MJPEG over HTTP": "mjpeg",
    "HLS": "hls",
}


@dataclass(frozen=True)
class Case:
    """A stream to measure.

    Attributes:
        name: Its name in the table.
        shape: Parameters of the film that the server sends.
        fps: Frames per second.
        way: A key of SERVERS.
        part: The part of the benchmark that it belongs to. Each part has its own result.
        beside: Readers besides freshframe and GStreamer.
        pause: Seconds for which the server is stopped (SIGSTOP) before the measurement.
        lies: What an RTSP server reports wrongly.
        manners: How an RTSP server behaves.
    """

    name: str
    shape: Shape
    fps: int
    way: str
    part: str
    beside: tuple[str, ...] = ()
    pause: float = 0.0
    lies: Lies = field(default_factory=Lies)
    manners: Manners = field(default_factory=Manners)

    @property
    def film(self) -> str:
        """Name under which the server offers the film, made of the parameters of its shape."""
        return name_film(self.shape)

    def serve(self, folder: Path) -> TruthProcess:
        """Starts a server that writes its log to this folder."""
        films = {self.film: made(self.shape)}
        kind = SERVERS[self.way]
        return TruthProcess(
            films, folder / "log", kind=kind, fps=self.fps, lies=self.lies, manners=self.manners
        )

    def url(self, server: TruthProcess) -> str:
        """Returns the URL of the stream."""
        return server.url_of(self.film, self.fps) if SERVERS[self.way] == "rtsp" else server.url


def name_film(shape: Shape) -> str:
    """Returns the name of the film with these parameters."""
    size = "" if shape.size == PICTURES.size else f"-{shape.size[0]}x{shape.size[1]}"
    return f"{shape.codec}-{shape.slices}-{shape.b_frames}-{shape.key_interval}-{shape.count}{size}"


def made(shape: Shape) -> Path:
    """Returns the path of the film with these parameters. Encodes it if the file does not exist."""
    path = FILMS / f"truth-{name_film(shape)}-v{FORMAT}.film"
    if not path.exists():
        print(f"making {path.name}", file=sys.stderr)
        FILMS.mkdir(parents=True, exist_ok=True)
        film(shape).save(path.with_suffix(".unfinished")).rename(path)
    return path


def cases() -> list[Case]:
    """Returns all cases in the order of the table."""
    return [*_rates(), *_shapes(), *_others()]


def _rates() -> Iterator[Case]:
    """Yields RTSP cases: codecs, transports, rates."""
    beside = {
        "h264-tcp": (PYAV, CV2, BEFORE),
        "h264-udp": (),
        "h265-tcp": (),
        "h265-udp": (),
    }
    for part, others in beside.items():
        codec, _, transport = part.partition("-")
        shape = replace(PICTURES, codec=CODECS[codec])
        way = f"RTSP over {transport.upper()}"
        for fps in (5, 30, 60):
            yield Case(f"{way}, {TITLES[shape.codec]}, {fps} fps", shape, fps, way, part, others)


def _shapes() -> Iterator[Case]:
    """Yields RTSP cases: slices, reordering, stream descriptions and marker bits."""
    way, fps = "RTSP over TCP", 30
    for codec, title in TITLES.items():
        shape = replace(PICTURES, codec=codec)
        start, part = f"{way}, {title}, {fps} fps", f"{codec}-shapes"
        yield Case(f"{start}, 4 slices", replace(shape, slices=4), fps, way, part)
        yield Case(f"{start}, 2 B-frames", replace(shape, b_frames=2), fps, way, part)
        in_band = Manners(describes_sets=False)
        yield Case(f"{start}, parameter sets in band only", shape, fps, way, part, manners=in_band)
        yield Case(f"{start}, no markers", shape, fps, way, part, lies=Lies(markers="none"))


def _others() -> Iterator[Case]:
    """Yields cases of MPEG-TS, MJPEG and HLS."""
    for fps in (5, 30):
        for way in ("TS over TCP", "TS over UDP"):
            yield Case(f"{way}, H.264, {fps} fps", JOINED, fps, way, "ts", (PYAV, CV2, BEFORE))
        way = "MJPEG over HTTP"
        yield Case(f"{way}, without lengths, {fps} fps", MOTION, fps, way, "mjpeg", (PYAV, CV2, BEFORE))
    peers = (BURST, PYAV, BEFORE)
    yield Case("HLS, 2 s segments, 30 fps", LONG, 30, "HLS", "hls", peers)
    yield Case("HLS, after a pause of 4.5 s", LONG, 30, "HLS", "hls", peers, pause=4.5)
