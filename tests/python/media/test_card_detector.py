"""Models get the same pixels on the GPU that decoded the images as in host memory."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from rigs.card import Card
from rigs.card.clips import H264, PICTURES, clip
from rigs.card.films import downloads, lose_pictures
from rigs.onnx_files import OnnxFile, bright_box, node, save_colours, tensor
from support import check_books

import freshframe as ff

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytestmark = [
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed"),
    pytest.mark.usefixtures("card_runtime"),
]

LEVEL = 1 / 255


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model, which a test's pipelines keep."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.mp4", H264["b-frames"])


def mirror(path: Path, shape: Sequence[int | str] = (1, 3, 96, 128)) -> Path:
    """Writes a model that returns its input."""
    file = OnnxFile(inputs={"images": (shape, "float32")}, outputs={"output0": (shape, "float32")})
    file.nodes.append(node("Identity", ["images"], ["output0"]))
    return file.save(path)


def queries(path: Path, layout: str) -> Path:
    """Writes a detector with a stretched input: eight boxes, whose scores are the means of the channels."""
    names = "{0: 'red', 1: 'green', 2: 'blue'}"
    file = OnnxFile(inputs={"images": ((1, 3, 16, 16), "float32")}, metadata={"names": names})
    box = np.tile(np.array([0.5, 0.4, 0.5, 0.5], np.float32), (1, 8, 1))
    file.tensors.append(tensor("box", box))
    file.tensors.append(tensor("form", np.array([1, 1, 3], np.int64)))
    file.tensors.append(tensor("rows", np.zeros((1, 8, 3), np.float32)))
    file.nodes.append(node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=1))
    file.nodes.append(node("Reshape", ["mean", "form"], ["score"]))
    file.nodes.append(node("Add", ["score", "rows"], ["scores"]))
    if layout == "rtdetr":
        file.nodes.append(node("Concat", ["box", "scores"], ["output0"], axis=2))
        file.outputs["output0"] = ((1, 8, 7), "float32")
    else:
        file.tensors.append(tensor("nothing", np.zeros((1, 8, 1), np.float32)))
        file.nodes.append(node("Identity", ["box"], ["pred_boxes"]))
        file.nodes.append(node("Concat", ["scores", "nothing"], ["logits"], axis=2))
        file.outputs["pred_boxes"] = ((1, 8, 4), "float32")
        file.outputs["logits"] = ((1, 8, 4), "float32")
    return file.save(path)


def results(
    path: Path, made: Any, *, decoder: str = "cuda", batch: ff.Batch | None = None
) -> tuple[list[Any], ff.Pipeline]:
    """Returns the node's results for each image of a clip, which stays on the GPU if it was decoded there."""
    pipeline = ff.Pipeline()
    options: dict[str, Any] = {"on_device": True} if decoder != "cpu" else {}
    camera = pipeline.add(ff.open(path, decoder=decoder, **options), name="film")
    reader = pipeline.reader(pipeline.add(made, camera, batch=batch, name="model"))
    with pipeline:
        values = [sample.value for sample in reader]
    check_books(pipeline)
    return values, pipeline


def tensors(path: Path, model: Path, decoder: str) -> list[npt.NDArray[np.float32]]:
    provider: Literal["cpu", "cuda"] = "cpu" if decoder == "cpu" else "cuda"
    values, pipeline = results(path, ff.OnnxModel(model, provider=provider), decoder=decoder)
    assert downloads(pipeline) == 0
    return [value["output0"] for value in values]


# ---- the numbers


@pytest.mark.parametrize(
    "kind", [*H264, "hd", "even size", "odd size", "larger", "small odd", "grey", "lazy"]
)
def test_the_input_is_the_hosts_but_for_rounding(kind: str, tmp_path: Path, card: Card) -> None:
    sizes = {
        "hd": "1280x720",
        "even size": "322x242",
        "odd size": "321x243",
        "larger": "64x48",
        "small odd": "33x31",
    }
    film = clip(tmp_path / "film.mp4", H264.get(kind, H264["no b-frames"]), size=sizes.get(kind, "320x240"))
    model = mirror(tmp_path / "mirror.onnx", (1, 1 if kind == "grey" else 3, 96, 128))
    wanted = tensors(film, model, "cpu")
    if kind == "lazy":
        card.fault("lazy")
    got = tensors(film, model, "cuda")
    card.fault()
    assert len(got) == len(wanted) == PICTURES
    for mine, host in zip(got, wanted, strict=True):
        assert mine.shape == host.shape
        difference = np.abs(mine - host)
        assert difference.max() <= LEVEL * 1.001
        assert (difference > LEVEL / 2).mean() < 0.003


@pytest.mark.parametrize("layout", ["yolov8", "rtdetr", "detr"])
def test_boxes_are_the_hosts(layout: str, tmp_path: Path, film: Path) -> None:
    model = bright_box(tmp_path / "m.onnx") if layout == "yolov8" else queries(tmp_path / "m.onnx", layout)
    given: dict[str, Any] = {"layout": layout, "min_confidence": 0.0}
    wanted, _ = results(film, ff.OnnxDetector(model, provider="cpu", **given), decoder="cpu")
    got, pipeline = results(film, ff.OnnxDetector(model, provider="cuda", **given))
    assert downloads(pipeline) == 0
    assert len(got) == len(wanted) == PICTURES
    assert any(len(found) for found in got)
    for mine, host in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine.xyxy, host.xyxy, atol=0.05)
        np.testing.assert_allclose(mine.confidence, host.confidence, atol=0.002)


@pytest.mark.parametrize(
    "roi",
    [
        pytest.param((20, 10, 100, 50), id="even"),
        pytest.param((21, 11, 100, 50), id="begins at odd pixels"),
        pytest.param((20, 10, 101, 51), id="ends at odd pixels"),
        pytest.param((319, 239, 320, 240), id="last pixel"),
        pytest.param((0, 0, 320, 240), id="whole"),
    ],
)
def test_a_region_of_interest_is_read_on_the_card(
    roi: tuple[int, int, int, int], tmp_path: Path, film: Path
) -> None:
    given: dict[str, Any] = {"roi": roi, "min_confidence": 0.0}
    model = bright_box(tmp_path / "m.onnx")
    wanted, _ = results(film, ff.OnnxDetector(model, provider="cpu", **given), decoder="cpu")
    got, pipeline = results(film, ff.OnnxDetector(model, provider="cuda", **given))
    assert downloads(pipeline) == 0
    for mine, host in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine.xyxy, host.xyxy, atol=0.05)


def test_a_region_outside_of_the_picture_is_named(tmp_path: Path, film: Path) -> None:
    detector = ff.OnnxDetector(bright_box(tmp_path / "m.onnx"), provider="cuda", roi=(0, 0, 400, 100))
    with ff.stream(ff.open(film, decoder="cuda", on_device=True)) as samples:
        frame = next(iter(samples)).frame
    with pytest.raises(ff.OptionError, match="is outside the frame, which has 320x240 pixels"):
        detector.detect(frame)


# ---- batches


@pytest.mark.parametrize("pictures", ["n", 4], ids=["any number", "four"])
@pytest.mark.parametrize("most", [1, 3, 4])
def test_batches_stay_on_the_card(pictures: str | int, most: int, tmp_path: Path, film: Path) -> None:
    model = bright_box(tmp_path / "m.onnx", pictures)
    wanted, _ = results(film, ff.OnnxDetector(model, provider="cpu"), decoder="cpu")
    got, pipeline = results(
        film, ff.OnnxDetector(model, provider="cuda"), batch=ff.Batch(most, max_wait=1000.0)
    )
    assert downloads(pipeline) == 0
    assert len(got) == PICTURES
    for mine, host in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine.xyxy, host.xyxy, atol=0.05)


def test_cameras_of_other_sizes_share_a_model(tmp_path: Path, film: Path) -> None:
    films = {"film": film}
    for name, size in [("wide", "640x180"), ("odd", "129x241")]:
        films[name] = clip(tmp_path / f"{name}.mp4", H264["no b-frames"], size=size)
    model = bright_box(tmp_path / "m.onnx", "n")
    wanted = {
        name: results(path, ff.OnnxDetector(model, provider="cpu"), decoder="cpu")[0]
        for name, path in films.items()
    }
    pipeline = ff.Pipeline()
    cameras = [
        pipeline.add(ff.open(path, decoder="cuda", on_device=True), name=name) for name, path in films.items()
    ]
    detector = ff.OnnxDetector(model, provider="cuda")
    boxes = pipeline.add(detector, cameras, batch=ff.Batch(5, max_wait=1000.0))
    reader = pipeline.reader(boxes, queue=ff.Queue(3 * PICTURES))
    found: dict[str, list[Any]] = {name: [] for name in films}
    with pipeline:
        for sample in reader:
            found[sample.source].append(sample.value)
    assert downloads(pipeline) == 0
    for name, values in found.items():
        for mine, host in zip(values, wanted[name], strict=True):
            np.testing.assert_allclose(mine.xyxy, host.xyxy, atol=0.05)


def test_pictures_of_a_second_card_come_to_the_host(tmp_path: Path, film: Path, card: Card) -> None:
    card.fault("devices:2")
    detector = ff.OnnxDetector(bright_box(tmp_path / "m.onnx"), provider="cuda")
    got, pipeline = results(film, detector, decoder="cuda:1")
    assert len(got) == downloads(pipeline) == PICTURES


def test_a_batch_of_both_places_copies_none_of_the_card(tmp_path: Path, film: Path) -> None:
    model = bright_box(tmp_path / "m.onnx", "n")
    wanted, _ = results(film, ff.OnnxDetector(model, provider="cpu"), decoder="cpu")
    pipeline = ff.Pipeline()
    cameras = [
        pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"),
        pipeline.add(ff.open(film, decoder="cpu"), name="host"),
    ]
    detector = pipeline.add(
        ff.OnnxDetector(model, provider="cuda"), cameras, batch=ff.Batch(5, max_wait=1000.0)
    )
    reader = pipeline.reader(detector, queue=ff.Queue(2 * PICTURES))
    found: dict[str, list[Any]] = {"film": [], "host": []}
    with pipeline:
        for sample in reader:
            found[sample.source].append(sample.value)
    assert downloads(pipeline) == 0
    for values in found.values():
        assert len(values) == PICTURES
        for mine, host in zip(values, wanted, strict=True):
            np.testing.assert_allclose(mine.xyxy, host.xyxy, atol=0.05)


# ---- failures


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "in host memory" in record.message]


def test_pictures_come_to_the_host_if_the_provider_lacks_an_operator(
    tmp_path: Path, film: Path, card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    model = bright_box(tmp_path / "m.onnx")
    wanted, _ = results(film, ff.OnnxDetector(model, provider="cpu"), decoder="cpu")
    card.fault("no_kernel")
    got, pipeline = results(film, ff.OnnxDetector(model, provider="cuda"))
    card.fault()
    for mine, host in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(mine.xyxy, host.xyxy)
    assert downloads(pipeline) == PICTURES
    (warning,) = warnings_of(caplog)
    assert "reads its images" in warning
    assert "This session contains graph nodes that are assigned to the default CPU EP" in warning


@pytest.mark.parametrize(
    ("fault", "copied", "last"),
    [("full:3", range(1, PICTURES), "an image"), ("full:1", [PICTURES], "its images")],
)
def test_a_picture_comes_to_the_host_if_the_provider_has_no_memory(
    fault: str,
    copied: Sequence[int],
    last: str,
    tmp_path: Path,
    film: Path,
    card: Card,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = bright_box(tmp_path / "m.onnx")
    wanted, _ = results(film, ff.OnnxDetector(model, provider="cpu"), decoder="cpu")
    card.fault(fault)
    got, pipeline = results(film, ff.OnnxDetector(model, provider="cuda"))
    card.fault()
    assert downloads(pipeline) in copied
    for mine, host in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine.xyxy, host.xyxy, atol=0.05)
    assert "Failed to allocate memory" in warnings_of(caplog)[0]
    assert f"reads {last} in" in warnings_of(caplog)[-1]
    assert len(warnings_of(caplog)) == (1 if last == "an image" else 2)


def test_a_card_that_fails_while_a_model_reads_costs_drops(
    tmp_path: Path, film: Path, card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(film, decoder="auto", on_device=True), name="film")
    model = ff.OnnxDetector(bright_box(tmp_path / "m.onnx"), provider="cuda")
    reader = pipeline.reader(pipeline.add(model, camera, name="model"))
    card.fault("loses:9")
    with pipeline:
        seen = len(list(reader))
    card.fault()
    node = pipeline.stats().nodes["model"]
    assert set(node.drops) == {"device"}
    assert seen + sum(node.drops.values()) == pipeline.stats().nodes["film"].processed
    assert warnings_of(caplog) == []
    check_books(pipeline)


def test_pictures_that_are_lost_with_the_card_are_drops(tmp_path: Path, film: Path, card: Card) -> None:
    lose_pictures(film, card, ff.OnnxDetector(bright_box(tmp_path / "m.onnx"), provider="cuda"))


@pytest.mark.parametrize(
    ("options", "stays"),
    [
        pytest.param({}, True, id="each"),
        pytest.param({"padding": 0.13}, True, id="padding"),
        pytest.param({"antialias": True}, False, id="antialias"),
        pytest.param({"center_crop": True}, False, id="center crop"),
    ],
)
def test_a_classifier_reads_its_crops_on_the_card(
    options: dict[str, Any], stays: bool, tmp_path: Path, film: Path
) -> None:
    """Two crops of different sizes in one run."""
    corners = np.array([[50, 40, 130, 81], [142, 83, 177, 160]], np.float32)
    colours = save_colours(tmp_path / "colours.onnx", width=24, height=16)

    def classes(provider: Literal["cpu", "cuda"], decoder: str) -> tuple[list[Any], int]:
        pipeline = ff.Pipeline()
        places: dict[str, Any] = {} if decoder == "cpu" else {"on_device": True}
        camera = pipeline.add(ff.open(film, decoder=decoder, **places), name="film")
        found = pipeline.add(lambda frame: ff.Detections(corners, [0.9, 0.8], [0, 0]), camera)
        reader = pipeline.reader(
            pipeline.add(ff.OnnxClassifier(colours, provider=provider, **options), found)
        )
        with pipeline:
            data = [sample.value.data for sample in reader]
        return data, downloads(pipeline)

    wanted, _ = classes("cpu", "cpu")
    got, copies = classes("cuda", "cuda")
    assert copies == (0 if stays else PICTURES)
    assert len(got) == PICTURES
    for mine, host in zip(got, wanted, strict=True):
        assert len(mine["kind"]) == 2
        assert list(mine["kind"]) == list(host["kind"])
        np.testing.assert_allclose(mine["kind_confidence"], host["kind_confidence"], atol=0.005)
