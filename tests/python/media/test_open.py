"""ff.open: files, images and the demo scene as sources; whether they are live, their order and number."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import Collect, edge, until

import freshframe as ff

COUNT = 25


class Numbers(ff.Source[ff.Frame]):
    """Frame n is full of the value 20 + 8 n, far enough apart to survive the encoder."""

    live = False

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        for number in range(COUNT):
            yield ff.Frame.from_array(np.full((120, 160, 3), 20 + 8 * number, np.uint8), "bgr"), number / 25


def number_of(frame: ff.Frame) -> int:
    return round((float(frame.bgr.mean()) - 20) / 8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "numbers.mp4"
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(path), pipeline.add(Numbers()))
    assert pipeline.run().complete
    return path


def write_png(path: Path, rgb: npt.NDArray[np.uint8]) -> None:
    height, width, _ = rgb.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def read(source: ff.Source[ff.Frame]) -> list[ff.Sample[ff.Frame]]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        return list(reader)


def test_a_file_gives_every_frame_once_and_in_order(clip: Path) -> None:
    samples = read(ff.open(clip))
    assert [number_of(s.value) for s in samples] == list(range(COUNT))
    assert [s.seq for s in samples] == list(range(COUNT))
    assert [s.pts for s in samples] == pytest.approx([n / 25 for n in range(COUNT)], abs=0.001)
    assert {s.source for s in samples} == {"VideoSource"}


def test_a_path_may_be_text_or_a_path(clip: Path) -> None:
    assert len(read(ff.open(str(clip)))) == len(read(ff.open(clip))) == COUNT


def test_a_file_is_lossless_by_default_and_the_run_complete(clip: Path) -> None:
    pipeline, collect = ff.Pipeline(), Collect()
    pipeline.add(collect, pipeline.add(number_of, pipeline.add(ff.open(clip))))
    report = pipeline.run()
    assert report.complete
    assert report.samples == COUNT
    assert collect.seen == [(n, n) for n in range(COUNT)]


def test_the_info_of_a_file_is_there_once_it_runs(clip: Path) -> None:
    pipeline = ff.Pipeline()
    source = ff.open(clip)
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        info = source.info
        assert (info.width, info.height, info.codec) == (160, 120, ff.VideoFile("a.mp4").codec)
        assert info.fps == pytest.approx(25)
        assert info.duration == pytest.approx(1.0, abs=0.05)
        assert len(list(reader)) == COUNT
    assert source.url == str(clip)


def test_the_progress_of_a_file_has_the_number_of_its_frames(clip: Path) -> None:
    ticks: list[ff.stats.Progress] = []
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(ff.open(clip)))
    pipeline.run(progress=ticks.append, progress_every=0.001)
    assert (ticks[-1].samples, ticks[-1].total, ticks[-1].remaining) == (COUNT, COUNT, 0)


def test_size_scales(clip: Path) -> None:
    samples = read(ff.open(clip, size=(80, 60)))
    assert {(s.value.width, s.value.height) for s in samples} == {(80, 60)}
    assert [number_of(s.value) for s in samples] == list(range(COUNT))


def test_loop_starts_again_and_numbers_go_on(clip: Path) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(clip, loop=True)))
    with pipeline:
        samples = [reader.get() for _ in range(2 * COUNT + 3)]
    assert [s.seq for s in samples] == list(range(2 * COUNT + 3))
    assert [number_of(s.value) for s in samples] == [n % COUNT for n in range(2 * COUNT + 3)]
    pts = [s.pts for s in samples]
    assert pts == sorted(set(pts))


@pytest.mark.repeats
def test_realtime_makes_a_file_live(clip: Path) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(clip, realtime=True)))
    with pipeline:
        first = reader.get()
        began = time.monotonic()
        until(lambda: edge(pipeline, "reader").passed_in >= first.seq + 5, "the file to play on by itself")
        assert edge(pipeline, "reader").queue == ff.LATEST
        latest = reader.latest()
        assert latest is not None
        assert time.monotonic() - began >= (latest.pts - first.pts) * 0.5


def test_a_part_of_a_file_has_the_numbers_and_times_of_the_whole(clip: Path) -> None:
    samples = read(ff.open(clip, start=0.4, end=0.6))
    assert [number_of(s.value) for s in samples] == [10, 11, 12, 13, 14]
    assert [s.seq for s in samples] == [10, 11, 12, 13, 14]
    assert [s.pts for s in samples] == pytest.approx([0.4, 0.44, 0.48, 0.52, 0.56])
    assert number_of(ff.Frame.read(clip, pts=0.45)) == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [({"start": -1}, "start must be 0 or more"), ({"start": 2, "end": 1.0}, "end must be after start")],
)
def test_a_part_that_cannot_be_is_refused(clip: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        ff.open(clip, **options)


def test_a_start_behind_the_end_is_a_source_error(clip: Path) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(clip, start=60))
    with pytest.raises(ff.SourceError, match=r"at 60 s: it is shorter, its last frame is at 0\.96 s"):
        pipeline.start()
    with pytest.raises(ff.SourceError, match="it is shorter"):
        ff.Frame.read(clip, pts=60)


@pytest.mark.parametrize("call", [ff.open, ff.probe])
def test_the_url_has_no_name(call: Any) -> None:
    with pytest.raises(TypeError, match=r"keyword.*'?url'?"):
        call(url="demo:circles")


def test_info_is_an_error_until_it_is_known_and_probe_has_it(clip: Path) -> None:
    source = ff.open(clip)
    with pytest.raises(ff.FreshframeError, match="is not known yet"):
        source.info  # noqa: B018
    found = ff.probe(clip)
    assert (found.codec, found.width, found.height, found.frame_count) == (
        ff.VideoFile("a.mp4").codec,
        160,
        120,
        COUNT,
    )
    assert (found.url, found.live, found.format) == (str(clip), False, "i420")
    assert found.measured.frames == 1
    assert ff.probe(clip, seconds=5).measured.frames == COUNT
    with pytest.raises(ff.SourceError, match="no such file"):
        ff.probe("missing.mp4")


def test_pictures_of_a_sequence_say_which_file(tmp_path: Path) -> None:
    write_pngs(tmp_path, [3, 4, 6])
    pipeline = ff.Pipeline()
    pictures = pipeline.add(ff.open(tmp_path))
    means = pipeline.add(lambda frame: int(frame.luma[0, 0]), pictures)
    pipeline.add(ff.JsonLines(tmp_path / "a.jsonl"), means)
    pipeline.add(ff.Csv(tmp_path / "a.csv"), means)
    reader = pipeline.reader(means)
    with pipeline:
        paths = [str(tmp_path / f"{n}.png") for n in (3, 4, 6)]
        assert [s.path for s in reader] == paths
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["path"] for line in lines] == paths
    header, *rows = (tmp_path / "a.csv").read_text().splitlines()
    assert header == "seq,pts,captured,path,value"
    assert [row.split(",")[3] for row in rows] == paths


def test_other_samples_have_no_path(clip: Path) -> None:
    assert read(ff.open(clip))[0].path is None


def test_a_picture_is_one_sample(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    write_png(tmp_path / "picture.png", image)
    (sample,) = read(ff.open(tmp_path / "picture.png"))
    assert (sample.seq, sample.pts) == (0, 0.0)
    assert np.array_equal(sample.value.rgb, image)


def write_pngs(folder: Path, numbers: list[int]) -> None:
    for number in numbers:
        write_png(folder / f"{number}.png", np.full((48, 64, 3), number, np.uint8))


def test_a_folder_of_pictures_and_a_glob_are_read_in_natural_order(tmp_path: Path) -> None:
    write_pngs(tmp_path, [10, 9, 1, 100, 2])
    for url in (tmp_path, f"{tmp_path}/*.png"):
        samples = read(ff.open(url, fps=10))
        assert [int(s.value.bgr[0, 0, 0]) for s in samples] == [1, 2, 9, 10, 100]
        assert [s.seq for s in samples] == [0, 1, 2, 3, 4]
        assert [s.pts for s in samples] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_missing_number_leaves_its_place_and_the_books_say_so(tmp_path: Path) -> None:
    write_pngs(tmp_path, [3, 4, 6])
    pipeline, collect = ff.Pipeline(), Collect()
    port = pipeline.add(ff.open(tmp_path / "%d.png"), name="pictures")
    pipeline.add(collect, pipeline.add(lambda frame: int(frame.luma[0, 0]), port))
    report = pipeline.run()
    assert collect.seen == [(0, 3), (1, 4), (3, 6)]
    assert report.nodes["pictures"].drops == {"decode": 1}
    assert not report.complete


@pytest.mark.parametrize(
    ("start", "end", "seen", "lost"),
    [
        (None, None, [0, 1, 3, 6], 3),
        (None, 0.06, [0, 1, 3], 3),
        (None, 0.05, [0, 1, 3], 2),
        (None, 0.04, [0, 1, 3], 1),
        (None, 0.03, [0, 1], 1),
        (0.02, 0.06, [3], 3),
        (0.04, None, [6], 2),
        (0.02, 0.9, [3, 6], 3),
    ],
)
def test_missing_numbers_count_up_to_the_end(
    start: float | None, end: float | None, seen: list[int], lost: int, tmp_path: Path
) -> None:
    write_pngs(tmp_path, [3, 4, 6, 9])
    pipeline, collect = ff.Pipeline(), Collect()
    source = ff.open(tmp_path / "%d.png", fps=100, start=start, end=end)
    port = pipeline.add(source, name="pictures")
    pipeline.add(collect, pipeline.add(lambda frame: 0, port), queue=ff.LOSSLESS)
    report = pipeline.run()
    assert [seq for seq, _ in collect.seen] == seen
    assert report.nodes["pictures"].drops["decode"] == lost


def test_missing_numbers_count_in_each_pass_of_a_loop(tmp_path: Path) -> None:
    write_pngs(tmp_path, [3, 4, 6, 9])
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.open(tmp_path / "%d.png", fps=100, end=0.06, loop=True), name="pictures")
    reader = pipeline.reader(port, queue=ff.NEXT)
    with pipeline:
        seqs = [reader.get(timeout=60).seq for _ in range(7)]
        drops = pipeline.stats().nodes["pictures"].drops
    assert {seq % 6 for seq in seqs} <= {0, 1, 3}
    # Late ticks of a busy machine are counted separately. Half of the others have no image.
    assert drops["decode"] >= (seqs[-1] + 1 - drops.get("device", 0)) // 2 - 3


def test_the_progress_of_pictures_has_their_number(tmp_path: Path) -> None:
    write_pngs(tmp_path, [1, 2, 3])
    ticks: list[ff.stats.Progress] = []
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(ff.open(tmp_path)))
    pipeline.run(progress=ticks.append, progress_every=0.001)
    assert (ticks[-1].samples, ticks[-1].total) == (3, 3)


def test_pictures_that_are_not_there_are_a_source_error(tmp_path: Path) -> None:
    for url in (tmp_path, tmp_path / "%05d.png", tmp_path / "*.png"):
        pipeline = ff.Pipeline()
        pipeline.add(ff.open(url))
        with pytest.raises(ff.SourceError, match=r"folder is empty|no file matches"):
            pipeline.start()


def test_a_mock_camera_shows_a_picture_file(tmp_path: Path) -> None:
    write_png(tmp_path / "pepsi.png", np.full((48, 64, 3), 99, np.uint8))
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.testing.MockCamera(tmp_path / "pepsi.png", fps=200)))
    with pipeline:
        assert int(reader.get().value.bgr[0, 0, 0]) == 99
        assert reader.get().seq >= 1


def test_the_demo_scene_is_the_same_each_time_and_another_with_another_seed() -> None:
    def pictures(seed: int) -> list[Any]:
        url = f"demo:circles?pace=0&size=160x120&frames=5&seed={seed}"
        return [s.value.luma.copy() for s in read(ff.open(url))]

    one, again, other = pictures(1), pictures(1), pictures(2)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_demo_that_is_not_paced_is_lossless_and_a_paced_one_is_live() -> None:
    for url, queue in (
        ("demo:circles?pace=0&size=64x48&frames=3", ff.LOSSLESS),
        ("demo:circles?size=64x48", ff.LATEST),
    ):
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(ff.open(url)))
        with pipeline:
            reader.get()
            assert edge(pipeline, "reader").queue == queue


def test_the_truth_of_the_demo_scene_is_where_the_circles_are() -> None:
    url = "demo:circles?pace=0&size=640x480&frames=20&balls=3&seed=4"
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.CircleDetector(), pipeline.add(ff.open(url))))
    near, truths = 0, 0
    with pipeline:
        for sample in reader:
            for truth in ff.demo.circles(url, sample.seq):
                if truth.visible < 0.9:
                    continue
                truths += 1
                offsets = np.abs(sample.value.xyr - (truth.x, truth.y, truth.r)).max(axis=1)
                near += bool((offsets < 3).any())
    assert truths >= 20
    assert near >= 0.9 * truths


@pytest.mark.parametrize("scheme", ["file", "FILE", "File"])
def test_the_case_of_a_scheme_does_not_matter(scheme: str, tmp_path: Path) -> None:
    """RFC 3986, section 3.1."""
    demo = "demo" if scheme == "file" else scheme.replace("FILE", "DEMO").replace("File", "Demo")
    picture = next(iter(ff.open(f"{demo}:circles?frames=1&size=64x48"))).frame
    picture.write(tmp_path / "a.png")
    assert next(iter(ff.open(f"{scheme}://{tmp_path}/a.png"))).frame.width == 64
