"""Tries each API that takes or returns a file name. As a program: `name_uses.py FOLDER HEX`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import freshframe as ff

SCENE = "demo:circles?size=64x48&frames=12&pace=0"
Use = Callable[[str], None]


def made(path: str) -> None:
    """Asserts that Python's own functions find the file."""
    assert os.path.getsize(path) > 0, os.listdir(os.fsencode(os.path.dirname(path) or "."))


def error_of(call: Callable[[], object]) -> str:
    try:
        call()
    except ff.FreshframeError as error:
        message = str(error)
    else:
        raise AssertionError("there was no error")
    message.encode()  # fails for a lone surrogate
    return message


def record(path: str, scene: str = SCENE, **options: Any) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(path, **options), pipeline.add(ff.open(scene)))
    pipeline.run()


def use_file(path: str) -> None:
    record(path + ".mkv")
    made(path + ".mkv")
    assert len(list(ff.stream(ff.open(path + ".mkv")))) == 12
    assert ff.Frame.read(path + ".mkv", pts=0.1).width == 64
    assert ff.probe(path + ".mkv").width == 64


def use_mp4(path: str) -> None:
    record(path + ".mp4")
    assert ff.probe(path + ".mp4").frame_count == 12


def use_segments(path: str) -> None:
    seen: list[str] = []
    scene = "demo:circles?size=64x48&frames=90&pace=0"
    record(path + "_%03d.mkv", scene, segment_every=1, on_segment=lambda segment: seen.append(segment.path))
    assert seen
    for each in seen:
        made(each)


def use_picture(path: str) -> None:
    frame = next(iter(ff.stream(ff.open(SCENE)))).frame
    frame.write(path + ".png")
    made(path + ".png")
    assert ff.Frame.read(path + ".png").width == 64
    assert next(iter(ff.stream(ff.testing.MockCamera(path + ".png")))).frame.width == 64
    assert len(list(ff.stream(ff.open(path + ".png")))) == 1


def use_pictures(path: str) -> None:
    frame = next(iter(ff.stream(ff.open(SCENE)))).frame
    os.mkdir(path)
    for n in range(3):
        frame.write(f"{path}/{os.path.basename(path)}{n}.png")
    for url in (path + "/", path + "/*.png", f"{path}/{os.path.basename(path)}%d.png"):
        samples = list(ff.stream(ff.open(url)))
        assert len(samples) == 3
        for sample in samples:
            assert sample.path is not None
            made(sample.path)
        assert os.path.basename(samples[0].path or "") == os.path.basename(path) + "0.png"


def use_lines(path: str) -> None:
    for sink in (
        ff.JsonLines(path + ".jsonl"),
        ff.JsonLines(path + "_c.jsonl", complete=True),
        ff.Csv(path + ".csv"),
    ):
        pipeline = ff.Pipeline()
        pipeline.add(sink, pipeline.add(lambda frame: frame.width, pipeline.add(ff.open(SCENE))))
        pipeline.run()
        made(sink.path)
        repr(sink).encode()


def use_lines_of_pictures(path: str) -> None:
    """Reads the names of images in results."""
    use_pictures(path)
    pipeline = ff.Pipeline()
    images = pipeline.add(ff.open(path + "/"))
    pipeline.add(ff.JsonLines(path + "_of.jsonl"), pipeline.add(lambda frame: frame.width, images))
    pipeline.run()
    with open(path + "_of.jsonl", encoding="utf-8") as lines:
        for line in lines:
            assert json.loads(line)["path"]


def use_clips(path: str) -> None:
    pipeline = ff.Pipeline()
    clips = ff.ClipRecorder(before=5, after=0)
    source = pipeline.add(ff.open("demo:circles?size=64x48&fps=60"))
    pipeline.add(clips, source)
    reader = pipeline.reader(source)
    with pipeline:
        for _ in range(5):
            reader.get(timeout=30)
        clips.save(path + ".mp4")
    made(path + ".mp4")


def use_spool(path: str) -> None:
    sent: list[Any] = []
    pipeline = ff.Pipeline()
    pipeline.add(
        ff.Spool(path + ".spool", sent.extend),
        pipeline.add(lambda frame: frame.width, pipeline.add(ff.open(SCENE))),
    )
    pipeline.run()
    assert os.path.isdir(path + ".spool")


def use_model(path: str) -> None:
    """Opens an existing file that is not a model."""
    with open(path + ".onnx", "wb") as file:
        file.write(b"not a model")
    for kind in (ff.OnnxModel, ff.OnnxDetector, ff.OnnxClassifier):
        message = error_of(lambda kind=kind: kind(path + ".onnx"))  # type: ignore[misc]
        assert "no such file" not in message, message


def use_library(path: str) -> None:
    with open(path + ".so", "wb") as file:
        file.write(b"not a library")
    message = error_of(lambda: ff.native.load(path + ".so", "symbol", out=(1,), format="gray", dtype="uint8"))
    assert "no such file" not in message.lower(), message


def use_missing(path: str) -> None:
    """Checks that error messages can be encoded, and name the missing file."""
    for call in (
        lambda: ff.Frame.read(path + ".no"),
        lambda: ff.probe(path + ".no"),
        lambda: ff.probe(path + "no/"),
    ):
        message = error_of(call)
        assert "no such" in message, message


def use_reports(path: str) -> None:
    """Checks that statistics and representations can be encoded."""
    if not os.path.exists(path + ".mkv"):
        record(path + ".mkv")
    pipeline = ff.Pipeline()
    source = ff.open(path + ".mkv")
    recorder = ff.VideoFile(path + "_again.mkv")
    pipeline.add(recorder, pipeline.add(source))
    report = pipeline.run()
    for text in (repr(source), source.url, repr(recorder), repr(pipeline), repr(report), str(pipeline.why())):
        text.encode()


USES: dict[str, Use] = {name[4:]: use for name, use in globals().items() if name.startswith("use_")}


def main() -> None:
    folder, name = sys.argv[1], os.fsdecode(bytes.fromhex(sys.argv[2]))
    os.chdir(folder)
    threading.excepthook = lambda fault: None
    for kind, use in USES.items():
        print(kind, outcome(use, f"{kind}_{name}"), flush=True)


def outcome(use: Use, path: str) -> str:
    try:
        use(path)
    except Exception as error:
        return ascii(f"{type(error).__name__}: {error}")
    return "ok"


if __name__ == "__main__":
    main()
