"""How soon is the first frame of a file there: from open to the decoded luma, beside OpenCV and PyAV.

One clip, 1280x720, in the containers and codecs that files come in. All open it in turns in one process, so
that imports do not count, and close it before the next one's turn. The value is freshframe's median over the
better one of the peers'. Where the container's header says all that FFmpeg would find out by decoding frames,
freshframe decodes none in advance. A transport stream has no such header, and Matroska's says nothing of the
order in which H.264's frames are shown: there the codec's own header has to.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import cv2
from _measure import Result, Row, arguments, median, quantile, spread, take_turns
from _media import FOLDER, Clip, made

import freshframe as ff

CLIP = Clip("noise", 1280, 720, megabits=6)
SHORT = 120  # frames of the clips that are encoded again
# Name: container's suffix; the codec that encodes the clip again, None where its packets are copied.
FILES: dict[str, tuple[str, str | None, dict[str, str]]] = {
    "H.264 in MP4": ("mp4", None, {}),
    "H.264 in MKV": ("mkv", None, {}),
    "H.264 in TS": ("ts", None, {}),
    "H.264 with B frames in MP4": ("bframes.mp4", "libx264", {"preset": "fast", "b": "6M"}),
    "H.264 with B frames in MKV": ("bframes.mkv", "libx264", {"preset": "fast", "b": "6M"}),
    "VP9 in WebM": ("webm", "libvpx-vp9", {"b": "6M", "deadline": "realtime", "cpu-used": "8"}),
    "MJPEG in AVI": ("avi", "mjpeg", {"b": "20M"}),
}
GOAL = 0.6


def clip_of(suffix: str, codec: str | None, options: dict[str, str]) -> str:
    """The clip in another container; made when it isn't there."""
    source = made(CLIP)
    path = FOLDER / f"first-{Path(source).stem}.{suffix}"
    if path.exists():
        return str(path)
    print(f"making {path.name}", file=sys.stderr)
    unfinished = path.with_name(f"unfinished-{path.name}")
    with av.open(source) as taken, av.open(str(unfinished), "w") as output:
        video = taken.streams.video[0]
        if codec is None:
            copy = output.add_stream_from_template(video)
            for packet in taken.demux(video):
                if packet.dts is not None:
                    packet.stream = copy
                    output.mux(packet)
        else:
            stream = output.add_stream(codec, rate=CLIP.rate, options=options)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = CLIP.width, CLIP.height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number, frame in enumerate(taken.decode(video)):
                if number == SHORT:
                    break
                output.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            output.mux(stream.encode(None))
    unfinished.rename(path)
    return str(path)


def timed(look: Callable[[str], float], path: str) -> float:
    """Milliseconds from open to the first luma."""
    began = time.perf_counter()
    return 1e3 * (look(path) - began)


def freshframe(path: str) -> float:
    """When the luma was there."""
    with ff.stream(ff.open(path)) as stream:
        luma = next(iter(stream)).value.luma
        at = time.perf_counter()
        assert luma.shape == (CLIP.height, CLIP.width)
        return at


def opencv(path: str) -> float:
    """When the BGR picture was there: OpenCV gives no other."""
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    got, _ = capture.read()
    at = time.perf_counter()
    assert got
    capture.release()
    return at


def pyav(path: str) -> float:
    """When the luma plane was there."""
    with av.open(path) as container:
        plane = next(container.decode(container.streams.video[0])).planes[0]
        at = time.perf_counter()
        assert plane.height == CLIP.height
        return at


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "first_frame", rounds=25)
    result = Result("first_frame", "open a file, first frame", {"rounds": options.rounds})
    for name, (suffix, codec, codec_options) in FILES.items():
        path = clip_of(suffix, codec, codec_options)
        kinds = {"freshframe": freshframe, "opencv": opencv, "pyav": pyav, "pyav again": pyav}
        looks = {kind: partial(timed, look, path) for kind, look in kinds.items()}
        take_turns(looks, 2, quiet=True)
        times = take_turns(looks, options.rounds)
        figures = {f"{kind.replace(' ', '_')}_ms": median(values) for kind, values in times.items()}
        best = min(median(times["opencv"]), median(times["pyav"]))
        result.add(
            Row(
                name,
                figures | {"freshframe_p99_ms": quantile(times["freshframe"], 0.99)},
                median(times["freshframe"]) / best,
                GOAL,
                spread=spread(times["pyav"], times["pyav again"]),
            )
        )
    result.keep(options.out)


if __name__ == "__main__":
    main()
