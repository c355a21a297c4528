"""Valid files in which a packet or a byte is not an image: every image arrives, and the run is complete."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.mp4_boxes import box, read_film

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]

COUNT = 20
X264 = "-c:v libx264 -preset ultrafast -bf 2 -b_strategy 0 -g 6"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=6"
VP9 = "-c:v libvpx-vp9 -cpu-used 8 -deadline good -auto-alt-ref 1 -lag-in-frames 8"


def ffmpeg(folder: Path, arguments: str) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-500:]


def levels(size: str = "64x48", count: int = COUNT, start: int = 16) -> str:
    """Returns ffmpeg's input: image n has the level `start` + 10 n."""
    return f"-f lavfi -i nullsrc=s={size}:r=10:d={count / 10},geq=lum={start}+10*N:cb=128:cr=128"


def wanted(path: Path, stream: int) -> list[int]:
    """Returns the levels of the images that ffmpeg decodes, in full range."""
    command = [*["ffmpeg", "-v", "quiet", "-nostdin", "-i"], str(path), "-map", f"0:{stream}"]
    form = ["-fps_mode", "passthrough", "-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo", "-"]
    return list(subprocess.run([*command, *form], capture_output=True, check=True, timeout=60).stdout)


def found(path: Path, **options: Any) -> tuple[list[int], dict[str, int]]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(path, **options), name="file"))
    with pipeline:
        images = [round(float(np.mean(sample.frame.rgb))) for sample in reader]
    drops = pipeline.stats().nodes["file"].drops
    return images, {str(cause): count for cause, count in drops.items() if count}


Make = Callable[[Path], Path]


@dataclass
class Odd:
    name: str
    make: Make
    stream: int = 0  # index of the video stream that is read
    count: int | None = COUNT  # number of images; None: as many as ffmpeg decodes


def by_ffmpeg(name: str, *runs: str) -> Make:
    """Runs ffmpeg several times. The last file, `name`, is the case."""

    def make(folder: Path) -> Path:
        for each in runs:
            ffmpeg(folder, each)
        return folder / name

    return make


def coded(name: str, codec: str, source: str | None = None) -> Make:
    return by_ffmpeg(name, f"{source or levels()} {codec} {name}")


def after(make: Make, change: Callable[[Path], None]) -> Make:
    def changed(folder: Path) -> Path:
        path = make(folder)
        change(path)
        return path

    return changed


def append(content: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(path.read_bytes() + content)

    return change


def prepend(content: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(content + path.read_bytes())

    return change


def sample(place: int, data: bytes, codec: str = X264) -> Make:
    """Writes an MP4 with an extra packet before the packet `place`."""

    def make(folder: Path) -> Path:
        ffmpeg(folder, f"{levels()} {codec} plain.mp4")
        return read_film(folder / "plain.mp4").insert(place, data).write(folder / "more.mp4")

    return make


def unit(*content: int) -> bytes:
    """Returns an H.264 or H.265 unit with its length."""
    return len(content).to_bytes(4, "big") + bytes(content)


def with_end_units(folder: Path) -> Path:
    """Ends each packet with filler, and the last one with an end of stream."""
    ffmpeg(folder, f"{levels()} {X264} plain.mp4")
    film = read_film(folder / "plain.mp4")
    packets = [replace(packet, data=packet.data + unit(12, 255, 255, 128)) for packet in film.packets]
    packets[-1] = replace(packets[-1], data=packets[-1].data + unit(11))
    return replace(film, packets=tuple(packets)).write(folder / "filler.mp4")


def edited(*edits: tuple[int, int], codec: str = X264) -> Make:
    """Writes an MP4 with an edit list, in ms."""

    def make(folder: Path) -> Path:
        ffmpeg(folder, f"{levels()} {codec} plain.mp4")
        film = read_film(folder / "plain.mp4")
        offset = film.packets[0].shown
        moved = tuple((ticks, at if at < 0 else at + offset) for ticks, at in edits)
        return replace(film, edits=moved).write(folder / "edited.mp4")

    return make


def insert_box(content: bytes) -> Callable[[Path], None]:
    """Adds a top-level box after the last one."""
    return append(content)


def stuffing(path: Path) -> None:
    """Inserts empty packets between those of a transport stream."""
    content = path.read_bytes()
    empty = b"\x47\x1f\xff\x10" + b"\xff" * 184
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    path.write_bytes(b"".join(packet + empty * (place % 3) for place, packet in enumerate(packets)))


def fill_mp3_tag(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))


def empties(folder: Path) -> Path:
    ffmpeg(folder, f"{levels()} {X264} plain.mp4")
    film = read_film(folder / "plain.mp4")
    for place in (5, 6, 9, 15, len(film.packets) + 4):
        film = film.insert(place, b"")
    return film.write(folder / "more.mp4")


def without_end(path: Path) -> None:
    """Removes the last packet, without an image, with which FFmpeg ends an FLV."""
    content = path.read_bytes()
    at = content.rindex(bytes.fromhex("1702000000"))
    path.write_bytes(content[: at - 11])


SUBTITLES = "1\n00:00:00,100 --> 00:00:00,900\nhello\n\n2\n00:00:01,000 --> 00:00:01,500\nworld\n"
CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/10\nSTART={n * 5}\nEND={n * 5 + 5}\ntitle=part {n}\n" for n in range(4)
)


def beside(name: str, content: str, run: str) -> Make:
    """Like by_ffmpeg(), with a subtitle file next to it."""

    def make(folder: Path) -> Path:
        (folder / "side.srt").write_text(content)
        (folder / "side.txt").write_text(content)
        ffmpeg(folder, run)
        return folder / name

    return make


FILM = f"{levels(size='128x96')} {X264} film.mp4"
SMALL = f"{levels(start=30)} {X264} small.mp4"
SHORT = f"{levels(start=30, count=5)} {X264} small.mp4"
LONG = f"{levels(start=20, count=22)} {X264} small.mp4"
STILL = "-f lavfi -i testsrc2=s=320x240:d=1:r=1 -frames:v 1 -q:v 2 still.jpg"
COVER = "-f lavfi -i testsrc2=s=320x240:d=1:r=1 -frames:v 1 cover.png"
TWO = "-map 0:v -map 1:v -c copy"
SEI = unit(6, 5, 16, *range(16), 128)
SEI_265 = unit(39 << 1, 1, 5, 16, *range(1, 17), 128)

ODD = [
    # further streams
    *(
        Odd(f"{kind} preview {order}, {ending}", by_ffmpeg(f"two.{ending}", FILM, small, run), stream)
        for ending in ("mp4", "mov", "mkv", "ts")
        for kind, small in (("a short", SHORT), ("a long", LONG))
        for order, run, stream in (
            ("after", f"-i film.mp4 -i small.mp4 {TWO} two.{ending}", 0),
            ("before", f"-i small.mp4 -i film.mp4 {TWO} two.{ending}", 1),
        )
    ),
    Odd(
        "three videos",
        by_ffmpeg("a.mp4", FILM, SMALL, f"-i film.mp4 -i small.mp4 -i small.mp4 {TWO} -map 2:v a.mp4"),
    ),
    Odd(
        "a video of a bit depth that nobody wants",
        by_ffmpeg("a.mkv", FILM, "-i film.mp4 -map 0:v -map 0:v -c:v:0 copy -c:v:1 ffv1 -s:v:1 32x24 a.mkv"),
    ),
    Odd(
        "a cover, MP4",
        by_ffmpeg("a.mp4", FILM, COVER, f"-i film.mp4 -i cover.png {TWO} -disposition:1 attached_pic a.mp4"),
    ),
    Odd(
        "a cover, MOV",
        by_ffmpeg("a.mov", FILM, COVER, f"-i film.mp4 -i cover.png {TWO} -disposition:1 attached_pic a.mov"),
    ),
    Odd(
        "a cover, MKV",
        by_ffmpeg(
            "a.mkv",
            FILM,
            COVER,
            "-i film.mp4 -c copy -attach cover.png -metadata:s:t mimetype=image/png a.mkv",
        ),
    ),
    Odd(
        "a still before the film, MP4",
        by_ffmpeg("a.mp4", FILM, STILL, f"-i still.jpg -i film.mp4 {TWO} -disposition:0 0 a.mp4"),
        1,
    ),
    Odd(
        "a still before the film, MKV",
        by_ffmpeg("a.mkv", FILM, STILL, f"-i still.jpg -i film.mp4 {TWO} -disposition:v:0 0 a.mkv"),
        1,
    ),
    Odd(
        "a still after the film",
        by_ffmpeg("a.mov", FILM, STILL, f"-i film.mp4 -i still.jpg {TWO} -disposition:1 0 a.mov"),
    ),
    Odd(
        "a preview of MJPEG",
        by_ffmpeg("a.mp4", FILM, f"{levels()} -c:v mjpeg -q:v 2 p.mov", f"-i p.mov -i film.mp4 {TWO} a.mp4"),
        1,
    ),
    Odd("a timecode track", coded("a.mov", f"{X264} -timecode 01:00:00:00")),
    Odd("chapters, MP4", beside("a.mp4", CHAPTERS, f"{levels()} -i side.txt -map_metadata 1 {X264} a.mp4")),
    Odd("chapters, MOV", beside("a.mov", CHAPTERS, f"{levels()} -i side.txt -map_metadata 1 {X264} a.mov")),
    Odd("chapters, MKV", beside("a.mkv", CHAPTERS, f"{levels()} -i side.txt -map_metadata 1 {X264} a.mkv")),
    Odd("subtitles, MP4", beside("a.mp4", SUBTITLES, f"{levels()} -i side.srt {X264} -c:s mov_text a.mp4")),
    Odd("subtitles, MKV", beside("a.mkv", SUBTITLES, f"{levels()} -i side.srt {X264} -c:s srt a.mkv")),
    Odd(
        "an attachment",
        beside(
            "a.mkv",
            "a font",
            f"{levels()} {X264} -attach side.txt -metadata:s:t mimetype=application/x-font a.mkv",
        ),
    ),
    Odd(
        "a track of data",
        by_ffmpeg(
            "a.mov", FILM, "-f data -i film.mp4 -i film.mp4 -map 1:v -map 0:d -c copy -tag:d gpmd a.mov"
        ),
    ),
    Odd(
        "data, TS", by_ffmpeg("a.ts", FILM, "-f data -i film.mp4 -i film.mp4 -map 1:v -map 0:d -c copy a.ts")
    ),
    Odd("hints for a server", coded("a.mp4", f"{X264} -movflags rtphint")),
    Odd(
        "sound that goes on",
        coded("a.mp4", f"-map 0:v -map 1:a {X264} -c:a aac", f"{levels()} -f lavfi -i sine=d=5"),
    ),
    Odd("sound of PCM", coded("a.mov", f"{X264} -c:a pcm_s16le", f"{levels()} -f lavfi -i sine=d=2")),
    Odd(
        "two programs",
        by_ffmpeg("a.ts", FILM, SMALL, f"-i film.mp4 -i small.mp4 {TWO} -program st=0 -program st=1 a.ts"),
    ),
    # packets that are not images
    Odd("an empty packet", sample(7, b"")),
    Odd("several empty packets", empties),
    Odd("a packet of messages", sample(7, SEI)),
    Odd("a packet of messages at a keyframe", sample(6, SEI)),
    Odd("a packet of messages, H.265", sample(7, SEI_265, X265 + " -tag:v hvc1")),
    Odd("a packet of filler", sample(9, unit(12, 255, 255, 128))),
    Odd("a packet with a delimiter", sample(9, unit(9, 0xF0))),
    Odd("a packet with the end of a stream", sample(COUNT, unit(11))),
    Odd("filler in each packet", with_end_units),
    Odd(
        "filler of a constant rate",
        coded("a.mp4", f"{X264} -x264-params nal-hrd=cbr:filler=1 -b:v 100k -maxrate 100k -bufsize 100k"),
    ),
    Odd(
        "filler of a constant rate, TS",
        coded("a.ts", f"{X264} -x264-params nal-hrd=cbr:filler=1 -b:v 100k -maxrate 100k -bufsize 100k"),
    ),
    Odd("parameter sets at each keyframe", coded("a.mkv", f"{X264} -x264-params repeat-headers=1")),
    Odd("delimiters", coded("a.mp4", f"{X264} -x264-params aud=1")),
    Odd("delimiters, H.265", coded("a.ts", f"{X265}:aud=1:hrd=1:vbv-maxrate=100:vbv-bufsize=100")),
    Odd("hidden frames of VP9", coded("a.webm", VP9)),
    Odd("hidden frames of VP9, MP4", coded("a.mp4", VP9)),
    Odd("hidden frames of VP8", coded("a.webm", "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 8 -b:v 50k")),
    Odd("hidden frames of AV1", coded("a.mp4", "-c:v libaom-av1 -cpu-used 8 -lag-in-frames 8 -b:v 50k")),
    Odd("hidden frames of AV1, MKV", coded("a.mkv", "-c:v libsvtav1 -preset 12", levels(size="128x96"))),
    Odd("packed B-frames", coded("a.avi", "-c:v libxvid -bf 2 -q:v 3")),
    Odd("unpacked B-frames", coded("a.avi", "-c:v mpeg4 -bf 2 -q:v 3")),
    Odd("B-frames in AVI", coded("a.avi", X264)),
    Odd(
        "gaps, AVI",
        coded("a.avi", "-vf select=not(eq(mod(n\\,4)\\,2)) -fps_mode vfr -c:v mjpeg -q:v 2"),
        count=None,
    ),
    Odd(
        "images that repeat, Theora",
        coded("a.ogv", "-c:v libtheora -q:v 8", levels(count=20) + ",setpts=PTS"),
        count=None,
    ),
    Odd("images without a change", coded("a.mov", "-c:v qtrle", "-f lavfi -i color=gray:s=64x48:r=10:d=2")),
    Odd(
        "images without a change, AVI",
        coded("a.avi", "-c:v msvideo1", "-f lavfi -i color=gray:s=64x48:r=10:d=2"),
    ),
    Odd("fields", coded("a.mp4", f"{X264} -flags +ildct+ilme -x264-params tff=1")),
    Odd("fields, TS", coded("a.ts", f"{X264} -flags +ildct+ilme -x264-params tff=1")),
    Odd(
        "fields of MPEG-2",
        coded("a.mpg", "-c:v mpeg2video -flags +ildct+ilme -bf 2 -q:v 2 -r 25"),
        count=None,
    ),
    Odd("fields of H.265", coded("a.mkv", f"{X265}:field=1"), count=None),
    # a start that cannot be decoded
    Odd(
        "an open GOP, MKV",
        by_ffmpeg(
            "b.mkv", f"{levels()} {X264} -x264-params open-gop=1 a.mkv", "-ss 0.7 -i a.mkv -c copy b.mkv"
        ),
        count=None,
    ),
    Odd(
        "an open GOP, MP4",
        by_ffmpeg(
            "b.mp4", f"{levels()} {X264} -x264-params open-gop=1 a.mp4", "-ss 0.7 -i a.mp4 -c copy b.mp4"
        ),
        count=None,
    ),
    Odd(
        "an open GOP, TS",
        by_ffmpeg("b.ts", f"{levels()} {X264} -x264-params open-gop=1 a.ts", "-ss 0.7 -i a.ts -c copy b.ts"),
        count=None,
    ),
    Odd(
        "an open GOP of H.265",
        by_ffmpeg("b.mkv", f"{levels()} {X265}:open-gop=1:bframes=3 a.mkv", "-ss 0.7 -i a.mkv -c copy b.mkv"),
        count=None,
    ),
    Odd(
        "an open GOP of H.265, MP4",
        by_ffmpeg("b.mp4", f"{levels()} {X265}:open-gop=1:bframes=3 a.mp4", "-ss 0.7 -i a.mp4 -c copy b.mp4"),
        count=None,
    ),
    Odd(
        "an open GOP of MPEG-2",
        by_ffmpeg(
            "b.ts", f"{levels()} -r 25 -c:v mpeg2video -bf 2 -g 6 -q:v 2 a.ts", "-ss 0.7 -i a.ts -c copy b.ts"
        ),
        count=None,
    ),
    Odd(
        "a gradual refresh",
        coded("a.mp4", "-c:v libx264 -preset ultrafast -x264-params intra-refresh=1:keyint=8"),
    ),
    # edit lists
    Odd("an edit from the middle", edited((1200, 800)), count=None),
    Odd("an edit from a keyframe", edited((1400, 600)), count=None),
    Odd("an edit to the middle", edited((1000, 0)), count=None),
    Odd("a delay", edited((700, -1), (2000, 0))),
    Odd("a delay and a cut", edited((700, -1), (1000, 500)), count=None),
    Odd("two edits", edited((500, 0), (500, 1000)), count=None),
    Odd("an edit with its own pace", edited((2000, 0), codec=X265 + " -tag:v hvc1")),
    Odd(
        "a cut without encoding",
        by_ffmpeg("b.mp4", f"{levels()} {X264} a.mp4", "-ss 0.9 -t 0.6 -i a.mp4 -c copy b.mp4"),
        count=None,
    ),
    Odd(
        "a cut of MOV",
        by_ffmpeg("b.mov", f"{levels()} {X264} a.mp4", "-ss 0.9 -i a.mp4 -c copy b.mov"),
        count=None,
    ),
    Odd(
        "a delayed video",
        by_ffmpeg("b.mp4", f"{levels()} {X264} a.mp4", "-itsoffset 1.5 -i a.mp4 -c copy b.mp4"),
    ),
    Odd("negative offsets", coded("a.mp4", f"{X264} -movflags negative_cts_offsets")),
    Odd("no edit list", coded("a.mp4", f"{X264} -use_editlist 0")),
    # bytes that are not packets
    *(
        Odd(f"zeros after {name}", after(coded(name, codec), append(bytes(5000))))
        for name, codec in (
            ("a.mp4", X264),
            ("a.mov", X264),
            ("f.mp4", X264 + " -movflags frag_keyframe+empty_moov"),
            ("a.mkv", X264),
            ("a.webm", VP9),
            ("a.ts", X264),
            ("a.flv", X264),
            ("a.avi", "-c:v mjpeg -q:v 2"),
            ("x.avi", X264),
            ("a.h264", X264),
            ("a.hevc", X265),
            ("a.mjpeg", "-c:v mjpeg -q:v 2"),
            ("a.gif", ""),
            ("a.ivf", "-c:v libvpx -auto-alt-ref 0"),
        )
    ),
    Odd("ones after MP4", after(coded("a.mp4", X264), append(b"\xff" * 700))),
    Odd("a text after MP4", after(coded("a.mp4", X264), append(b"written by a camera\n" * 20))),
    Odd("a signature after MKV", after(coded("a.mkv", X264), append(b"-----BEGIN SIGNATURE-----\n" * 20))),
    Odd("a tag after MP4", after(coded("a.mp4", X264), fill_mp3_tag)),
    Odd("a free box", after(coded("a.mp4", X264), insert_box(box(b"free", bytes(3000))))),
    Odd("an own box", after(coded("a.mp4", X264), insert_box(box(b"uuid", bytes(range(256)))))),
    Odd("an unknown box", after(coded("a.mp4", X264), insert_box(box(b"xyzw", bytes(range(256)))))),
    Odd(
        "a free box of H.265",
        after(coded("a.mov", X265 + " -tag:v hvc1"), insert_box(box(b"skip", bytes(99)))),
    ),
    Odd("stuffing, TS", after(coded("a.ts", X264), stuffing)),
    Odd("a packet that was cut before, TS", after(coded("a.ts", X264), prepend(b"\xff" * 77))),
    Odd("packets with times", coded("a.m2ts", X264)),
    Odd("an FLV with a list of keyframes", coded("a.flv", f"{X264} -flvflags add_keyframe_index")),
    Odd("an FLV with sound", coded("a.flv", f"{X264} -c:a aac", f"{levels()} -f lavfi -i sine=d=2")),
    Odd("an FLV without an end", after(coded("a.flv", X264), without_end)),
    # other variants of containers
    Odd("fragments", coded("a.mp4", f"{X264} -movflags frag_keyframe+empty_moov")),
    Odd(
        "fragments of a second",
        coded("a.mp4", f"{X264} -movflags frag_custom+delay_moov+default_base_moof -frag_duration 500000"),
    ),
    Odd("fragments of DASH", coded("a.mp4", f"{X264} -movflags dash+global_sidx")),
    Odd("CMAF", coded("a.mp4", f"{X264} -movflags cmaf")),
    Odd("fragments with B-frames of H.265", coded("a.mp4", f"{X265} -tag:v hvc1 -movflags frag_keyframe")),
    Odd("the index first", coded("a.mp4", f"{X264} -movflags faststart")),
    Odd("a live MKV", coded("a.mkv", f"{X264} -live 1")),
    Odd("an MKV with its index first", coded("a.mkv", f"{X264} -cues_to_front 1")),
    Odd("short clusters", coded("a.mkv", f"{X264} -cluster_time_limit 200")),
    Odd("transparency", coded("a.webm", "-pix_fmt yuva420p -c:v libvpx-vp9 -cpu-used 8 -auto-alt-ref 0")),
    Odd("3GP", coded("a.3gp", "-c:v mpeg4 -q:v 2")),
    Odd("NUT", coded("a.nut", X264)),
    Odd("ASF", coded("a.asf", "-c:v msmpeg4 -q:v 2")),
    Odd("WMV", coded("a.wmv", "-c:v wmv2 -q:v 2")),
    Odd("MXF", coded("a.mxf", "-c:v mpeg2video -q:v 2 -r 25"), count=None),
    Odd("MPEG-1", coded("a.mpg", "-c:v mpeg1video -bf 2 -q:v 2 -r 25"), count=None),
    Odd("an animation", coded("a.gif", "")),
    Odd("an animated PNG", coded("a.apng", "-c:v apng -pix_fmt gray")),
    Odd("raw images", coded("a.y4m", "-pix_fmt yuv420p")),
]


@pytest.mark.table(cases=12)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_undamaged_file_has_all_images_and_is_complete(odd: Odd, tmp_path: Path) -> None:
    path = odd.make(tmp_path)
    images, drops = found(path)
    theirs = wanted(path, odd.stream)
    if odd.count is not None:
        assert len(theirs) in (odd.count, 22 if "long" in odd.name and odd.stream else odd.count)
    assert len(images) == len(theirs)
    assert images == pytest.approx(theirs, abs=6)
    assert drops == {}
