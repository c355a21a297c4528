"""OnnxClassifier: a second model on the crops of a detector's boxes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rigs import onnx_files
from rigs.onnx_files import COLOURS, save_colours
from support import Push

import freshframe as ff

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

SIDE = 32


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saves a model whose metadata does not name the tool that made it."""
    return save_colours(tmp_path_factory.mktemp("model") / "colours.onnx")


def picture(**boxes: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    image = np.full((240, 320, 3), 128, np.uint8)
    for name, (x0, y0, x1, y1) in boxes.items():
        image[y0:y1, x0:x1] = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}[name]
    return image


class Boxes(ff.Node[ff.Frame, ff.Detections]):
    """Emits the given results in turn, one per image."""

    def __init__(self, *results: ff.Detections) -> None:
        self.results = list(results)

    def process(self, sample: ff.Sample[ff.Frame]) -> ff.Detections:
        """Returns the next result."""
        return self.results[sample.seq % len(self.results)]


def classified(
    images: list[Any], results: list[ff.Detections], **options: Any
) -> list[ff.Sample[ff.Detections]]:
    source = Push(live=False)
    source.push(*[ff.Frame.from_array(image) for image in images])
    source.end()
    pipeline = ff.Pipeline()
    boxes = pipeline.add(Boxes(*results), pipeline.add(source))
    reader = pipeline.reader(pipeline.add(ff.OnnxClassifier(**options), boxes))
    with pipeline:
        return [*reader]


def found(*boxes: list[float], kinds: list[int] | None = None, ids: list[int] | None = None) -> ff.Detections:
    n = len(boxes)
    return ff.Detections(list(boxes), [0.9] * n, kinds or [0] * n, tracker_id=ids, names=["thing", "other"])


def test_each_box_gets_a_class_and_its_probability(colours: Path) -> None:
    image = picture(red=(10, 10, 60, 60), blue=(100, 20, 180, 100), green=(200, 100, 300, 220))
    boxes = found([10, 10, 60, 60], [100, 20, 180, 100], [200, 100, 300, 220])
    (sample,) = classified([image], [boxes], path=colours, column="colour")
    assert sample.value.data["colour"].tolist() == ["red", "blue", "green"]
    confidence = sample.value.data["colour_confidence"]
    assert confidence.dtype == np.float32
    np.testing.assert_allclose(confidence, 1 / (1 + 2 * np.exp(-10)), rtol=1e-3)  # softmax of 10, 0, 0
    np.testing.assert_array_equal(sample.value.xyxy, boxes.xyxy)


def test_more_boxes_than_a_run_takes_and_none(colours: Path) -> None:
    image = picture(red=(0, 0, 320, 120), blue=(0, 120, 320, 240))
    many = [[10.0 + n % 40, 130.0 * (n % 2) + 5, 60.0 + n, 130.0 * (n % 2) + 90] for n in range(75)]
    first, second = classified([image, image], [found(*many), found()], path=colours)
    assert first.value.data["kind"].tolist() == ["red", "blue"] * 37 + ["red"]
    assert second.value.data["kind"].tolist() == []


def test_a_model_that_gives_no_numbers_has_seen_nothing(tmp_path: Path) -> None:
    file = onnx_files.OnnxFile(
        inputs={"images": (("n", 3, SIDE, SIDE), "float32")}, outputs={"scores": (("n", 3), "float32")}
    )
    file.tensors.append(onnx_files.tensor("nan", np.array(np.nan, np.float32)))
    file.nodes.append(onnx_files.node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0))
    file.nodes.append(onnx_files.node("Mul", ["means", "nan"], ["scores"]))
    path = file.save(tmp_path / "nan.onnx")
    (sample,) = classified([picture()], [found([10, 10, 60, 60])], path=path)
    assert sample.value.data["kind"].tolist() == [""]
    assert sample.value.data["kind_confidence"].tolist() == [0]


def test_other_classes_and_boxes_outside_are_not_looked_at(colours: Path) -> None:
    image = picture(red=(10, 10, 60, 60))
    boxes = found([10, 10, 60, 60], [10, 10, 60, 60], [400, 400, 500, 500], kinds=[0, 1, 0])
    (sample,) = classified([image], [boxes], path=colours, classes=["thing"])
    assert sample.value.data["kind"].tolist() == ["red", "", ""]
    assert np.isnan(sample.value.data["kind_confidence"]).tolist() == [False, True, True]


def test_a_margin_and_the_middle_choose_the_part(colours: Path) -> None:
    image = picture(green=(0, 0, 320, 240))
    image[60:180, 100:220] = (0, 0, 255)
    image[110:130, 100:220] = (255, 0, 0)  # a stripe
    box = found([100, 60, 220, 180])
    wide = found([0, 110, 320, 130])
    (near,) = classified([image], [box], path=colours)
    (far,) = classified([image], [box], path=colours, padding=0.9)
    assert (near.value.data["kind"].tolist(), far.value.data["kind"].tolist()) == (["red"], ["green"])
    (all_of_it,) = classified([image], [wide], path=colours)
    (middle,) = classified([image], [wide], path=colours, center_crop=True)
    assert (all_of_it.value.data["kind"].tolist(), middle.value.data["kind"].tolist()) == (
        ["green"],
        ["blue"],
    )


def kind_of(image: npt.NDArray[np.uint8], box: list[float], path: Path, **options: Any) -> str:
    (sample,) = classified([image], [found(box)], path=path, **options)
    return str(sample.value.data["kind"][0])


def test_all_pixels_count_where_the_model_was_trained_so(colours: Path, tmp_path: Path) -> None:
    """Two of eight columns are red: those on both sides of the centre of an output pixel."""
    image = np.full((256, 256, 3), (0, 255, 0), np.uint8)
    image[:, 3::8] = image[:, 4::8] = (0, 0, 255)
    box = [0.0, 0, 256, 256]
    trained = save_colours(tmp_path / "trained.onnx", task="classify")
    assert kind_of(image, box, colours) == kind_of(image, box, trained, antialias=False) == "red"
    assert kind_of(image, box, trained) == kind_of(image, box, colours, antialias=True) == "green"


def test_an_input_that_is_no_square_gets_all_of_the_crop_as_by_ultralytics(tmp_path: Path) -> None:
    image = picture(green=(0, 0, 320, 240), red=(120, 0, 200, 240))
    square = save_colours(tmp_path / "square.onnx", task="classify")
    wide = save_colours(tmp_path / "wide.onnx", height=20, task="classify")
    box = [80.0, 60, 260, 110]
    assert kind_of(image, box, square) == kind_of(image, box, wide, center_crop=True) == "red"
    assert kind_of(image, box, square, center_crop=False) == kind_of(image, box, wide) == "green"


def test_the_levels_are_those_of_pillow(tmp_path: Path) -> None:
    """With Ultralytics' steps: scale the shorter side to the input's, then crop the square in the middle.

    The order of Pillow's two passes depends on its version, so single levels may differ by one.
    """
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    model = save_colours(tmp_path / "trained.onnx", task="classify")
    rng = np.random.default_rng(3)
    for width, height in ((300, 200), (97, 211), (20, 31), (320, 240)):
        image = rng.integers(0, 256, (240, 320, 3), np.uint8)
        image[:, ::2, rng.integers(3)] //= 3
        crop = np.ascontiguousarray(image[:height, :width, ::-1])
        short = min(width, height)
        size = (SIDE * width // short, SIDE * height // short)
        scaled = np.asarray(pillow.fromarray(crop).resize(size, pillow.Resampling.BILINEAR))
        left, top = round((size[0] - SIDE) / 2), round((size[1] - SIDE) / 2)
        logits = scaled[top : top + SIDE, left : left + SIDE].astype(np.float64).mean(axis=(0, 1)) / 25.5
        shares = np.exp(logits) / np.exp(logits).sum()
        (sample,) = classified([image], [found([0.0, 0, width, height])], path=model)
        assert sample.value.data["kind"][0] == COLOURS[int(shares.argmax())]
        assert sample.value.data["kind_confidence"][0] == pytest.approx(shares.max(), abs=1e-3)


def test_growing_views_are_looked_at_when_they_are_twice_as_good(colours: Path) -> None:
    images, results = [], []
    for n in range(60):
        side = 20 + 2 * n
        images.append(picture(red=(40, 40, 200, 200)) if n else picture(blue=(40, 40, 200, 200)))
        results.append(found([50, 50, 50 + side, 50 + side], ids=[7]))
    samples = classified(images, results, path=colours, when="growing")
    kinds = [sample.value.data["kind"][0] for sample in samples]
    changed = kinds.index("red")
    assert kinds == ["blue"] * changed + ["red"] * (60 - changed)
    assert (20 + 2 * changed) ** 2 >= 2 * 20**2 > (20 + 2 * (changed - 1)) ** 2


def test_a_result_stays_with_its_track(colours: Path) -> None:
    red, plain = picture(red=(10, 10, 60, 60)), picture()
    boxes = found([10, 10, 60, 60], ids=[3])
    samples = classified([red, plain, plain], [boxes] * 3, path=colours, when="growing")
    assert [sample.value.data["kind"][0] for sample in samples] == ["red"] * 3
    each = classified([red, plain], [boxes] * 2, path=colours)
    assert each[1].value.data["kind_confidence"][0] < 0.5


def walk(sides: list[int]) -> list[ff.Detections]:
    """Returns a track in a corner of its own, with boxes of these sizes."""
    return [found([40, 40, 40 + side, 40 + side], ids=[7]) for side in sides]


def test_the_best_view_is_looked_at_when_it_stays_the_best(colours: Path) -> None:
    """The 20th image has the largest box, and is the only one that shows it in red."""
    sides = [40 + 6 * n for n in range(20)] + [80] * 40
    images = [picture(**{"red" if n == 19 else "blue": (40, 40, 200, 200)}) for n in range(60)]
    samples = classified(images, walk(sides), path=colours, when="best")
    kinds = [sample.value.data["kind"][0] for sample in samples]
    first = kinds.index("red")
    assert kinds == [""] * first + ["red"] * (60 - first)
    waited = samples[first].pts - samples[19].pts
    assert 0.5 <= waited < 0.5 + 2 / 30
    times = samples[-1].value.data["kind_pts"]
    assert times.dtype == np.float64
    assert times.tolist() == [pytest.approx(samples[19].pts)]
    assert np.isnan(samples[0].value.data["kind_pts"]).all()


def test_a_track_that_ends_is_looked_at_once_and_others_wait_for_none(colours: Path) -> None:
    """The result is available when the ID comes back."""
    images = [picture(red=(40, 40, 200, 200))] * 60
    there, gone = found([40, 40, 120, 120], ids=[7]), found()
    results = [there] * 10 + [gone] * 40 + [there] * 10
    samples = classified(images, results, path=colours, when="best")
    kinds = [sample.value.data["kind"].tolist() for sample in samples]
    assert kinds == [[""]] * 10 + [[]] * 40 + [["red"]] * 10


def test_a_covered_view_is_worth_a_quarter(colours: Path) -> None:
    """The larger view of the track is hidden by a nearer box, so the smaller view is the best."""
    images = [picture(**{"red" if n == 20 else "blue": (40, 40, 200, 200)}) for n in range(60)]
    both = found([40, 40, 120, 120], [60, 60, 140, 160], ids=[7, 8])
    results = [both] * 20 + [found([40, 40, 100, 100], ids=[7])] + [both] * 39
    samples = classified(images, results, path=colours, when="best")
    assert samples[-1].value.data["kind"].tolist() == ["red", "blue"]


def filmed(live: bool, images: list[ff.Frame], boxes: ff.Detections, **options: Any) -> ff.Detections:
    """Returns the newest result.

    The queues have room for all images, so that none of a live source is dropped.
    """
    room = ff.Queue(len(images))
    source = Push(live=live)
    source.push(*images)
    source.end()
    pipeline = ff.Pipeline()
    shown = pipeline.add(Boxes(boxes), pipeline.add(source), queue=room)
    kinds = pipeline.add(ff.OnnxClassifier(**options), shown, queue=room)
    reader = pipeline.reader(kinds, queue=room)
    with pipeline:
        return [sample.value for sample in reader][-1]


@pytest.mark.table(cases=10)
@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
@pytest.mark.parametrize("antialias", [False, True], ids=["plain", "antialias"])
@pytest.mark.parametrize("looks", ["each", "growing", "best"])
@pytest.mark.parametrize("pixels", ["gray", "nv12", "i420", "i422", "i444", "bgr", "rgb"])
def test_each_way_to_look_sees_the_same_in_each_pixel_format(
    colours: Path, pixels: ff.types.Format, looks: Any, antialias: bool, live: bool
) -> None:
    """The frame was decoded to this format, and has not been converted yet."""
    shown = ff.Frame.from_array(picture(green=(40, 40, 200, 200), blue=(60, 60, 90, 90))).copy(pixels)
    images = [ff.Frame.from_array(shown, pixels) for _ in range(20)]
    boxes = found([51, 53, 121, 180], ids=[7])  # odd coordinates in a subsampled image
    options = {"path": colours, "antialias": antialias, "center_crop": antialias}
    newest = filmed(live, images, boxes, when=looks, **options)
    each = filmed(False, images[:1], boxes, **options)
    assert newest.data["kind"].tolist() == each.data["kind"].tolist()
    assert newest.data["kind"].tolist() == ["red" if pixels == "gray" else "green"]
    assert newest.data["kind_confidence"].tolist() == each.data["kind_confidence"].tolist()


def test_what_cannot_be_is_said(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(ff.OptionError, match="one output of a number per class"):
        ff.OnnxClassifier(ff.demo.shapes_model())
    with pytest.raises(
        ff.OptionError, match=r"has 3 classes, but names= lists 2: pass names= with one name per class"
    ):
        ff.OnnxClassifier(colours, names=["a", "b"])
    with pytest.raises(ff.OptionError, match="padding must be 0 to 10"):
        ff.OnnxClassifier(colours, padding=-1)
    with pytest.raises(ff.OptionError, match="when must be"):
        ff.OnnxClassifier(colours, when="once")  # type: ignore[arg-type]
    for column in ("class_name", "track", "mask"):
        with pytest.raises(
            ff.OptionError, match=f"column='{column}' is taken: Detections already has a column of this name"
        ):
            ff.OnnxClassifier(colours, column=column)
    untracked = found([10, 10, 60, 60])
    with pytest.raises(
        ff.NodeError, match=r"cannot look at 'ring', but the detector has no such class \(thing, other\)"
    ):
        classified([picture()], [untracked], path=colours, classes=["ring"])
    with pytest.raises(ff.NodeError, match="needs tracks: add a BoxTracker"):
        classified([picture()], [untracked], path=colours, when="growing")
    with pytest.raises(ff.NodeError, match="needs the frame of the boxes"):
        ff.testing.run_node(ff.OnnxClassifier(colours), [untracked])
