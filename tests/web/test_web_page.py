"""The dashboard in a real browser shows the figures that the pipeline counts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import COUNT_PICTURES, VIEW, WATCHDOG, until
from pipelines import SCENE, brightness, example

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

Run = Callable[..., str]
SCRIPT = "<script>alert(1)</script>"

# Returns the figures of the open details by their label.
ROWS = """return Object.fromEntries([...document.querySelectorAll("#details dt")].map(
  term => [term.textContent, term.nextElementSibling.textContent]))"""
CHOOSE = """const card = [...document.querySelectorAll(".edge")].find(
  card => card.dataset.parent === arguments[0] && card.dataset.child === arguments[1]);
card?.querySelector("button").click(); return card !== undefined"""


def test_a_card_shows_the_processes_of_its_node(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("processes")
    camera = pipeline.add(ff.open(SCENE), name="camera")
    pipeline.add(brightness, camera, name="own", process=True)
    pipeline.add(brightness, camera, name="shared", process=ff.Process(workers=8))
    page.open(running(pipeline))
    line = "return (document.querySelector(arguments[0] + ' .workers')?.textContent ?? '')"
    shared = "[data-node=shared]"
    assert page.until(f"{line}.match(/(idle|working).* · \\d+ MiB/)", shared)
    assert page.text(f"{shared} .tag") == "8 processes"
    assert page.text("[data-node=own] .tag") == "process"
    assert page.run(line, "[data-node=camera]") == ""
    pid = pipeline.stats().nodes["shared"].workers[7].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    page.until(f"{line}.includes('1 restart ')", shared)
    page.until("return document.getElementById('event-list').textContent.includes('killed by signal 9')")
    page.run("document.querySelector(arguments[0] + ' button').click()", shared)
    page.until(
        """return /1 restart · .*MiB · .* of CPU · pid [1-9]/.test([...document.querySelectorAll(
  "#details dt")].find(term => term.textContent === "worker 8")?.nextElementSibling.textContent ?? "")"""
    )
    assert page.complaints() == []


def test_a_card_shows_how_its_network_is_computed(page: Page, running: Run) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    pipeline = ff.Pipeline("network")
    scene = pipeline.add(ff.open("demo:shapes?fps=10"), name="scene")
    pipeline.add(ff.OnnxDetector(ff.demo.shapes_model(), threads=1), scene, name="detector")
    page.open(running(pipeline))
    line = "return document.querySelector(arguments[0])?.textContent ?? ''"
    assert page.until(f"{line}.match(/cpu, 1 thread · .* a run/)", "[data-node=detector]")
    assert " a run" not in page.run(line, "[data-node=scene]")
    page.run("document.querySelector(arguments[0] + ' button').click()", "[data-node=detector]")
    page.until(f"{ROWS}['runs of the model'] > '0'")
    assert page.run(ROWS)["model runs on"] == "cpu, 1 thread"
    assert page.complaints() == []


def number(text: str) -> float:
    found = re.search(r"\d[\d,]*(\.\d+)?", text)
    assert found, text
    return float(found[0].replace(",", ""))


def test_the_page_loads_without_a_complaint_and_asks_nobody_else(page: Page, running: Run) -> None:
    pipeline, drawn = example()
    url = running(pipeline, view=drawn)
    page.open(url)
    page.until("return document.querySelectorAll('.edge').length === 4")
    page.until_picture()
    assert page.complaints() == []
    loaded = page.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded
    assert all(name.startswith(url) for name in loaded)
    page.run("document.documentElement.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    assert any("Content Security Policy" in line for line in page.complaints()), "inline styles are refused"


def test_graph_and_numbers_are_those_of_stats(page: Page, running: Run) -> None:
    pipeline, _ = example()
    page.open(running(pipeline))
    page.until("return document.querySelectorAll('.edge').length === 4")
    edges = page.run(
        "return [...document.querySelectorAll('.edge')]"
        ".map(card => [card.dataset.parent, card.dataset.child])"
    )
    nodes = page.run("return [...document.querySelectorAll('.node')].map(card => card.dataset.node)")
    stats = pipeline.stats()
    assert {tuple(edge) for edge in edges} == {(edge.parent, edge.child) for edge in stats.edges}
    assert set(nodes) == set(stats.nodes)

    page.until(CHOOSE, "camera", "brightness")

    def edge() -> ff.stats.EdgeStats:
        return next(edge for edge in pipeline.stats().edges if edge.child == "brightness")

    before = edge()
    first = number(page.run(ROWS)["delivered"])
    page.until(f"return {{...({ROWS.replace('return ', '')})}}.delivered.replaceAll(',', '') > {first}")
    shown = page.run(ROWS)
    after = edge()
    # The page refreshes every 250 ms, so its figures lie between the counters before and after.
    one_refresh = 30 * 0.25 + 2
    assert before.delivered - one_refresh <= number(shown["delivered"]) <= after.delivered
    assert before.passed_in - one_refresh <= number(shown["passed in"]) <= after.passed_in

    pipeline.stop()
    page.until("return document.getElementById('phase').textContent === 'stopped'")
    shown, final = page.run(ROWS), edge()
    assert number(shown["delivered"]) == final.delivered
    assert number(shown["passed in"]) == final.passed_in
    assert number(shown["dropped"]) == final.dropped
    for cause, count in final.drops.items():
        assert next(number(value) for term, value in shown.items() if term.startswith(f"{cause}:")) == count


def test_pictures_advance_tell_their_age_and_pause(page: Page, running: Run) -> None:
    pipeline, drawn = example()
    page.open(running(pipeline, view=[drawn]))
    page.until_picture()
    page.run(COUNT_PICTURES)
    page.until("return shown > 10")
    assert re.fullmatch(r"\d+\.\d+ s old", page.run(f"return {VIEW}.querySelector('.age').textContent"))
    assert page.run(f"return {VIEW}.querySelector('canvas').clientWidth") > 200
    assert page.run(
        f"""const canvas = {VIEW}.querySelector("canvas");
        const {{data}} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(data).size > 50"""
    ), "something is drawn"

    page.run(f"{VIEW}.querySelector('.bar button').click()")
    page.until(f"return {VIEW}.querySelector('.age').textContent.startsWith('paused')")
    encoded = "return (await (await fetch('api/state')).json()).views.map(view => view.encoded)"
    held, encodings = page.run("return shown"), page.wait_for(encoded)
    done = pipeline.stats().nodes["Annotate"].processed
    while pipeline.stats().nodes["Annotate"].processed < done + 15:
        time.sleep(0.05)
    assert page.run("return shown") == held, "paused"
    # One image may still have been encoded if it was in progress when the page reported the pause.
    assert page.wait_for(encoded)[0] <= encodings[0] + 1, "no page shows pictures: nothing is encoded"
    page.run(f"{VIEW}.querySelector('.bar button').click()")
    page.until(f"return shown > {held}")


def test_a_picture_fills_the_screen_and_is_saved_as_it_is_shown(
    page: Page, running: Run, tmp_path: Path
) -> None:
    from selenium.webdriver.common.by import By  # noqa: PLC0415  (tests are collected without it)

    pipeline, drawn = example()
    page.open(running(pipeline, view=drawn))
    page.until_picture()
    page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    root = page.driver.find_element(By.TAG_NAME, "freshframe-view").shadow_root
    _, _, full, save = root.find_elements(By.CSS_SELECTOR, ".bar button")
    save.click()
    saved = until(
        lambda: list(tmp_path.glob("Annotate*.png")), lambda: f"a PNG in {list(tmp_path.iterdir())}"
    )
    picture = ff.Frame.read(saved[0])
    assert picture.width >= 320
    assert abs(picture.width / picture.height - 16 / 9) < 0.01

    full.click()
    page.until("return document.fullscreenElement?.getAttribute('port') === 'Annotate'")
    page.until(f"return {VIEW}.querySelector('canvas').clientWidth > 1000")
    full.click()
    page.until("return document.fullscreenElement === null")


def test_ports_are_chosen_and_keep_their_order_and_their_pictures(page: Page, running: Run) -> None:
    pipeline, _ = example()
    pipeline.add(ff.open(SCENE), name="second")
    page.open(running(pipeline))
    page.until_picture()
    ports = page.run(
        "return [...document.querySelectorAll('#ports [aria-pressed]')].map(one => one.textContent)"
    )
    assert len(ports) == 3
    above = """return document.getElementById('pictures').getBoundingClientRect().top
      < document.getElementById('graph').getBoundingClientRect().top"""
    assert page.run(above)
    page.run("window.first = document.querySelector('freshframe-view')")
    page.run("window.states = []; first.addEventListener('state', event => states.push(event.detail.state))")
    shown = "return [...document.querySelectorAll('.screen')].map(one => one.dataset.port)"
    assert page.run(shown) == ports
    page.until(
        "return [...document.querySelectorAll('freshframe-view')].every("
        "one => one.shadowRoot.querySelector('.age').textContent.endsWith(' old'))"
    )
    assert page.run("return first.isConnected && !states.includes('hidden')"), "the first one began anew"
    every = "document.querySelector('#ports button:last-child')"
    assert page.run(f"return {every}.textContent") == "hide all"
    page.run(f"{every}.click()")
    assert page.run(shown) == []
    assert page.run(f"return {every}.textContent") == "show all"
    hint = "return document.getElementById('no-screen').checkVisibility()"
    assert page.run(hint)
    page.run("document.querySelectorAll('#ports button')[1].click()")
    assert page.run(shown) == [ports[1]]
    assert not page.run(hint)


@pytest.mark.parametrize("views", [1, 4, 5])
def test_all_views_are_shown_up_to_four(page: Page, running: Run, views: int) -> None:
    pipeline = ff.Pipeline()
    names = [f"camera{number}" for number in range(views)]
    page.open(running(pipeline, view=[pipeline.add(ff.open(SCENE), name=name) for name in names]))
    page.until_picture()
    shown = "return [...document.querySelectorAll('.screen')].map(one => one.dataset.port)"
    assert page.run(shown) == names[:4]


def test_a_page_that_comes_late_shows_what_was_before(page: Page, running: Run) -> None:
    pipeline, _ = example()
    url = running(pipeline)
    while pipeline.stats().elapsed < 4:
        time.sleep(0.1)
    page.open(url)
    drawn = """const canvas = document.querySelector(".node .spark canvas");
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const columns = new Set();
      for (let at = 3; at < data.length; at += 4) {
        if (data[at] > 0) columns.add(((at - 3) / 4) % canvas.width);
      }
      return columns.size / canvas.width"""
    share = page.until(drawn)
    assert 2 / 60 < share < 0.5, "some seconds of a minute"


def test_a_page_that_was_left_is_no_viewer_any_more(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE), name="camera")
    url = running(pipeline)
    for _ in range(4):
        page.open(url)
        page.load("about:blank")  # the browser keeps the page in its back-forward cache
    page.open(url)
    with urllib.request.urlopen(f"{url.partition('?')[0]}api/state", timeout=WATCHDOG) as answer:
        assert json.load(answer)["viewers"] < 3


def test_drops_appear_on_the_edge_of_the_slow_consumer(page: Page, running: Run) -> None:
    pipeline, _ = example()
    page.open(running(pipeline))
    page.until("return document.querySelector('.edge[data-child=tired]').dataset.state === 'dropping'")
    page.until(
        "return document.querySelector('.edge[data-child=tired] .drops')"
        ".textContent.includes('frame by design')"
    )
    assert "queue full" in page.text(".edge[data-child=tired] .cause")
    terms = page.texts(".edge[data-child=tired] dt") + page.texts(".node[data-node=tired] dt")
    assert {"median age", "median time", "99th percentile", "waiting now"} <= set(terms)
    assert not page.texts("#event-list li[data-kind=drop]"), "drops by design are no events"
    page.until("return document.querySelector('.node[data-node=tired] .state').textContent === 'fully busy'")
    stats = {edge.child: edge for edge in pipeline.stats().edges}
    assert stats["tired"].dropped > 0
    for child in ("brightness", "CircleTracker"):
        if stats[child].dropped == 0:
            assert page.text(f".edge[data-child={child}] .drops") == "no drops"
    # LATEST drops by design, so this is not an alarm. A scene that loses frames on a busy machine is one.
    assert page.run("return document.querySelector('.edge[data-alarm]')") is None
    assert not [line for line in page.texts("#problems li") if "tired" in line or "→" in line]
    assert page.text("#phase").startswith("running")


def test_a_failed_node_is_shown_with_its_traceback(page: Page, running: Run) -> None:
    def breaks(frame: ff.Frame) -> None:
        raise ValueError(f"cannot work on {frame.width} pixels")

    pipeline = ff.Pipeline("fails")
    pipeline.add(breaks, pipeline.add(ff.open(SCENE), name="camera"))
    page.open(running(pipeline))
    page.until("return document.getElementById('phase').textContent === 'failed'")
    page.until("return document.querySelector('.banner[data-kind=failed]').checkVisibility()")
    banner = page.text(".banner[data-kind=failed]")
    assert "'breaks'" in banner
    assert "ValueError: cannot work on 640 pixels" in banner
    assert 'raise ValueError(f"cannot work on' in banner
    page.until("return document.querySelector('#event-list li[data-kind=error]') !== null")
    assert page.run("return document.querySelector('.node[data-node=breaks]').dataset.state") == "failed"


def test_no_name_can_become_part_of_the_page(page: Page, running: Run) -> None:
    def fails(frame: ff.Frame) -> None:
        raise ValueError(f"{SCRIPT}<img src=x onerror=alert(2)>")

    pipeline = ff.Pipeline(SCRIPT)
    camera = pipeline.add(ff.open(SCENE), name='<img src="x" onerror="alert(3)">')
    node = pipeline.add(lambda frame: frame, camera, name=SCRIPT)
    pipeline.add(fails, node, name="'\" --></style>")
    url = running(pipeline, view=camera)
    page.open(url)
    page.until("return document.getElementById('phase').textContent === 'failed'")
    assert page.text("#name") == SCRIPT
    assert SCRIPT in page.run("return [...document.querySelectorAll('.node')].map(card => card.dataset.node)")
    page.until(CHOOSE, '<img src="x" onerror="alert(3)">', SCRIPT)
    assert SCRIPT in page.text("#details-title")
    scripts = page.run("return [...document.scripts].map(script => script.src)")
    assert all(script.startswith(url) for script in scripts)
    assert page.run("return document.querySelectorAll('img, main style, main script').length") == 0
    assert page.complaints() == []


def test_the_end_is_told(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("short")
    pipeline.add(brightness, pipeline.add(ff.open(f"{SCENE}&pace=0&frames=20")))
    page.open(running(pipeline))
    page.until("return document.getElementById('phase').textContent === 'ended'")
    assert "has ended" in page.text(".banner[data-kind=over]")


def test_the_keyboard_reaches_and_leaves_the_details(page: Page, running: Run) -> None:
    from selenium.webdriver import ActionChains, Keys  # noqa: PLC0415

    def press(*keys: str) -> None:
        actions = ActionChains(page.driver)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    pipeline, _ = example()
    page.open(running(pipeline))
    page.until("return document.querySelectorAll('.edge').length === 4")
    name = "return document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    seen: list[str] = []
    while len(seen) < 20 and "tired" not in seen:
        press(Keys.TAB)
        seen.append(page.run(name))
    assert seen[0] == "Skip to the graph"
    cards = [one for one in seen if one.startswith("LATEST, ") or one in pipeline.stats().nodes]
    assert (
        cards.index("camera") < cards.index("LATEST, camera → CircleTracker") < cards.index("CircleTracker")
    )
    outline = "return getComputedStyle(document.activeElement.closest('.card')).outlineStyle"
    assert page.run(outline) == "solid"
    press(Keys.ENTER)
    page.until("return document.getElementById('details').open")
    assert page.text("#details-title") == "tired"
    press(Keys.ESCAPE)
    page.until("return !document.getElementById('details').open")
    assert page.run(name) == "tired", "the focus is back"


RANGE = """[...document.querySelectorAll('#details .ranges button')].find(
  (button) => button.textContent === arguments[0])"""
# Returns the text of the file that a click on "CSV" downloads.
CSV = f"""const original = URL.createObjectURL;
let file;
URL.createObjectURL = (blob) => original.call(URL, (file = blob));
{RANGE}.click();
URL.createObjectURL = original;
return file.text();"""


def test_the_details_show_a_longer_range_and_give_it_as_csv(page: Page, running: Run) -> None:
    pipeline, _ = example()
    page.open(running(pipeline))
    page.until(CHOOSE, "camera", "CircleTracker")
    pressed = f"return {RANGE}?.getAttribute('aria-pressed')"
    assert page.run(pressed, "1 min") == "true"
    page.run(f"{RANGE}.click()", "1 h")
    assert (page.run(pressed, "1 min"), page.run(pressed, "1 h")) == ("false", "true")
    assert page.run("return document.querySelectorAll('#details canvas').length") == 3

    def last_point() -> list[str] | None:
        head, *rows = page.wait_for(CSV, "CSV").splitlines()
        assert head == "seconds,rate,dropped,waiting,age_p50"
        points = [row.split(",") for row in rows]
        return points[-1] if points and float(points[-1][1] or 0) > 0 else None

    point = until(last_point, lambda: "a rate in the file")
    assert (len(point), point[0]) == (5, "0")
    assert float(point[4]) > 0
    assert page.complaints() == []
