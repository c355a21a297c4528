"""Annotate: labels with fields, the caption, blur, and the columns that are drawn."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import types
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import freshframe as ff
from freshframe.masks import columns_for_supervision

SIZE = (320, 240)
BOX = [100.0, 80.0, 220.0, 200.0]


def boxes(**data: Any) -> ff.Detections:
    return ff.Detections([BOX], [0.87], [1], tracker_id=[7], data=data, names=["cat", "dog"])


def blank() -> ff.Frame:
    return ff.Frame.from_array(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))


def drawn(found: Any, **options: Any) -> npt.NDArray[np.uint8]:
    return ff.Annotate(**options).draw(blank(), found, pts=0).bgr


def same(found: Any, labels: str, plain: str) -> bool:
    """Returns True if a template draws the same image as the plain string that it expands to."""
    return bool((drawn(found, labels=labels) == drawn(found, labels=plain)).all())


@pytest.mark.parametrize(
    ("labels", "plain"),
    [
        ("{class_name} {confidence:.2f}", "dog 0.87"),
        ("#{tracker_id} {confidence:.0%}", "#7 87%"),
        ("{speed:.0f} m/s", "13 m/s"),
        ("{speed:05.1f}", "012.6"),
        ("{number:+d}|{plate:.3}", "+42|B A"),
        ("{sure} {{x}}", "1 {{x}}"),
        ("{class_name} {nothing:.0f} m/s {plate}", "dog B AB 12"),
        ("{class_name} {blank}", "dog"),
        ("{number:4d}{plate}", "  42B AB 12"),
    ],
)
def test_labels_are_texts_with_fields(labels: str, plain: str) -> None:
    found = boxes(
        speed=np.array([12.6], np.float32),
        nothing=np.array([np.nan], np.float32),
        number=np.array([42], np.int64),
        sure=np.array([True]),
        plate=np.array(["B AB 12"]),
        blank=np.array([""]),
    )
    assert same(found, labels, plain)
    assert not same(found, labels, plain + "!")


def test_without_labels_there_is_only_the_box() -> None:
    found = boxes()
    assert (drawn(found, labels="") != drawn(found)).any()
    assert (drawn(found, labels="") == drawn(found, labels=" ")).all()


def test_the_dwell_of_a_zone_is_a_field_below_it() -> None:
    zone = ff.ZoneCounter({"till": [(0, 0), (320, 0), (320, 240), (0, 240)]})
    zone.update(boxes(), pts=0)
    counts = zone.update(boxes(), pts=0.75)
    assert same(counts, "{dwell:.2f} s", "0.75 s")
    several = ff.ZoneCounter({"a": [(0, 0), (320, 0), (320, 240), (0, 240)], "b": [(0, 0), (9, 0), (9, 9)]})
    several.update(boxes(), pts=0)
    assert same(several.update(boxes(), pts=0.5), "{dwell:.1f}", "0.5")
    with pytest.raises(
        ff.FreshframeError, match=r"has a field \{dwell\}, but there are only tracker_id, class_id, .*age"
    ):
        drawn(boxes(), labels="{dwell}")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{plate", "a '{' without a '}'"),
        ("plate}", "a '}' without a '{'"),
        ("{}", "a name in each pair of braces"),
        ("{tracker_id:>>}", "the format '>>' in {tracker_id}"),
        ("{tracker_id:999d}", "the format '999d'"),
        ("{tracker_id:n}", "expected [+]"),
    ],
)
def test_a_text_that_is_no_template_is_refused_at_once(labels: str, message: str) -> None:
    with pytest.raises(ff.OptionError, match="labels") as caught:
        ff.Annotate(labels=labels)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{plate}", r"\{plate\}, but there are only tracker_id, .*, track_age, track_confidence, speed$"),
        ("{place}", r"\{place\}, but"),  # two values per box
        ("{speed:d}", "a number with decimals"),
        ("{class_name:.1f}", "which is a string"),
    ],
)
def test_a_field_that_does_not_fit_is_said_at_the_first_sample(labels: str, message: str) -> None:
    found = boxes(speed=np.array([1.5], np.float32), place=np.zeros((1, 2), np.float32))
    with pytest.raises(ff.FreshframeError, match=message):
        drawn(found, labels=labels)


def test_a_caption_is_drawn_in_the_corner() -> None:
    with_caption = drawn(boxes(), caption="door, {count} objects, {pts:.1f} s")
    changed = np.argwhere((with_caption != drawn(boxes())).any(axis=2))
    assert len(changed) > 50
    assert changed.max(axis=0)[0] < 40
    assert (with_caption == drawn(boxes(), caption="door, 1 objects, 0 s {utc:%H}")).mean() > 0.9
    with pytest.raises(ff.FreshframeError, match="only pts, utc, seq and count"):
        drawn(boxes(), caption="{speed}")


@pytest.mark.parametrize("form", ["bgr", "rgb", "i420", "nv12", "i422", "i444"])
def test_blurred_objects_are_squares_of_one_colour(form: ff.types.Format) -> None:
    chance = np.random.default_rng(2)
    noise = chance.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    frame = ff.Frame.from_array(noise).to(form)
    plain = ff.Annotate(labels="", line_width=1, trail=0).draw(frame, boxes(), pts=0)
    hidden = ff.Annotate(labels="", line_width=1, trail=0, blur=["dog"]).draw(frame, boxes(), pts=0)
    left, top, right, bottom = (int(edge) for edge in BOX)
    inside = np.s_[top + 4 : bottom - 4, left + 4 : right - 4]
    assert hidden.format == form
    assert hidden.luma[inside].std() < 0.4 * plain.luma[inside].std()
    assert len(np.unique(hidden.luma[inside])) <= 100  # squares
    outside = np.ones((SIZE[1], SIZE[0]), bool)
    outside[top - 4 : bottom + 4, left - 4 : right + 4] = False
    assert (hidden.luma[outside] == plain.luma[outside]).all()
    other = ff.Annotate(labels="", line_width=1, trail=0, blur=["cat"]).draw(frame, boxes(), pts=0)
    assert (other.luma == plain.luma).all()


def test_a_class_that_does_not_exist_cannot_be_blurred() -> None:
    with pytest.raises(ff.FreshframeError, match="cannot blur 'dgo', but the detector has no such class"):
        drawn(boxes(), blur=["dgo"])
    with pytest.raises(ff.OptionTypeError, match="blur must be names of classes"):
        ff.Annotate(blur="dog")
    unnamed = dataclasses.replace(boxes(), names=None)
    assert (drawn(unnamed, blur=["1"]) == drawn(unnamed)).all()  # an unlabelled image does not change
    with pytest.raises(ff.FreshframeError, match="cannot blur 'dog', but these boxes have no class names"):
        drawn(unnamed, blur=["dog"])
    with pytest.raises(ff.FreshframeError, match="cannot blur '5', but the detector has no such class"):
        drawn(boxes(), blur=["5"])
    with pytest.raises(ff.FreshframeError, match="circles have none: leave blur out"):
        drawn(ff.CircleDetector().detect(np.zeros((48, 64), np.uint8)), blur=["dog"])
    assert drawn(unnamed[:0], blur=["dog"]).shape == (240, 320, 3)  # nothing is seen


def test_classes_of_supervision_are_blurred_by_their_names() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)

    def hidden(class_id: list[int], names: list[str]) -> list[bool]:
        theirs = types.SimpleNamespace(
            xyxy=np.array([[10.0, 10, 90, 90], [110, 110, 190, 190]]),
            confidence=None,
            class_id=np.array(class_id),
            tracker_id=None,
            data={"class_name": np.array(names)},
        )
        found = ff.Detections.from_supervision(theirs)
        drawn = ff.Annotate(labels="", blur=["face"]).draw(ff.Frame.from_array(noise), found).bgr
        return [
            bool((drawn[y : y + 60, y : y + 60] != noise[y : y + 60, y : y + 60]).any()) for y in (20, 120)
        ]

    assert hidden([0, 0], ["car", "car"]) == [False, False]  # no face in this image
    assert hidden([0, 1], ["car", "face"]) == [False, True]
    assert hidden([0, 0], ["face", "car"]) == [True, False]  # the class ID and the name column disagree


def test_a_box_without_an_end_is_blurred_to_the_edge() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    frame = ff.Frame.from_array(noise)
    found = ff.Detections([[-np.inf, 0, np.inf, 240]], [0.9], [0], names=["face"])
    hidden = ff.Annotate(labels="", blur=["face"]).draw(frame, found)
    assert (hidden.bgr == noise).all(axis=2).mean() < 0.1


def disc() -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    mask: npt.NDArray[np.bool_] = (x - 160) ** 2 + (y - 140) ** 2 < 50**2
    return mask


def test_masks_are_coloured_and_bound_the_blur() -> None:
    found = boxes(mask=ff.masks.encode(disc()[None]))
    changed = (drawn(found, labels="") != drawn(boxes(), labels="")).any(axis=2)
    assert (changed & disc()).sum() > 0.97 * disc().sum()
    assert not (changed & ~disc()).any()
    assert (drawn(found, labels="", masks=False) == drawn(boxes(), labels="")).all()
    noise = np.random.default_rng(3).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    frame = ff.Frame.from_array(noise)
    hidden = ff.Annotate(labels="", masks=False, blur=["dog"]).draw(frame, found)
    plain = ff.Annotate(labels="", masks=False).draw(frame, found)
    moved = (hidden.bgr != plain.bgr).any(axis=2)
    assert moved[disc()].mean() > 0.9
    assert not moved[~disc()].any()


@pytest.mark.parametrize(
    "text", ["oops", "240x320:", "120x160:00", "240x320:\x7f", "240x320:PP", "240x320:ooooooooo"]
)
def test_a_mask_that_is_none_is_said(text: str) -> None:
    if text == "240x320:":
        assert drawn(boxes(mask=np.array([text]))).shape == (240, 320, 3)  # no runs: empty
        return
    with pytest.raises(ff.FreshframeError, match="mask"):
        drawn(boxes(mask=np.array([text])))


def test_columns_of_a_picture_without_objects_have_any_type() -> None:
    empty = ff.Detections(
        [], [], [], tracker_id=[], data={name: np.array([]) for name in ("mask", "keypoints", "corners")}
    )
    assert (drawn(empty) == blank().bgr).all()


def test_columns_that_are_not_drawn_may_have_another_form() -> None:
    found = boxes(mask=np.array([1.5]), keypoints=np.zeros((1, 17)))
    plain = drawn(found, masks=False, skeletons=False)
    assert (plain == drawn(boxes())).all()
    with pytest.raises(ff.FreshframeError, match=r"'keypoints', .*astype\(numpy.float32\)"):
        drawn(found, masks=False)


@pytest.mark.parametrize(
    "text",
    [
        "99999999x99999999:0",
        "9999999999999999999999x6:0",
        "4x6:ooooooooooooo0",
        "48x64:V_;",
        "4x6:o",
        "4x6:0@",
        "4x6:\n",
    ],
)
def test_a_text_that_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(ff.OptionError, match="mask"):
        ff.masks.decode([text])
    for size in ((-6, 4), (0, 4)):
        with pytest.raises(ff.OptionError, match="the sides of a mask must be 1 to 32768"):
            ff.masks.decode([""], size=size)
    with pytest.raises(ff.OptionTypeError, match="each number of size must be a whole number"):
        ff.masks.decode([""], size=(6.7, 4.2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["4x6:o"], "is cut off: it is corrupt; pass a string that encode"),
        (["4x6:1", "6x4:1"], r"the same size, got the \(height, width\) \[\(4, 6\), \(6, 4\)\]"),
        ([""], "all of their strings are empty: pass size="),
    ],
)
def test_masks_that_cannot_be_decoded_say_why(texts: list[str], message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        ff.masks.decode(texts)


class CompactMask:
    """Keeps the arguments that supervision's class of this name would get."""

    @staticmethod
    def from_coco_rle(
        runs: list[dict[str, Any]], bounds: npt.NDArray[np.int32], image_shape: tuple[int, int]
    ) -> list[tuple[npt.NDArray[np.bool_], list[int]]]:
        width, height = image_shape[::-1]
        flat = [np.arange(len(run["counts"])) % 2 == 1 for run in runs]
        masks = [np.repeat(each, run["counts"]) for each, run in zip(flat, runs, strict=True)]
        return [
            (mask.reshape(width, height).T, box.tolist()) for mask, box in zip(masks, bounds, strict=True)
        ]


def test_masks_for_supervision_cover_the_picture_each_with_its_box() -> None:
    masks = np.zeros((5, 180, 240), bool)
    masks[0, 3:50, 5:44] = True
    masks[1, :, 20:23] = True
    masks[3, 179, 239] = masks[3, 0, 0] = True
    masks[4] = True
    rest, kept = columns_for_supervision({"mask": ff.masks.encode(masks), "speed": 3}, CompactMask)
    assert rest == {"speed": 3}
    for (mask, box), given in zip(kept, masks, strict=True):
        assert (mask == given).all()
        y, x = np.nonzero(given)
        assert box == ([x.min(), y.min(), x.max(), y.max()] if len(x) else [0, 0, 0, 0])
    with pytest.raises(
        ff.OptionError, match="add up to 31 pixels, more than its image of 6 x 4: it is corrupt"
    ):
        columns_for_supervision({"mask": np.array(["4x6:o0"])}, CompactMask)


def test_masks_survive_their_text() -> None:
    chance = np.random.default_rng(4)
    masks = chance.random((9, 33, 47)) < 0.3
    masks[1] = False
    masks[2] = True
    masks[3, 0, 0] = True
    masks[4:] = False
    masks[4, 3:9, 5:8] = True
    masks[5, -1, -1] = True
    masks[6, 0, 0] = True
    masks[7, :, 20:30] = True
    masks[8, :, 40:] = True
    texts = ff.masks.encode(masks)
    assert texts[1].startswith("33x47:")
    assert (ff.masks.decode(texts) == masks).all()
    assert (ff.masks.decode(["", texts[3]]) == masks[[1, 3]]).all()
    assert ff.masks.encode(masks[:0]).shape == (0,)
    assert ff.masks.decode([""], size=(47, 33)).shape == (1, 33, 47)
    assert ff.masks.decode(texts[:0]).shape == (0, 0, 0)  # a picture without objects
    assert ff.masks.decode(texts[:0], size=(47, 33)).shape == (0, 33, 47)
    for wrong in (["33x47:0", "3x4:0"], ["x"], [""], ["2x2:_"]):
        with pytest.raises(ff.OptionError):
            ff.masks.decode(wrong)


@pytest.mark.parametrize("points", [np.zeros((1, 21, 2)), [[(0.5, 1)] * 21], np.zeros((1, 21, 2), np.int16)])
def test_key_points_are_converted_to_float32(points: Any) -> None:
    kept = boxes().with_data(keypoints=points).data["keypoints"]
    assert kept.dtype == np.float32
    assert np.array_equal(kept, points)
    with pytest.raises(ff.OptionError, match=r"'keypoints' .*numbers that fit into float32"):
        boxes(keypoints=np.full((1, 21, 2), 1e300))


def test_a_column_of_another_shape_keeps_its_type() -> None:
    assert boxes(corners=np.array([4])).data["corners"].dtype == np.int64
    assert boxes(keypoints=np.array(["left"])).data["keypoints"].dtype.kind == "U"


def test_the_given_pairs_of_key_points_are_joined() -> None:
    points = np.array([[[40, 100], [120, 100], [120, 40], [np.nan, np.nan]]], np.float32)
    found = boxes(keypoints=points)
    dots = drawn(found, labels="")
    changed = (drawn(found, labels="", skeletons=[(0, 1), np.array([2, 3])]) != dots).any(axis=2)
    assert changed[100, 50:110].all()
    assert not changed[:90].any(), "neither (1, 2), which is not given, nor a point that was not found"
    with pytest.raises(ff.FreshframeError, match="key points 3 and 4, but each object has 4, counted from 0"):
        drawn(found, skeletons=[(0, 1), (3, 4)])


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (None, ff.OptionTypeError),
        (1, ff.OptionTypeError),
        ("hand", ff.OptionTypeError),
        ([(0, 1, 2)], ff.OptionTypeError),
        ([("wrist", "thumb")], ff.OptionTypeError),
        ([(0, 0.5)], ff.OptionTypeError),
        ([], ff.OptionError),
        ([(0, -1)], ff.OptionError),
        ([(0, 2**40)], ff.OptionError),
    ],
)
def test_skeletons_that_are_no_pairs_are_refused(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="skeletons"):
        ff.Annotate(skeletons=given)


def test_key_points_and_turned_boxes_are_drawn() -> None:
    points = np.full((1, 17, 3), np.nan, np.float32)
    points[0, 5] = [120, 100, 0.9]
    points[0, 7] = [200, 100, 0.9]
    points[0, 9] = [200, 180, 0.1]  # not seen
    plain = drawn(boxes(), labels="")
    changed = (drawn(boxes(keypoints=points), labels="") != plain).any(axis=2)
    assert changed[100, 120:200].all()
    assert not changed[120:, :].any()
    assert (drawn(boxes(keypoints=points), labels="", skeletons=False) == plain).all()
    for same_points in (points.astype(np.float64), points.tolist()):
        assert (
            drawn(boxes(keypoints=same_points), labels="") == drawn(boxes(keypoints=points), labels="")
        ).all()
    five = points[:, :9, :2]
    changed = (drawn(boxes(keypoints=five), labels="") != plain).any(axis=2)
    assert changed[100, 120]
    assert not changed[100, 150]  # only key points of persons are connected by lines
    corners = np.array([[[160, 60], [220, 120], [160, 180], [100, 120]]], np.float32)
    turned = drawn(boxes(corners=corners), labels="")
    assert (turned[90, 130] != 90).any()
    assert (turned[80, 100:110] == 90).all()  # the upright box is not drawn
    assert (drawn(boxes(corners=corners.astype(np.int64)), labels="") == turned).all()
    with pytest.raises(ff.FreshframeError, match="'corners', which must contain float32 of the shape"):
        drawn(boxes(corners=np.zeros((1, 4), np.float32)))
