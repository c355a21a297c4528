"""The layout of the graph: no cards overlap, every edge leads to the right, every name appears once."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pipelines import example

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

Run = Callable[..., str]

# Lays out random graphs and returns their faults.
CHECK = """
const {arrange, levels} = await import("/layout.js");
let seed = 1;
const random = below => (seed = (seed * 48271) % 2147483647) % below;
const wrong = [];
for (let round = 0; round < 300; ++round) {
  const nodes = Array.from({length: 1 + random(14)},
    (_, index) => ({name: `n${index}`, height: 40 + random(120)}));
  const edges = [];
  for (let child = 1; child < nodes.length; ++child) {
    for (let parents = random(4); parents > 0; --parents) {
      edges.push({parent: `n${random(child)}`, child: `n${child}`, height: 60 + random(60)});
    }
  }
  const plan = arrange(nodes, edges, {nodeWidth: 180, edgeWidth: 150, gap: 20, space: 18});
  const boxes = [...plan.nodes, ...plan.edges];
  if (plan.nodes.length !== nodes.length || plan.edges.length !== edges.length) {
    wrong.push([round, "a card is missing"]);
  }
  for (let a = 0; a < boxes.length; ++a) {
    if (!(boxes[a].x >= 0 && boxes[a].y >= -0.001 && boxes[a].y + boxes[a].height <= plan.height + 0.001
        && boxes[a].x + boxes[a].width <= plan.width + 0.001)) wrong.push([round, "outside"]);
    for (let b = 0; b < a; ++b) {
      const [one, two] = [boxes[a], boxes[b]];
      const apart = one.x + one.width <= two.x || two.x + two.width <= one.x
        || one.y + one.height <= two.y + 0.001 || two.y + two.height <= one.y + 0.001;
      if (!apart) wrong.push([round, "overlap"]);
    }
  }
  plan.routes.forEach(points => points.forEach((point, index) => {
    if (index > 0 && point.x < points[index - 1].x) wrong.push([round, "a curve goes back"]);
  }));
  const level = levels(nodes.map(node => node.name), edges);
  for (const {parent, child} of edges) {
    if (level.get(child) <= level.get(parent)) wrong.push([round, "a child before its parent"]);
  }
  const read = plan.reading.filter(one => one.edge !== undefined).map(one => one.edge);
  if (new Set(read).size !== edges.length) wrong.push([round, "an edge is not read"]);
}
return wrong;
"""


def test_cards_do_not_overlap(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("demo:circles"))
    page.open(running(pipeline))
    assert page.wait_for(CHECK) == []


def test_the_graph_follows_the_window(page: Page, running: Run) -> None:
    pipeline, _ = example()
    page.open(running(pipeline))
    fits = """return [...document.querySelectorAll(".spark")].every(place =>
      place.clientWidth > 0 && Math.abs(place.querySelector("canvas").clientWidth - place.clientWidth) <= 1)
      && document.querySelector(".surface").classList.contains(arguments[0])"""
    page.until(fits, "as-graph")
    for width, height, shape in ((390, 844, "as-list"), (1280, 700, "as-graph"), (390, 844, "as-list")):
        page.size(width, height, phone=width < 500)
        page.until(fits, shape)
        assert page.run("return document.documentElement.scrollWidth") <= width


def test_the_charts_of_the_details_follow_a_phone_that_is_turned(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=320x180"), name="camera")
    pipeline.add(lambda frame: None, camera, name="last")
    page.size(844, 390, phone=True)
    page.open(running(pipeline))
    page.until("return document.querySelector('.edge button') !== null")
    page.run("document.querySelector('.edge button').click()")
    fits = """const charts = [...document.querySelectorAll("#details .chart")];
      return charts.length === 3 && charts.every(chart => chart.clientWidth > 0
        && Math.abs(chart.querySelector("canvas").clientWidth - chart.clientWidth) <= 1)"""
    page.until(fits)
    page.size(390, 844, phone=True)
    page.until(fits)


def test_on_a_phone_no_card_covers_what_the_one_above_it_has_lost(page: Page, running: Run) -> None:
    def fail(frame: ff.Frame) -> None:
        raise ValueError("no good")

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=320x180"), name="camera")
    pipeline.add(fail, camera, name="picky", on_error="skip")
    pipeline.add(lambda frame: None, camera, name="last")
    page.size(390, 1600, phone=True)
    page.open(running(pipeline))
    page.until("return document.querySelector('.node[data-node=picky] .alarm').checkVisibility()")
    on_top = page.run(
        """const alarm = document.querySelector(".node[data-node=picky] .alarm");
        alarm.scrollIntoView({block: "center"});
        const {left, width, bottom} = alarm.getBoundingClientRect();
        return document.elementFromPoint(left + width / 2, bottom - 1.5).closest(".card").dataset.node;"""
    )
    assert on_top == "picky"


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_pictures_of_the_page_for_people(page: Page, running: Run, size: tuple[int, int], dark: bool) -> None:
    page.size(*size, dark=dark, phone=size[0] < 500)
    pipeline, drawn = example()
    page.open(running(pipeline, view=drawn))
    page.until_picture()
    page.until("return document.querySelector('.edge[data-child=tired]').dataset.state === 'dropping'")
    width = page.run("return document.documentElement.scrollWidth")
    assert width <= size[0], "nothing is wider than the window"
    folder = Path(__file__).parents[2] / "build" / "web"
    folder.mkdir(parents=True, exist_ok=True)
    saved = page.picture(folder / f"{size[0]}x{size[1]}-{'dark' if dark else 'light'}.png")
    assert saved.stat().st_size > 20_000


def test_a_selected_card_stays_visible_beside_its_details(page: Page, running: Run) -> None:
    page.size(1440, 400)
    pipeline, drawn = example()
    page.open(running(pipeline, view=[drawn, pipeline.add(ff.open("demo:circles"), name="second")]))
    card = "document.querySelector('.node[data-node=tired]')"
    page.until(f"return {card} !== null && {card}.getBoundingClientRect().bottom > innerHeight")
    page.run(f"{card}.querySelector('button').click()")
    page.until(
        f"""const {{left, right, top, bottom}} = {card}.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight && left >= 0
          && right <= document.getElementById('details').getBoundingClientRect().left"""
    )
