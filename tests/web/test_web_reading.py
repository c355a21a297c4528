"""Whether people can read the page: whole words, contrast, landmarks, cards that say what is meant."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

Run = Callable[..., str]
SCENE = "demo:circles?fps=15&size=320x180"
WIDTHS = pytest.mark.parametrize("width", [390, 768, 1440])
SCHEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])

# Words of headings and labels that stand on more than one line.
BROKEN = r"""const broken = [];
for (const place of document.querySelectorAll("h1, h2, h3, b, th, .state, .tag, .kind, .problems button")) {
  const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    for (const word of text.data.matchAll(/[^\s\-.→/_(),:]+/g)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter((box) => box.width > 0).map((box) => box.top));
      if (lines.size > 1) broken.push(word[0]);
    }
  }
}
return broken"""

# The smallest contrast of the texts of such elements with what is behind them, by WCAG 2.
CONTRAST = """const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const painted = (colours) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = (rgb) => {
  const [r, g, b] = rgb.map((part) => part / 255).map(
    (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const shown = [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility());
const ratios = shown.filter((one) => one.textContent !== "").map((one) => {
  const behind = [];
  for (let at = one; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
  const [a, b] = [light(painted(behind)), light(painted([...behind, getComputedStyle(one).color]))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});
return [ratios.length, Math.min(...ratios)]"""


class Camera(ff.Source[ff.Frame]):
    """A camera, or its packets."""

    live = True

    def __init__(self, *, gives: bool) -> None:
        self.gives = gives

    def read(self, stop: ff.StopToken) -> Iterator[tuple[ff.Frame, float]]:
        number = 0
        while not stop.wait(1 / 15):
            if self.gives:
                yield ff.Frame.from_array(np.zeros((48, 64), np.uint8), "gray"), number / 15
            number += 1


def slow(value: object) -> object:
    time.sleep(0.2)
    return value


def difference(left: ff.Frame, right: ff.Frame) -> float:
    return float(left.luma.mean()) - float(right.luma.mean())


def refuse(events: object) -> None:
    raise OSError("receiver is away")


def shop(folder: Path) -> ff.Pipeline:
    """Cameras that work, one that is only recorded, one that is away, and each kind of loss."""
    pipeline = ff.Pipeline("shop", keep_running=True)
    pipeline.add(Camera(gives=False), name="door")
    pipeline.add(lambda packet: None, pipeline.add(Camera(gives=True), name="door.packets"), name="record")
    yard = pipeline.add(ff.open(SCENE), name="yard")
    left = pipeline.add(ff.open(SCENE + "&seed=2"), name="left")
    pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("rtsp://127.0.0.1:1/x"), name="away"))
    circles = pipeline.add(ff.CircleTracker(), left)
    pipeline.add(ff.Spool(folder / "out", refuse), circles, name="spool")
    pair = pipeline.add(difference, (left, yard), join=ff.Join(within=0.03, wait=0.2), name="difference")
    queue = ff.Queue(4, "drop_newest")
    sent = pipeline.add(slow, pair, queue=queue, name="upload to the web server of the shop")
    pipeline.add(lambda value: None, sent, name="console")
    return pipeline


@pytest.fixture
def shop_page(page: Page, running: Run, tmp_path: Path) -> Page:
    page.size(1440, 1000)
    page.open(running(shop(tmp_path)))
    page.until("return document.querySelector('#problems li[data-kind=loss]') !== null")
    page.until("return document.querySelector('#problems li[data-kind=source]') !== null")
    return page


@WIDTHS
def test_no_word_is_broken(shop_page: Page, width: int) -> None:
    shop_page.size(width, 900, phone=width < 500)
    shop_page.until("return document.querySelector('.node[data-node=spool]') !== null")
    assert shop_page.run(BROKEN) == []
    assert shop_page.run("return document.documentElement.scrollWidth") <= width


@SCHEMES
@WIDTHS
def test_axe_has_no_remark(shop_page: Page, width: int, dark: bool) -> None:
    axe = pytest.importorskip("axe_core_python", reason="needs axe-core-python; ./dev test-web installs it")
    shop_page.size(width, 900, dark=dark, phone=width < 500)
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    shop_page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": script})
    found = shop_page.wait_for(
        "return (await axe.run()).violations.map(({id, nodes}) => [id, nodes.map(({target}) => target)])"
    )
    assert found == []


@SCHEMES
def test_badges_and_states_stand_out_from_what_is_behind_them(shop_page: Page, dark: bool) -> None:
    shop_page.size(1440, 900, dark=dark)
    for texts in (".problems .kind", ".problems .words", ".node .state", ".alarm", ".event-list .kind"):
        number, contrast = shop_page.run(CONTRAST, texts)
        assert number > 0, texts
        assert contrast >= 4.5, texts


def test_what_scrolls_can_be_focused_and_notices_are_in_a_landmark(shop_page: Page) -> None:
    for place in ("#source-list", "#event-list"):
        assert shop_page.run("return document.querySelector(arguments[0]).tabIndex", place) == 0
    landmark = "return document.querySelector('#problems').closest('section[aria-label]') !== null"
    assert shop_page.run(landmark)


def test_a_camera_that_is_only_recorded_says_so_and_has_its_packets_in_its_group(shop_page: Page) -> None:
    shop_page.size(390, 900, phone=True)
    group = ".group[data-source=door]"
    shop_page.until(
        "return document.querySelector(arguments[0] + ' .node[data-node=record]') !== null", group
    )
    assert shop_page.texts(f"{group} .node h3") == ["door", "door.packets", "record"]
    shop_page.until("return document.querySelector(arguments[0]).dataset.state === 'recorded'", group)
    assert shop_page.text(f"{group} > summary .state") == "only recorded"
    assert shop_page.text(f"{group} > summary .rate") != "0.0 fps"
    assert "door.packets" not in shop_page.texts(".group > summary b")


def test_the_details_of_a_red_card_say_what_is_wrong_and_cover_nothing(shop_page: Page) -> None:
    name = "upload to the web server of the shop"
    shop_page.run(
        "[...document.querySelectorAll('.node')].find(({dataset}) => dataset.node === arguments[0])"
        ".querySelector('button').click()",
        name,
    )
    shop_page.until("return document.querySelector('#details .told li')?.textContent.includes('lost')")
    rows = shop_page.run(
        "return Object.fromEntries([...document.querySelectorAll('#details dt')].map("
        "(term) => [term.textContent, term.nextElementSibling.textContent]))"
    )
    assert rows["state"] == "loses frames"
    assert rows["lost in the node itself"] == "0"  # the queue above it has lost them: the lines say so
    covered = shop_page.run(
        "const edge = document.getElementById('details').getBoundingClientRect().left;"
        "return [...document.querySelectorAll('#facts dd, .problems .words, main > section')].filter("
        "(one) => one.getBoundingClientRect().right > edge + 1).map((one) => one.textContent)"
    )
    assert covered == []


def test_a_chain_that_is_wider_than_the_page_is_drawn_in_rows(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("chain")
    port = pipeline.add(ff.open(SCENE), name="camera")
    for name in ("find", "filter of the small ones", "upload", "archive", "console"):
        port = pipeline.add(lambda value: value, port, name=name)
    pipeline.reader(port, name="reader")
    page.size(1440, 900)
    page.open(running(pipeline))
    page.until("return document.querySelector('.surface.as-graph') !== null")
    tops = page.run("return [...document.querySelectorAll('.node')].map((one) => one.style.top)")
    assert len(set(tops)) > 1
    fits = "const box = document.getElementById('canvas'); return box.scrollWidth <= box.clientWidth + 1"
    assert page.run(fits)
    assert page.run(BROKEN) == []


ROWS = """const {arrange} = await import("/layout.js");
const wrong = [];
for (let length = 2; length <= 14; ++length) {
  const nodes = Array.from({length}, (_, index) => ({name: `n${index}`, height: 60 + 17 * (index % 5)}));
  const edges = nodes.slice(1).map((_, index) => ({parent: `n${index}`, child: `n${index + 1}`, height: 70}));
  for (const most of [900, 1400, 1900]) {
    const plan = arrange(nodes, edges, {nodeWidth: 182, edgeWidth: 154, gap: 22, space: 18}, most);
    const boxes = [...plan.nodes, ...plan.edges];
    const rows = new Set(plan.nodes.map(({x}) => x)).size === length ? 1 : 2;
    if (plan.width > most && rows !== 1) wrong.push([length, most, "too wide"]);
    for (const [a, one] of boxes.entries()) {
      if (one.x < 0 || one.y < -0.001 || one.x + one.width > plan.width + 0.001
          || one.y + one.height > plan.height + 0.001) wrong.push([length, most, "outside"]);
      for (const two of boxes.slice(0, a)) {
        if (one.x < two.x + two.width && two.x < one.x + one.width
            && one.y < two.y + two.height - 0.001 && two.y < one.y + one.height - 0.001)
          wrong.push([length, most, "overlap"]);
      }
    }
    for (const points of plan.routes) points.forEach((point, index) => {
      if (index > 0 && point.x < points[index - 1].x && point.back === undefined)
        wrong.push([length, most, "a curve goes back without a way"]);
    });
  }
}
return wrong"""


def test_rows_do_not_overlap(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE))
    page.open(running(pipeline))
    assert page.wait_for(ROWS) == []
