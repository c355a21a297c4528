"""Images as phones, scanners and programs write them: one file, one sample, with the right pixels."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import logging
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import until

import freshframe as ff

cv2: Any = pytest.importorskip("cv2", reason="cv2 writes the JPEGs")

Pixels = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 40, 24
SHORT, LONG = 3, 4
RGB, YCBCR = 2, 6


def image() -> Pixels:
    """Returns an image whose quarters have different colours, so that a rotation is visible."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    half = (HEIGHT // 2, WIDTH // 2)
    pixels[: half[0], : half[1]] = 250, 10, 20
    pixels[: half[0], half[1] :] = 10, 240, 30
    pixels[half[0] :, : half[1]] = 20, 30, 230
    pixels[half[0] :, half[1] :] = 200, 210, 220
    return pixels


Tag = tuple[int, int, tuple[int, ...] | bytes]


def tiff(
    *tags: Tag,
    pages: int = 1,
    order: str = "<",
    depth: int = 8,
    magic: int = 42,
    compression: int = 1,
    colours: int = RGB,
) -> bytes:
    """Returns a TIFF with pages of the image (inverted levels in the second one), and these tags besides the
    usual ones.
    """
    content = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, 0)
    place = 4
    for page in range(pages):
        pixels = image() if page == 0 else 255 - image()
        if colours == YCBCR:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)[:, :, [0, 2, 1]]
        levels = {8: pixels, 16: pixels.astype(order + "u2") * 257, 32: pixels.astype(order + "u4")}[depth]
        usual: list[Tag] = [
            (256, LONG, (WIDTH,)),
            (257, LONG, (HEIGHT,)),
            (258, SHORT, (depth,) * 3),
            (259, SHORT, (compression,)),
            (262, SHORT, (colours,)),
            (273, LONG, (len(content),)),
            (277, SHORT, (3,)),
            (278, LONG, (HEIGHT,)),
            (279, LONG, (levels.nbytes,)),
            (282, 5, struct.pack(order + "II", 72, 1)),
        ]
        content += levels.tobytes()
        entries = b""
        all_tags = sorted([*usual, *tags])
        for tag, kind, values in all_tags:
            if isinstance(values, bytes):
                data, count = values, len(values) // (8 if kind == 5 else 1)
            else:
                data, count = (
                    struct.pack(order + len(values) * ("H" if kind == SHORT else "I"), *values),
                    len(values),
                )
            if len(data) > 4:
                at = struct.pack(order + "I", len(content))
                content += data + b"\0" * (len(data) % 2)
                data = at
            entries += struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0")
        content = content[:place] + struct.pack(order + "I", len(content)) + content[place + 4 :]
        content += struct.pack(order + "H", len(all_tags)) + entries
        place = len(content)
        content += bytes(4)
    return content


def by_cv2(suffix: str, *flags: int, pixels: Pixels | None = None) -> bytes:
    bgr = (image() if pixels is None else pixels)[:, :, ::-1]
    done, content = cv2.imencode(suffix, bgr, flags)
    assert done
    return bytes(content.tobytes())


def jpeg(*segments: tuple[int, bytes], pixels: Pixels | None = None) -> bytes:
    """Returns a JPEG with these segments after its first marker: 0xE1 is Exif and XMP, 0xE2 MPF."""
    content = by_cv2(".jpg", cv2.IMWRITE_JPEG_QUALITY, 100, pixels=pixels)
    more = b"".join(
        b"\xff" + bytes([kind]) + struct.pack(">H", len(data) + 2) + data for kind, data in segments
    )
    return content[:2] + more + content[2:]


def exif(orientation: int, thumbnail: bytes = b"") -> tuple[int, bytes]:
    entry = struct.pack(">HHIHH", 274, SHORT, 1, orientation, 0)
    return 0xE1, b"Exif\0\0MM\0\x2a" + struct.pack(">IH", 8, 1) + entry + bytes(4) + thumbnail


def xmp(size: int) -> list[tuple[int, bytes]]:
    """Returns XMP with long numbers, which FFmpeg mistakes for a phone's audio."""
    text = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + b"4567" * (size // 4)
    return [(0xE1, text[n : n + 65000]) for n in range(0, len(text), 65000)]


SMALL = cv2.resize(image(), (16, 12))
MPF = (0xE2, b"MPF\0MM\0\x2a" + bytes(60))
IMAGEJ = b"ImageJ=1.54f\nimages=1\n\0"

PNG = by_cv2(".png")
KINDS: dict[str, tuple[str, bytes]] = {
    "plain": ("tif", tiff()),
    "tifffile": ("tif", tiff((296, SHORT, (1,)), (305, 2, b"tifffile.py\0"), (339, SHORT, (1, 1, 1)))),
    "ImageJ": ("tif", tiff((270, 2, IMAGEJ), (50838, LONG, (12, 34)), (50839, 1, bytes(46)))),
    "libtiff": ("tif", tiff((274, SHORT, (1,)), (296, SHORT, (2,)), (297, SHORT, (0, 1)), (700, 1, b"<x/>"))),
    "GDAL": ("tif", tiff((33550, 12, bytes(24)), (34735, SHORT, (1, 1, 0, 1)), (42113, 2, b"-9999\0"))),
    "Exif and GPS": ("tiff", tiff((34665, LONG, (8,)), (34853, LONG, (8,)), (37510, 7, b"hello"))),
    "a scanner, Motorola order": ("tif", tiff((296, SHORT, (2,)), (315, 2, b"scan\0"), order=">")),
    "16 bits": ("tif", tiff((339, SHORT, (1, 1, 1)), depth=16)),
    "16 bits, Motorola order": ("tif", tiff(depth=16, order=">")),
    "YCbCr": ("tif", tiff((530, SHORT, (1, 1)), colours=YCBCR)),
    "several pages": ("tif", tiff((254, LONG, (2,)), pages=2)),
    "cv2": ("tif", by_cv2(".tiff")),
    "cv2, PNG": ("png", PNG),
    "cv2, WebP": ("webp", by_cv2(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)),
    "cv2, BMP": ("bmp", by_cv2(".bmp")),
    "a screenshot over a larger one": ("png", PNG + bytes(99)),
    "two PNGs": ("png", PNG * 2),
    "a JPEG": ("jpg", jpeg()),
    "a JPEG with much XMP": ("jpg", jpeg(*xmp(200_000))),
    "an upload without a suffix": ("", jpeg(*xmp(200_000))),
    "a photo with a gain map": ("jpg", jpeg(exif(1), MPF) + jpeg(pixels=SMALL)),
    "an upload with a gain map": ("", jpeg(exif(1), *xmp(60_000), MPF) + jpeg(pixels=SMALL)),
    "a small upload with a gain map": ("", jpeg(exif(1), MPF) + jpeg(pixels=SMALL)),
    "a 3D photo": ("JPG", jpeg(MPF) + jpeg(MPF)),
    "a 3D camera": ("mpo", jpeg(MPF) + jpeg(MPF)),
    "a browser's copy": ("jfif", jpeg()),
    "a photo with a thumbnail": ("jpeg", jpeg(exif(1, jpeg(pixels=SMALL)))),
    "a motion photo": (
        "jpg",
        jpeg(exif(1), *xmp(200_000)) + struct.pack(">I4s4sI", 16, b"ftyp", b"mp42", 0) + bytes(3000),
    ),
}


def tga() -> bytes:
    """Returns a TGA whose pixels contain the header of an MP3 frame."""
    bgr = image()[::-1, :, ::-1].copy()
    bgr[0, 10, :] = 0xFF, 0xFB, 0x90
    bgr[0, 11, 0] = 0
    return struct.pack("<BBB5x4xHHBB", 0, 0, 2, WIDTH, HEIGHT, 24, 0) + bgr.tobytes()


KINDS["a renderer's TGA"] = ("tga", tga())


def source(path: Path, **options: Any) -> tuple[list[ff.Sample[ff.Frame]], dict[str, int]]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(path, **options), name="pictures"))
    with pipeline:
        samples = list(reader)
    return samples, {cause: n for cause, n in pipeline.stats().nodes["pictures"].drops.items() if n}


def check(frame: ff.Frame, wanted: Pixels) -> None:
    assert frame.rgb.shape == wanted.shape
    points = [(y, x) for y in (4, wanted.shape[0] - 5) for x in (4, wanted.shape[1] - 5)]
    for y, x in points:
        assert np.abs(frame.rgb[y, x].astype(int) - wanted[y, x]).max() <= 4


@pytest.mark.table(cases=20)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_one_sample_with_the_right_pixels(kind: str, tmp_path: Path) -> None:
    suffix, content = KINDS[kind]
    path = tmp_path / f"a.{suffix}".rstrip(".")
    path.write_bytes(content)
    ((sample,), drops) = source(path)
    check(sample.value, image())
    check(ff.Frame.read(path), image())
    assert (sample.seq, sample.pts, drops) == (0, 0, {})
    if suffix:
        for n in range(3):
            (tmp_path / f"b{n}.{suffix}").write_bytes(content)
        samples, drops = source(tmp_path)
        assert ([s.seq for s in samples], drops) == ([0, 1, 2, 3], {})
        check(samples[2].value, image())


@pytest.mark.table(cases=20)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind][0] not in ("bmp", "")])
def test_a_picture_that_is_cut_off_is_refused(kind: str, tmp_path: Path) -> None:
    suffix, whole = KINDS[kind]
    end = len(whole) // 3 if kind == "several pages" else len(whole) * 2 // 3
    if suffix == "png":
        end = len(PNG) - 30
    elif suffix in ("jpg", "JPG", "jpeg", "mpo", "jfif"):
        end = whole.index(jpeg()[-400:]) + 200
    (tmp_path / f"a.{suffix}").write_bytes(whole[:end])
    with pytest.raises(ff.SourceError):
        ff.Frame.read(tmp_path / f"a.{suffix}")
    (tmp_path / f"b.{suffix}").write_bytes(whole)
    samples, drops = source(tmp_path)
    assert ([s.seq for s in samples], drops) == ([1], {"decode": 1})


def test_a_strip_of_a_tiff_that_is_damaged_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    spoilt = bytearray(by_cv2(".tiff", pixels=noise))
    spoilt[200:2000] = bytes(1800)
    (tmp_path / "a.tif").write_bytes(spoilt)
    with pytest.raises(ff.SourceError, match="damaged or cut off"):
        ff.Frame.read(tmp_path / "a.tif")


# Mirrored, and counterclockwise quarter turns of numpy.rot90 after that
TURNS = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_a_picture_is_upright(suffix: str, orientation: int, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    turn = (274, SHORT, (orientation,))
    path.write_bytes(jpeg(exif(orientation)) if suffix == "jpg" else tiff(turn, (296, SHORT, (1,))))
    mirrored, quarters = TURNS[orientation]
    stored = np.fliplr(image()) if mirrored else image()
    wanted = np.rot90(stored, quarters).astype(np.uint8)
    check(ff.Frame.read(path), wanted)
    (tmp_path / f"b.{suffix}").write_bytes(path.read_bytes())
    for place in (path, tmp_path):
        check(source(place)[0][0].value, wanted)


def test_a_tiff_of_several_pages_says_which_one_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.tif").write_bytes(tiff((296, SHORT, (1,)), pages=3))
    said = 'the TIFF has 3 pages, and only the first is read; options={"page": "2"} reads another'
    with caplog.at_level(logging.WARNING):
        ((sample,), _) = source(tmp_path / "a.tif")
        until(lambda: said in caplog.text, "the log")
    check(sample.value, image())
    check(source(tmp_path / "a.tif", options={"page": "2"})[0][0].value, 255 - image())
    with pytest.raises(ff.SourceError, match="the TIFF has no page 4: it has only 3"):
        source(tmp_path / "a.tif", options={"page": "4"})


def animated_webp() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    still = by_cv2(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)[12:]
    size = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    frames = chunk(b"ANMF", bytes(6) + size + b"\x64\0\0\0" + still) * 2
    body = chunk(b"VP8X", b"\x02\0\0\0" + size) + chunk(b"ANIM", bytes(6)) + frames
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


REFUSED = {
    "an animated WebP": ("webp", animated_webp(), "it is an animated WebP"),
    "floating-point numbers": (
        "tif",
        tiff((339, SHORT, (3, 3, 3))),
        "its samples are floating-point numbers",
    ),
    "signed numbers": ("tif", tiff((339, SHORT, (2, 2, 2)), depth=16), "its samples are signed numbers"),
    "numbers of 32 bits": ("tif", tiff(depth=32), "its samples have 32 bits"),
    "a BigTIFF": ("tif", tiff(magic=43), "it is a BigTIFF"),
    "JPEG in a TIFF": ("tif", tiff(compression=7), "it is a TIFF compressed with JPEG"),
    "old JPEG in a TIFF": ("tif", tiff(compression=6), "it is a TIFF compressed with JPEG"),
    "Zstandard in a TIFF": ("tif", tiff(compression=50000), "compressed with Zstandard"),
    "tiles": (
        "tif",
        tiff((322, SHORT, (16,)), (323, SHORT, (16,)), (324, LONG, (8,))),
        "it is a TIFF of tiles",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_picture_of_a_kind_that_ffmpeg_does_not_decode_is_not_called_damaged(
    kind: str, tmp_path: Path
) -> None:
    suffix, content, reason = REFUSED[kind]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    if suffix == "webp":
        with contextlib.suppress(ff.SourceError):
            ff.Frame.read(path)
            pytest.skip("this FFmpeg decodes it")
    for read in (lambda: ff.Frame.read(path), lambda: source(path), lambda: source(tmp_path)):
        with pytest.raises(ff.SourceError, match=reason) as refused:
            read()
        assert "damaged" not in str(refused.value)


def heic_of_tiles(folder: Path) -> bytes:
    """Returns an image like an iPhone's: four HEVC tiles, and an item that describes the grid."""

    def box(name: bytes, *parts: bytes) -> bytes:
        data = b"".join(parts)
        return struct.pack(">I", len(data) + 8) + name + data

    codec = ["-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1"]
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1", *codec]
    subprocess.run([*command, folder / "tile.mp4"], check=True, capture_output=True, timeout=60)
    film = (folder / "tile.mp4").read_bytes()
    at = film.index(b"hvcC") - 4
    config = film[at : at + int.from_bytes(film[at : at + 4], "big")]
    at = film.index(b"mdat") - 4
    tile = film[at + 8 : at + int.from_bytes(film[at : at + 4], "big")]
    grid = b"\0\0" + bytes([1, 1]) + struct.pack(">HH", 128, 128)
    full = bytes(4)
    items = [box(b"infe", b"\2\0\0\0", struct.pack(">HH", n, 0), b"hvc1\0") for n in range(1, 5)]
    items.append(box(b"infe", b"\2\0\0\0", struct.pack(">HH", 5, 0), b"grid\0"))
    sizes = [box(b"ispe", full, struct.pack(">II", side, side)) for side in (64, 128)]
    links = b"".join(struct.pack(">HB", n, 2) + bytes([0x81, 2]) for n in range(1, 5))
    links += struct.pack(">HB", 5, 1) + bytes([3])
    properties = box(b"iprp", box(b"ipco", config, *sizes), box(b"ipma", full, struct.pack(">I", 5), links))

    def meta(data: int) -> bytes:
        places = b"".join(
            struct.pack(">HHHII", n, 0, 1, data + (n - 1) * len(tile), len(tile) if n < 5 else len(grid))
            for n in range(1, 6)
        )
        return box(
            b"meta",
            full,
            box(b"hdlr", full, bytes(4), b"pict", bytes(13)),
            box(b"pitm", full, struct.pack(">H", 5)),
            box(b"iloc", full, b"\x44\0", struct.pack(">H", 5), places),
            box(b"iinf", full, struct.pack(">H", 5), *items),
            box(b"iref", full, box(b"dimg", struct.pack(">HH4H", 5, 4, 1, 2, 3, 4))),
            properties,
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    begin = len(head) + len(meta(0)) + 8
    return head + meta(begin) + box(b"mdat", tile * 4, grid)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_photo_of_tiles_is_never_one_tile(tmp_path: Path) -> None:
    """FFmpeg 7.1 and newer have a stream for each tile; older versions do not support the format."""
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "a.heic"
    path.write_bytes(heic_of_tiles(tmp_path))
    reason = "consists of 4 tiles, which freshframe does not join|this build of FFmpeg cannot read a HEIC"
    for read in (lambda: ff.Frame.read(path), lambda: source(path), lambda: source(path.parent)):
        with pytest.raises(ff.SourceError, match=reason):
            read()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_an_avif_is_a_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    codec = [
        "-c:v",
        "libaom-av1",
        "-still-picture",
        "1",
        "-crf",
        "0",
        "-cpu-used",
        "8",
        "-pix_fmt",
        "yuv444p",
    ]
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.png"), *codec, str(tmp_path / "b.avif")]
    if subprocess.run(command, check=False, capture_output=True, timeout=60).returncode != 0:
        pytest.skip("ffmpeg cannot write AVIF")
    check(ff.Frame.read(tmp_path / "b.avif"), image())
    for url in (tmp_path / "b.avif", tmp_path / "*.avif"):
        ((sample,), drops) = source(url)
        check(sample.value, image())
        assert (sample.seq, sample.pts, drops) == (0, 0, {})
    assert len(source(tmp_path)[0]) == 2


def test_a_link_to_a_missing_picture_is_a_lost_frame(tmp_path: Path) -> None:
    for n in (1, 3):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg())
    (tmp_path / "2.jpg").symlink_to(tmp_path / "gone.jpg")
    for url in (tmp_path, tmp_path / "*.jpg", tmp_path / "%d.jpg"):
        samples, drops = source(url)
        assert ([s.seq for s in samples], drops) == ([0, 2], {"decode": 1}), url


def test_a_number_that_is_too_long_is_named(tmp_path: Path) -> None:
    for name in ("1", "2", "9" * 20):
        (tmp_path / f"{name}.jpg").write_bytes(jpeg())
    with pytest.raises(ff.SourceError, match="has more than 18 digits; open the folder or a glob"):
        source(tmp_path / "%d.jpg")
    assert len(source(tmp_path)[0]) == 3


@pytest.mark.parametrize(
    "name", ["a b.jpg", "50%.jpg", "a#1.jpg", "ü.jpg", "a&b;c'd.jpg", "a?.jpg", "a%20b.jpg"]
)
def test_a_file_uri_names_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(jpeg())
    uri = path.as_uri()
    for url in (uri, uri.replace("file://", "file://localhost"), f"file:{path}"):
        assert len(source(url)[0]) == 1, url  # type: ignore[arg-type]
        check(ff.Frame.read(url), image())


def test_a_file_uri_may_be_a_pattern_or_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for n in (1, 2):
        (folder / f"{n:05d}.jpg").write_bytes(jpeg())
    for end in ("", "/%05d.jpg", "/*.jpg"):
        assert len(source(folder.as_uri() + end)[0]) == 2  # type: ignore[arg-type]
