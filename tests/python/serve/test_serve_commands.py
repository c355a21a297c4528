"""The commands that use the dashboard: view, run, top, and --serve."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from rigs.command_line import COMMAND, ENVIRONMENT, Command, Process
from rigs.web_client import Video
from support import WATCHDOG, until

LIVE = "demo:circles?size=320x240&balls=2&fps=30"


@pytest.mark.slow
def test_view_serves_a_source_and_its_circles(process: Callable[..., Process]) -> None:
    view = process("view", LIVE, "--port", "0", "--circles")
    until(lambda: view.state()["phase"] == "running", "the pipeline to run")
    state = view.state()
    assert [node["name"] for node in state["nodes"]] == ["source", "CircleTracker", "Annotate"]
    assert {node["name"] for node in state["nodes"] if node["view"]} == {"source", "Annotate"}
    assert [shown["port"] for shown in state["views"]] == ["Annotate", "source"]
    assert view.url.endswith("/#view=Annotate"), "the page shows the circles first"
    assert view.end() == 143


@pytest.mark.slow
def test_view_rotates_its_source(process: Callable[..., Process]) -> None:
    view = process("view", LIVE, "--port", "0", "--rotate", "90")
    with Video(view.url.partition("#")[0]) as page:
        page.watch("source", mode="jpeg")
        about = page.next("start").json()
        assert (about["width"], about["height"]) == (240, 320)
    assert view.end() == 143


@pytest.mark.slow
def test_view_of_a_browser_prints_the_link_of_its_camera_first(process: Callable[..., Process]) -> None:
    view = process("view", "browser:", "--port", "0")
    link = urlsplit(view.url)
    assert (link.hostname, link.path) == ("localhost", "/camera"), "browsers permit cameras there"
    asked = parse_qs(link.fragment)
    assert (asked["camera"], asked["view"]) == (["source"], ["source"])
    with urllib.request.urlopen(view.url.partition("#")[0]) as answer:
        assert b"camera/page.js" in answer.read()
    assert view.end() == 143


@pytest.mark.slow
def test_the_demo_of_a_browser_prints_the_link_of_its_camera_first(process: Callable[..., Process]) -> None:
    demo = process("demo", "--browser", "--seconds", "1")
    link = urlsplit(demo.url)
    assert (link.hostname, link.path) == ("localhost", "/camera"), "browsers permit cameras there"
    asked = parse_qs(link.fragment)
    assert (asked["camera"], asked["view"]) == (["camera"], ["Annotate"])
    assert demo.end() == 143


def test_the_demo_of_a_browser_has_one_scene(freshframe: Command) -> None:
    code, _, err = freshframe("demo", "--browser", "--shapes")
    assert code == 2
    assert "--browser cannot be used with --shapes" in err


def test_the_demo_of_a_browser_writes_no_files(freshframe: Command, tmp_path: Path) -> None:
    code, _, err = freshframe("demo", "--browser", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "--browser cannot be used with --out: it writes no files" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_demo_of_a_browser_keeps_stdout_for_json() -> None:
    demo = subprocess.Popen(
        [*COMMAND, "demo", "--browser", "--json", "--serve", "0"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stderr is not None
    read: list[str] = []
    while not read or "/camera#" not in read[-1]:
        read.append(demo.stderr.readline())
        assert read[-1], f"no link in {read}"
    demo.terminate()
    out, _ = demo.communicate(timeout=WATCHDOG)
    assert not out
    assert any("dashboard: http://" in line for line in read), "--serve promises its URL"


def test_view_of_a_file_that_is_not_there_prints_no_url(freshframe: Command) -> None:
    code, out, err = freshframe("view", "nofile.mp4")
    assert code == 3
    assert "http" not in out + err
    assert "shows" not in err
    assert "nofile.mp4" in err


@pytest.mark.slow
def test_track_serves_while_it_runs(process: Callable[..., Process]) -> None:
    track = process("track", LIVE, "--serve")
    until(lambda: track.state()["phase"] == "running", "the pipeline to run")
    assert [node["name"] for node in track.state()["nodes"] if node["view"]] == ["Annotate"]
    with urllib.request.urlopen(f"{track.url}metrics") as answer:
        assert b"# TYPE" in answer.read()
    assert track.end() == 143


@pytest.mark.slow
def test_a_file_is_run_with_its_dashboard(process: Callable[..., Process], app: Callable[[str], str]) -> None:
    path = app(
        f"""
        import freshframe as ff
        pipeline = ff.Pipeline("of a file")
        pipeline.add(ff.open("{LIVE}"), name="camera")
        """
    )
    run = process("run", path, "--serve", "0")
    until(lambda: run.state()["phase"] == "running", "the pipeline to run")
    assert run.state()["name"] == "of a file"
    assert run.end() == 143


def test_a_generated_token_is_printed_with_quiet_too(freshframe: Command) -> None:
    arguments = ("track", LIVE, "--max-frames", "3", "-q", "--serve", "0")
    assert freshframe(*arguments)[2] == ""
    err = freshframe(*arguments, "--host", "0.0.0.0")[2]
    assert re.fullmatch(r"(http://\S+/\?token=[\w-]{32}\n)+", err)


def test_a_port_that_cannot_be_is_refused(freshframe: Command) -> None:
    code, _, err = freshframe("view", LIVE, "--port", "70000")
    assert code == 2
    assert "0 to 65535" in err
    code, _, err = freshframe("track", "--serve", "clip.mp4")
    assert code == 2
    assert "clip.mp4" in err
