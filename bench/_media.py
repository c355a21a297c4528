"""H.264 clips for the benchmarks, without B-frames. They are encoded once with PyAV, in build/bench-clips.

"noise" is FFmpeg's test pattern with noise, so that decoding work depends on the bit rate. "scene" is
freshframe's demo scene.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from _measure import ROOT

import freshframe as ff

if TYPE_CHECKING:
    import av

FOLDER = ROOT / "build" / "bench-clips"
KEY_FRAME_EVERY = 60


@dataclass(frozen=True)
class Clip:
    """Describes the content of a clip."""

    content: Literal["noise", "scene"]
    width: int
    height: int
    megabits: int  # per second
    frames: int = 480
    rate: int = 60  # per second

    @property
    def path(self) -> Path:
        """The path of the clip, which may not exist yet."""
        name = f"{self.content}-{self.width}x{self.height}-{self.rate}-{self.megabits}M-{self.frames}.mp4"
        return FOLDER / name


def made(clip: Clip) -> str:
    """Returns the clip's path. Encodes the clip if it does not exist."""
    if not clip.path.exists():
        print(f"making {clip.path.name}", file=sys.stderr)
        FOLDER.mkdir(parents=True, exist_ok=True)
        unfinished = clip.path.with_name(f"unfinished-{clip.path.name}")
        _encode(clip, unfinished)
        unfinished.rename(clip.path)
    return str(clip.path)


def _encode(clip: Clip, path: Path) -> None:
    try:
        import av  # noqa: PLC0415  (only where a clip is missing)
    except ImportError as error:
        raise SystemExit("the clips are made with PyAV: pip install av") from error
    rate = str(clip.megabits * 1_000_000)
    options = {
        "preset": "fast",
        "b": rate,
        "maxrate": rate,
        "bufsize": rate,
        "bf": "0",
        "g": str(KEY_FRAME_EVERY),
    }
    pictures = _noise(clip) if clip.content == "noise" else _scene(clip)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=clip.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))


def _noise(clip: Clip) -> Iterator[av.VideoFrame]:
    import av  # noqa: PLC0415
    from av.filter import Graph  # noqa: PLC0415
    from av.video.frame import PictureType  # noqa: PLC0415

    graph = Graph()
    graph.link_nodes(
        graph.add("testsrc2", f"size={clip.width}x{clip.height}:rate={clip.rate}"),
        graph.add("noise", "alls=14:allf=t"),
        graph.add("format", "pix_fmts=yuv420p"),
        graph.add("buffersink"),
    ).configure()
    for _ in range(clip.frames):
        picture = graph.pull()
        assert isinstance(picture, av.VideoFrame)
        picture.pict_type = PictureType.NONE
        yield picture


def _scene(clip: Clip) -> Iterator[av.VideoFrame]:
    import av  # noqa: PLC0415

    size = f"{clip.width}x{clip.height}"
    url = f"demo:circles?fps={clip.rate}&size={size}&balls=4&seed=1&pace=0&frames={clip.frames}"
    with ff.stream(ff.open(url)) as stream:
        for sample in stream:
            yield av.VideoFrame.from_ndarray(sample.value.array, format="yuv420p")
