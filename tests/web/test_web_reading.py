"""Readability of the page: unbroken words, contrast, landmarks, and clear cards."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pipelines
import pytest

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

Run = Callable[..., str]
WIDTHS = pytest.mark.parametrize("width", [390, 768, 1440])
SCHEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])

# Returns words in headings and labels that are broken across lines.
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

# Returns the lowest contrast between the text of matching elements and its background, as defined by WCAG 2.
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
  let opacity = 1;
  for (let at = one; at; at = at.parentElement) {
    behind.unshift(getComputedStyle(at).backgroundColor);
    opacity *= getComputedStyle(at).opacity;
  }
  const text = `color-mix(in srgb, ${getComputedStyle(one).color} ${100 * opacity}%, transparent)`;
  const [a, b] = [light(painted(behind)), light(painted([...behind, text]))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});
return [ratios.length, Math.min(...ratios)]"""


# Returns the figures of the open details by their label.
FIGURES = """return Object.fromEntries([...document.querySelectorAll("#details dt")].map(
  (term) => [term.textContent, term.nextElementSibling.textContent]))"""


@pytest.fixture
def shop_page(page: Page, running: Run, tmp_path: Path) -> Page:
    page.size(1440, 1000)
    page.open(running(pipelines.shop(tmp_path)))
    page.until("return document.querySelector('#problems li[data-kind=loss]') !== null")
    page.until("return document.querySelector('#problems li[data-kind=away]') !== null")
    return page


@WIDTHS
def test_no_word_is_broken(shop_page: Page, width: int) -> None:
    shop_page.size(width, 900, phone=width < 500)
    shop_page.until("return document.querySelector('.node[data-node=spool]') !== null")
    assert shop_page.run(BROKEN) == []
    assert shop_page.run("return document.documentElement.scrollWidth") <= width


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
    assert shop_page.texts(f"{group} .node > header h3") == ["door", "door.packets", "record"]
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
    assert rows["lost in the node itself"] == "0"  # the queue upstream lost them, which the lines show
    covered = shop_page.run(
        "const edge = document.getElementById('details').getBoundingClientRect().left;"
        "return [...document.querySelectorAll('#facts dd, .problems .words, main > section')].filter("
        "(one) => one.getBoundingClientRect().right > edge + 1).map((one) => one.textContent)"
    )
    assert covered == []


def test_the_details_go_over_the_page_when_the_window_gets_narrow(shop_page: Page) -> None:
    shop_page.run("document.querySelector('#problems button').click()")
    title = shop_page.text("#details-title")
    for width, beside in ((768, False), (1440, True)):
        shop_page.size(width, 900)
        shop_page.until("return document.body.classList.contains('with-details') === arguments[0]", beside)
        assert shop_page.run("return document.querySelector('#details:modal') === null") is beside
        assert shop_page.text("#details-title") == title


def test_the_name_of_a_queue_has_more_room_than_its_bar(shop_page: Page) -> None:
    shop_page.until("return document.querySelector('.surface.as-graph') !== null")
    cut = shop_page.run(
        """return [...document.querySelectorAll(".edge h3 button")].filter(
        (one) => one.textContent === "RECORDING").map((one) => one.scrollWidth > one.clientWidth)"""
    )
    assert cut == [False]


def test_columns_of_sources_that_have_no_value_are_hidden(shop_page: Page) -> None:
    heads = shop_page.run(
        "return [...document.querySelectorAll('#source-list th')].filter((one) => one.checkVisibility())"
        ".map((one) => one.textContent)"
    )
    assert {"source", "state", "rate", "outages", "lost"} <= set(heads)
    assert not {"clock", "packets lost"} & set(heads)


def test_a_camera_that_has_images_is_shown_beside_one_that_has_none(
    page: Page, running: Run, tmp_path: Path
) -> None:
    pipeline = pipelines.shop(tmp_path)
    url = running(pipeline)
    page.open(url)
    page.until("return document.querySelector('.node[data-node=door]').dataset.state === 'recorded'")
    page.open(url)
    page.until(
        """return [...document.querySelectorAll('freshframe-view')]
          .some((view) => view.shadowRoot.querySelector('.age').textContent.endsWith(' old'))"""
    )
    assert page.texts("#ports [aria-pressed=true]") != ["door"]


def test_a_pipeline_without_nodes_says_so_and_names_no_bound_of_its_memory(page: Page) -> None:
    pipeline = ff.Pipeline("empty")
    with pipeline.serve() as dashboard:
        page.open(dashboard.url)
        page.until("return document.getElementById('gil-facts').textContent.includes('0 B')")
        assert page.text("#canvas") == "The pipeline has no nodes yet."
        assert "1,073" not in page.text("#gil-facts")


def test_a_chain_that_is_wider_than_the_page_is_drawn_in_rows(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("chain")
    port = pipeline.add(ff.open(pipelines.SLOW_SCENE), name="camera")
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
    pipeline.add(ff.open(pipelines.SLOW_SCENE))
    page.open(running(pipeline))
    assert page.wait_for(ROWS) == []


def test_figures_say_what_they_cover_and_the_highest_age_where_it_is(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("slow archive")
    camera = pipeline.add(ff.open(pipelines.SCENE), name="camera")
    pipeline.add(lambda frame: None, camera, name="quick")
    pipeline.add(pipelines.tired, camera, queue=ff.Queue(8), name="archive")
    page.open(running(pipeline))
    place = "document.querySelector('#facts .where')"
    page.until(f"return {place}.textContent === 'at archive'")
    assert page.run(f"return {place}.parentElement.firstChild.textContent") == "highest age"
    assert "rates: last second · ages and times: last 10 s" in page.text("#graph-hint")
    page.run("document.querySelector('.edge[data-child=archive] button').click()")
    page.until(f"{FIGURES}['age, median'].endsWith('s · last 10 s')")
    assert int(page.run(FIGURES)["waiting now"]) <= 8
    pipeline.stop()
    page.until("return document.getElementById('graph-hint').textContent.includes('times: whole run')")
    page.until(f"{FIGURES}['age, median'].endsWith('s · whole run')")


@pytest.mark.parametrize("size", [(1440, 900), (1050, 900)], ids=["graph", "list"])
def test_the_card_whose_details_are_open_is_marked(page: Page, running: Run, size: tuple[int, int]) -> None:
    page.size(*size)
    page.open(running(pipelines.example()[0]))
    marked = """[...document.querySelectorAll(".card")]
      .filter((card) => getComputedStyle(card).outlineStyle === "solid")
      .map(({dataset}) => dataset.node ?? dataset.child).join()"""
    page.until("return document.querySelector('.node[data-node=tired]') !== null")
    for name in ("tired", "camera"):
        page.run("document.querySelector(`.node[data-node=${arguments[0]}] h3 button`).click()", name)
        page.until(f"return {marked} === arguments[0]", name)
    page.run("document.querySelector('#details .close').click()")
    page.until(f"return {marked} === ''")
