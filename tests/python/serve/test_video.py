"""/api/video: the camera's own encoded frames with results, without a decoder or encoder."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.media import encode, lying
from rigs.live.rtsp import RtspServer
from rigs.live.servers import TcpServer
from rigs.web_client import Video, VideoMessage, request
from support import until

import freshframe as ff

TOKEN = "a-token-of-the-tests"


def boxes(frame: ff.Frame) -> ff.Detections:
    """Returns the same box for each frame."""
    return ff.Detections(
        np.array([[10, 20.5, 30, 40]], np.float32), np.array([0.5], np.float32), np.array([3])
    )


@contextlib.contextmanager
def served(
    *, size: tuple[int, int] | None = None, steps: Sequence[Any] = (), **options: Any
) -> Iterator[tuple[ff.Pipeline, ff.types.Dashboard]]:
    """A camera and a node with results, with `steps` between them."""
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, size=size, **PATIENT), name="door")
        below = camera
        for step in steps:
            below = pipeline.add(step, below)
        people = pipeline.add(boxes, below, name="people")
        with pipeline, pipeline.serve(view=[people, camera], **options) as dashboard:
            yield pipeline, dashboard


def decoded(messages: list[VideoMessage], start: VideoMessage) -> list[float]:
    """Returns the pts of the frames that FFmpeg decodes from the fragments."""
    av = pytest.importorskip("av", reason="needs PyAV, which reads the fragments")
    segment = start.body[len(start.body) - start.sample_size :]
    data = segment + b"".join(message.body for message in messages)
    with av.open(io.BytesIO(data), format="mp4") as film:
        return [frame.time - start.json()["shift"] for frame in film.decode(video=0)]


@pytest.mark.slow
def test_a_port_of_results_shows_the_video_of_its_source_with_results() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        assert page.text("welcome")["ports"] == ["people", "door"]
        page.watch("people")
        start = page.next("start")
        about = start.json()
        assert about["mode"] == "video"
        assert (about["port"], about["source"]) == ("people", "door")
        assert about["codec"].startswith("avc1.")
        assert about["mime"] == f'video/mp4; codecs="{about["codec"]}"'
        assert about["width"] > 0
        pictures: list[VideoMessage] = []
        results: list[VideoMessage] = []
        while len(pictures) < 40 or len(results) < 20:
            message = page.message()
            page.acknowledge(message)
            (pictures if message.kind == "picture" else results).append(message)
        assert pictures[0].flags & VideoMessage.KEY
        assert not pictures[-1].left_out
        times = [message.pts for message in pictures]
        assert decoded(pictures, start) == pytest.approx(sorted(times), abs=1e-3)
        assert {message.kind for message in results} == {"results"}
        for message in results:
            assert min(abs(message.pts - time) for time in times) < 1e-3
        body = results[-1].json()
        assert body["boxes"] == [80, 164, 240, 320]
        assert body["classes"] == [3]
        assert body["scores"] == [500]
        assert "ids" not in body


def test_results_say_the_size_of_the_picture_in_which_they_were_found() -> None:
    for size in (None, (320, 90)):
        with served(size=size) as (_, dashboard), Video(dashboard.url) as page:
            page.watch("people")
            about = page.next("start").json()
            assert about["mode"] == "video"
            assert page.next("results").json()["size"] == list(size or (about["width"], about["height"]))


@pytest.mark.slow
def test_a_start_of_jpegs_says_how_many_bytes_a_second_of_the_video_has() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        page.watch("door")
        for _ in range(40):
            page.acknowledge(page.next("picture"))
        page.watch("door", mode="jpeg")
        film = clip("h264")
        packets = sum(map(len, film.frames)) / len(film.frames) * film.fps
        boxes_around = 250 * film.fps
        assert packets < page.next("start").json()["rate"] < 1.5 * packets + boxes_around


@pytest.mark.slow
def test_pictures_that_are_stored_turned_stay_video_and_say_how_they_are_turned() -> None:
    with TcpServer(lying(encode("mp4", 300, size=(160, 120)))) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        people = pipeline.add(boxes, camera, name="people")
        with pipeline, pipeline.serve(view=people) as dashboard, Video(dashboard.url) as page:
            page.watch("people")
            about = page.next("start").json()
            assert (about["mode"], about["turn"]) == ("video", {"flip": False, "quarters": 1})
            assert (about["width"], about["height"]) == (120, 160)
            results: list[Any] = []
            while len(results) < 20:
                message = page.message()
                page.acknowledge(message)
                assert message.kind in {"picture", "results"}
                results += [message.json()] if message.kind == "results" else []
            assert {tuple(result["size"]) for result in results} == {(120, 160)}


def cropped(frame: ff.Frame) -> ff.Frame:
    return ff.Frame.from_array(frame.luma[16:80, 32:128], "gray")


def start_of_jpeg(page: Video) -> Any:
    """Returns the start message of JPEGs. Before the first result, the view may have started with video."""
    for _ in range(300):
        message = page.message()
        page.acknowledge(message)
        if message.kind == "start" and message.json()["mode"] == "jpeg":
            return message.json()
    raise AssertionError("the view stays one of video")


@pytest.mark.slow
def test_results_of_pictures_that_a_node_has_made_come_with_these() -> None:
    with served(steps=[cropped]) as (_, dashboard), Video(dashboard.url) as page:
        page.watch("people")
        about = start_of_jpeg(page)
        assert about["why"] == "the results were found in other images than the source's own"
        assert (about["width"], about["height"]) == (96, 64)
        assert page.next("jpeg").body.startswith(b"\xff\xd8")
        assert page.next("results").json()["size"] == [96, 64]
        page.watch("people", mode="video")
        gone = page.next("gone").json()
        assert (gone["why"], gone["text"]) == ("no_packets", about["why"])
        page.watch("door")
        assert page.next("start").json()["mode"] == "video"


@pytest.mark.parametrize("mode", ["own", "camera's"])
def test_results_that_say_their_own_picture_come_with_it(mode: str) -> None:
    class Found(ff.Node[ff.Frame, ff.Detections]):
        def process(self, sample: ff.Sample[ff.Frame]) -> Any:
            picture = cropped(sample.value) if mode == "own" else None
            return ff.stamped(boxes(sample.value), like=sample, frame=picture)

    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        people = pipeline.add(Found(), camera, name="people")
        with pipeline, pipeline.serve(view=people) as dashboard, Video(dashboard.url) as page:
            until(lambda: pipeline.stats().nodes["people"].processed > 3, lambda: "no results")
            page.watch("people")
            start = start_of_jpeg(page) if mode == "own" else page.next("start").json()
            assert start["mode"] == ("jpeg" if mode == "own" else "video")


def same(frame: ff.Frame) -> ff.Frame:
    return frame


def test_a_node_that_passes_the_cameras_pictures_on_leaves_the_view_its_video() -> None:
    with served(steps=[same, same]) as (pipeline, dashboard), Video(dashboard.url) as page:
        until(lambda: pipeline.stats().nodes["people"].processed > 3, lambda: "no results")
        page.watch("people")
        assert page.next("start").json()["mode"] == "video"
        page.next("results")
    with served(steps=[cropped, same]) as (_, dashboard), Video(dashboard.url) as page:
        page.watch("people")
        assert start_of_jpeg(page)["width"] == 96


def test_a_second_viewer_begins_at_the_last_key_picture() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as first:
        first.watch("door")
        for _ in range(8):
            newest = first.next("picture")
        with Video(dashboard.url) as second:
            second.watch("people", "door")
            begun = {second.next("start").view, second.next("start").view}
            assert begun == {0, 1}
            picture = second.next("picture")
            assert picture.flags & VideoMessage.KEY
            assert picture.pts <= newest.pts + 0.5


@pytest.mark.slow
def test_the_first_viewer_gets_pictures_of_the_past_that_are_marked() -> None:
    with served() as (pipeline, dashboard):
        until(lambda: pipeline.stats().nodes["door"].processed > 20, lambda: "no pictures")
        with Video(dashboard.url) as page:
            page.watch("door")
            page.next("start")
            flags = [page.next("picture").flags for _ in range(30)]
        assert flags[0] & VideoMessage.KEY
        assert not flags[-1] & VideoMessage.GAP


def test_a_source_without_packets_is_shown_as_jpeg_with_results() -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x180&fps=30"), name="scene")
    people = pipeline.add(boxes, scene, name="people")
    with pipeline, pipeline.serve(view=people) as dashboard, Video(dashboard.url) as page:
        page.watch("people")
        about = page.next("start").json()
        assert about["mode"] == "jpeg"
        assert about["why"] == "the source has no packets"
        assert (about["width"], about["height"]) == (320, 180)
        picture = page.next("jpeg")
        assert picture.body.startswith(b"\xff\xd8")
        assert picture.sample_size == len(picture.body)
        assert page.next("results").json()["boxes"] == [80, 164, 240, 320]
        page.watch("people", mode="video")
        assert page.next("gone").json()["why"] == "no_packets"
        page.watch("people", "nobody", mode="jpeg")
        assert page.next("jpeg").view == 0


def test_a_jpeg_says_how_much_time_had_elapsed_when_it_was_sent() -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x180&fps=30"), name="scene")
    with pipeline, pipeline.serve(view=scene) as dashboard, Video(dashboard.url) as page:
        page.watch("scene")
        while (picture := page.message()).kind != "jpeg":
            assert picture.elapsed == 0
        asked = time.time()
        page.acknowledge(picture)  # the next one is sent only after this
        picture = page.next("jpeg")
        assert asked - 0.001 <= picture.captured + picture.elapsed <= time.time()


def test_a_picture_says_how_much_time_had_elapsed_when_the_server_got_it() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        page.watch("door")
        pictures = [page.next("picture")]
        # A second page gets it later. This does not count as latency, because it only waited here.
        with Video(dashboard.url) as late:
            late.watch("door")
            again = late.next("picture")
        while pictures[-1].pts < again.pts:
            pictures.append(page.next("picture"))
        (first,) = (one for one in pictures if one.pts == again.pts)
        assert first.captured <= first.captured + first.elapsed <= time.time()
        assert (first.captured, first.elapsed) == (again.captured, again.elapsed)


def _undecoded(pipeline: ff.Pipeline) -> int:
    source = pipeline.stats().nodes["door"].source
    return source.undecoded if source else 0


@pytest.mark.slow
def test_pictures_that_were_received_before_the_first_page_came_say_so() -> None:
    with RtspServer(encode("h264", options={"g": "300"})) as server:
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        with pipeline, pipeline.serve(view=door) as dashboard:
            until(lambda: _undecoded(pipeline) > 20, "pictures")
            with Video(dashboard.url) as page:
                came = time.time()
                page.watch("door")
                first = page.next("picture")
                assert first.flags & VideoMessage.KEY
                assert first.captured + first.elapsed < came


def test_a_node_that_draws_is_shown_as_it_draws() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        drawn = pipeline.add(ff.Annotate(), pipeline.add(boxes, camera), name="drawn")
        with pipeline, pipeline.serve(view=drawn) as dashboard, Video(dashboard.url) as page:
            page.watch("drawn")
            assert page.next("start").json()["why"] == "the node makes images of its own"
            assert page.next("jpeg").body.startswith(b"\xff\xd8")


def test_an_unknown_port_is_told_with_those_that_there_are() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        page.watch("nobody")
        body = page.next("gone").json()
        assert body["why"] == "unknown"
        assert "'people', 'door'" in body["text"]


def test_time_is_sent_back_with_the_servers() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        page.send({"ack": {}, "time": 81.25})
        answer = page.text("time")
        assert answer["time"] == 81.25
        assert answer["now"] > 1e9


def close_code(page: Video) -> int:
    """Returns the code with which the server closes."""
    while True:
        opcode, data = page.receive()
        if opcode == 8:
            return int.from_bytes(data[:2], "big")
        assert opcode in (1, 2), "cut without a close"


@pytest.mark.parametrize(
    "message",
    [b"hello", b"[]", b'{"watch":[{"id":-1,"port":"door"}]}', b'{"watch":[{"id":0}]}', b'{"ack":[]}'],
)
def test_other_messages_end_the_connection(message: bytes) -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        page.send(message)
        assert close_code(page) == 1008


def test_a_message_that_is_too_large_ends_the_connection() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        page.send(b'{"watch":[' + b" " * 9000 + b"]}")
        assert close_code(page) == 1009


def test_a_flood_ends_the_connection() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as page:
        with contextlib.suppress(OSError):
            for _ in range(5000):
                page.send(b'{"ack":{}}')
        assert close_code(page) == 1008


def test_the_token_is_the_first_message() -> None:
    with served(token=TOKEN) as (_, dashboard):
        picture_token = dashboard.mjpeg_url("door").rpartition("=")[2]
        for token in (TOKEN, picture_token):
            with Video(dashboard.url, token) as page:
                page.watch("door")
                assert page.next("start").json()["port"] == "door"
        for wrong in ("no-token-of-the-tests", ""):
            with Video(dashboard.url, wrong) as page:
                assert close_code(page) == 4401
        with Video(dashboard.url) as page:
            page.watch("door")
            assert close_code(page) == 4401
        with Video(dashboard.url, Authorization=f"Bearer {TOKEN}") as page:
            page.watch("door")
            assert page.next("start").kind == "start"


def test_pages_of_strangers_are_refused() -> None:
    with served(token=TOKEN) as (_, dashboard):
        with Video(dashboard.url, Origin="http://elsewhere.example") as page:
            assert page.status == 403
        with Video(dashboard.url, Host="elsewhere.example") as page:
            assert page.status == 403
        assert request(dashboard.url, "/api/video").status == 400


@pytest.mark.parametrize("token", [TOKEN, None])
def test_another_host_is_told_how_it_may_be_answered(token: str | None) -> None:
    with served(token=token) as (_, dashboard):
        answer = request(dashboard.url, "/api/state", Host="elsewhere.example")
    assert answer.status == 403
    assert "serve(origins=)" in answer.body.decode()
    assert ("Bearer TOKEN" in answer.body.decode()) == bool(token)


@pytest.mark.slow
def test_left_out_pictures_are_counted_and_a_stopped_viewer_holds_up_nobody() -> None:
    with served() as (_, dashboard), Video(dashboard.url) as stopped, Video(dashboard.url) as page:
        stopped.watch("door")
        page.watch("door")
        stopped.next("picture")

        def left_out() -> int:
            page.next("picture")
            views = json.loads(request(dashboard.url, "/api/state").body)["views"]
            return max((each["left_out"] for each in views[1]["watchers"]), default=0)

        until(lambda: left_out() > 5, lambda: "a viewer that acknowledges nothing gets all pictures")
        assert page.next("picture").left_out == 0
        metrics = request(dashboard.url, "/metrics").text
        assert 'freshframe_view_left_out_pictures{pipeline="pipeline",port="door"}' in metrics


def test_a_source_that_is_away_is_told_and_begins_again() -> None:
    server = RtspServer(clip("h264"))
    with server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        with pipeline, pipeline.serve(view=camera) as dashboard, Video(dashboard.url) as page:
            page.watch("door")
            page.next("picture")
            server.close()
            gone = page.next("gone").json()
            assert gone["why"] == "away"
            assert gone["since"] <= gone["now"]


def test_pages_that_origins_names_may_connect_also_behind_a_proxy() -> None:
    with served(token=TOKEN, origins=["https://my.site"]) as (_, dashboard):
        for headers in (
            {"Origin": "https://my.site"},
            {"Origin": "https://my.site", "Host": "my.site"},
        ):
            with Video(dashboard.url, TOKEN, **headers) as page:
                page.watch("door")
                assert page.next("start").kind == "start"
        for headers in ({"Origin": "https://their.site"}, {"Host": "their.site"}):
            with Video(dashboard.url, TOKEN, **headers) as page:
                assert page.status == 403


def test_all_origins_may_have_live_video_and_nothing_else() -> None:
    with served(token=TOKEN, origins="*") as (_, dashboard):
        with Video(dashboard.url, TOKEN, Origin="https://their.site") as page:
            page.watch("door")
            assert page.next("start").kind == "start"
        strange = request(
            dashboard.url, "/api/state", Origin="https://their.site", Authorization=f"Bearer {TOKEN}"
        )
        assert strange.status == 403


def test_origins_that_are_none_are_refused() -> None:
    pipeline = ff.Pipeline()
    for origins in ("my.site", "https://my.site/page", "ftp://my.site", "https://"):
        with pytest.raises(ff.OptionError, match="origins must be origins of web pages"):
            pipeline.serve(token=TOKEN, origins=origins)
    with pytest.raises(ff.OptionError, match="pass token="):
        pipeline.serve(origins="*")
    with pytest.raises(ff.OptionTypeError, match="origins must be a list of strings"):
        pipeline.serve(origins=3)  # type: ignore[arg-type]


def test_the_element_is_for_pages_of_everybody() -> None:
    with served(token=TOKEN) as (_, dashboard):
        for path in ("/view.js", "/dom.js", "/view/socket.js"):
            answer = request(dashboard.url, path, Origin="https://their.site")
            assert answer.status == 200
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert request(dashboard.url, "/main.js", Origin="https://their.site").status == 403
        assert request(dashboard.url, "/view.js", Host="their.site").status == 403


def test_the_page_of_a_view_may_stand_in_other_pages() -> None:
    with served(token=TOKEN) as (_, dashboard):
        url = dashboard.view_url("door")
        assert url.startswith(f"{dashboard.url.partition('?')[0]}view.html#port=door&token=")
        assert TOKEN not in url
        answer = request(dashboard.url, "/view.html")
        assert "frame-ancestors *" in answer.headers["content-security-policy"]
        assert "x-frame-options" not in answer.headers
        assert "view/frame.js" in answer.text
        assert request(dashboard.url, "/").headers["x-frame-options"] == "DENY"


def test_embed_gives_the_element_with_names_escaped() -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles"), name='a "door" <b>')
    with pipeline.serve(view=scene, token=TOKEN) as dashboard:
        text = dashboard.embed(scene)
        server = dashboard.url.partition("?")[0]
        assert f'<script type="module" src="{server}view.js"></script>' in text
        assert 'port="a &quot;door&quot; &lt;b&gt;"' in text
        assert f'src="{server}"' in text
        assert TOKEN not in text
        with pytest.raises(ff.OptionError, match="does not show 'nobody'"):
            dashboard.embed("nobody")
    with pytest.raises(ff.StateError):
        dashboard.view_url(scene)
    with pipeline.serve(view=scene) as dashboard:
        assert "token=" not in dashboard.embed(scene)


def test_the_labels_of_a_view_are_checked_and_escaped() -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles"), name="scene")
    with pipeline.serve(view=scene, token=TOKEN) as dashboard:
        assert "labels" not in dashboard.embed(scene) + dashboard.view_url(scene)
        assert ' labels="{class_name} &quot;{confidence:.2f}&quot;"' in dashboard.embed(
            scene, labels='{class_name} "{confidence:.2f}"'
        )
        assert dashboard.view_url(scene, labels="").endswith("&labels=")
        assert dashboard.view_url(scene, labels="a & b").endswith("&labels=a+%26+b")
        for ask in (dashboard.embed, dashboard.view_url):
            with pytest.raises(ff.OptionError, match=r"^labels has a '\{' without a '\}' in '\{class'"):
                ask(scene, labels="{class")
            for field in ("vx", "track_age", "track_confidence", "dwell"):
                with pytest.raises(
                    ff.OptionError,
                    match=rf"^labels has the field \{{{field}\}}, which is not available in a live view",
                ):
                    ask(scene, labels=f"{{class_name}} {{{field}:.1f}}")
            with pytest.raises(ff.OptionTypeError, match=r"labels must be a string such as .*got 3"):
                ask(scene, labels=3)  # type: ignore[arg-type]
