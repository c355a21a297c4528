"""/api/look/NAME: images of the last seconds with their timestamps, and rejected requests."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from rigs.web_client import connect, request
from support import at_once, until

import freshframe as ff

TOKEN = "a-token-of-this-test"
GREY = 9


def masked(frame: ff.Frame) -> ff.Frame:
    return ff.Frame.from_array(np.full((frame.height, frame.width), GREY, np.uint8), "gray")


@contextlib.contextmanager
def served(*, looks_per_minute: float = 6000, **options: Any) -> Iterator[tuple[str, ff.types.Dashboard]]:
    """A camera with a mask downstream, and a Look of the mask's output that is full after two seconds."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=320x240&fps=30"), name="camera")
    look = ff.Look(seconds=5, every=0.1)
    pipeline.add(look, pipeline.add(masked, camera, name="mask"), name="yard")
    with pipeline:
        until(lambda: len(look.last(1, 4)) == 4, "a second")
        with pipeline.serve(look=look, looks_per_minute=looks_per_minute, **options) as dashboard:
            yield dashboard.url, dashboard


def is_grey(jpeg: bytes) -> bool:
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(jpeg)
        file.flush()
        luma = np.asarray(ff.Frame.read(file.name).luma).astype(int)
    return int(np.abs(luma - GREY).max()) <= 3


@pytest.mark.slow
def test_a_picture_has_its_time_its_camera_and_no_pixel_from_above_the_mask() -> None:
    with served() as (url, _):
        seqs = []
        for ago in (0.7, 0.4, 0):
            answer = request(url, f"/api/look/yard.jpg?ago={ago}&max_side=100")
            assert answer.status == 200, answer.text
            assert is_grey(answer.body)
            assert answer.headers["content-type"] == "image/jpeg"
            assert answer.headers["x-source"] == "camera"
            assert answer.headers["x-utc-from"] == "device"
            age = time.time() - float(answer.headers["x-timestamp"])
            assert ago - 0.001 <= float(answer.headers["x-age"]) <= age + 0.01
            assert float(answer.headers["x-gap"]) == float(answer.headers["x-frozen-for"]) == 0
            seqs.append(int(answer.headers["x-seq"]))
        assert seqs == sorted(set(seqs))


@pytest.mark.full
def test_of_ten_thousand_pictures_by_seven_ways_together_none_has_a_pixel_from_above_the_mask() -> None:
    pipeline, look = ff.Pipeline(), ff.Look(seconds=5, every=0.1)
    camera = pipeline.add(ff.open("demo:circles?size=320x240&fps=30"), name="camera")
    mask = pipeline.add(masked, camera, name="mask")
    pipeline.add(look, mask, name="yard")
    counts = Counter[str]()
    with pipeline, pipeline.serve(look=look, looks_per_minute=6000, view=[mask]) as page:
        until(lambda: len(look.last(2, 16)) == 16, "two seconds")
        ways: dict[str, Callable[[], list[bytes]]] = {
            "now()": lambda: [look.now().frame.jpeg(max_side=64)],
            "ago()": lambda: [look.ago(1.5).frame.jpeg()],
            "last()": lambda: [view.frame.jpeg(max_side=32) for view in look.last(4, 16)],
            "last(exact=True)": lambda: [view.frame.jpeg() for view in look.last(2, 4, exact=True)],
            "NAME.jpg": lambda: [request(page.url, "/api/look/yard.jpg?ago=0.5").body],
            "NAME.json": lambda: [
                base64.b64decode(each["jpeg"])
                for each in request(page.url, "/api/look/yard.json?seconds=4&n=16&max_side=64").json()[
                    "pictures"
                ]
            ],
            "picture": lambda: [request(page.url, "/api/picture/mask.jpg").body],
        }
        while counts.total() < 10_000:
            for way, ask in ways.items():
                pictures = ask()
                counts[way] += len(pictures)
                assert all(map(is_grey, pictures)), way
    assert min(counts[way] for way in ways) > 100, counts


@pytest.mark.slow
def test_several_pictures_are_json_the_oldest_first_each_once() -> None:
    with served() as (url, _):
        found = request(url, "/api/look/yard.json?seconds=1&n=4&max_side=64").json()
        assert (found["look"], found["source"], found["state"]) == ("yard", "camera", "reading")
        assert [each["width"] for each in found["pictures"]] == [64] * 4
        ages = [each["age"] for each in found["pictures"]]
        assert ages == sorted(ages, reverse=True)
        assert len({each["seq"] for each in found["pictures"]}) == 4
        assert all(is_grey(base64.b64decode(each["jpeg"])) for each in found["pictures"])
        (one,) = request(url, "/api/look/yard.json?ago=0.5").json()["pictures"]
        assert one["age"] >= 0.5


@pytest.mark.slow
@pytest.mark.table(cases=5)
@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("yard.jpg?ago=-1", 400, "from 0 to 3600"),
        ("yard.jpg?ago=x", 400, "from 0 to 3600"),
        ("yard.jpg?seconds=3", 400, "need NAME.json"),
        ("yard.json?seconds=0", 400, "above 0, at most 3600"),
        ("yard.json?n=17", 400, "from 1 to 16"),
        ("yard.json?n=1.5", 400, "from 1 to 16"),
        ("yard.json?exact=2", 400, "0 for keyframes or 1"),
        ("yard.jpg?max_side=2049", 400, "from 16 to 2048"),
        ("yard.jpg?ago=3600", 503, "does not have the image of 3600 s ago; its source is reading"),
        ("camera.jpg", 404, r"choose the looks with serve(look=[...]): 'yard'"),
        ("yard.png", 404, "nothing at this address"),
    ],
)
def test_what_cannot_be_answered_says_what_is_wanted(path: str, status: int, words: str) -> None:
    with served() as (url, _):
        answer = request(url, f"/api/look/{path}")
        assert answer.status == status
        assert words in answer.text


@pytest.mark.slow
def test_only_the_servers_token_opens_the_past() -> None:
    with served(token=TOKEN, view=[]) as (url, dashboard):
        assert request(url, "/api/look/yard.jpg").status == 401
        pictures = dashboard._engine().picture_token()  # type: ignore[union-attr]
        assert request(url, f"/api/look/yard.jpg?token={pictures}").status == 401
        assert request(url, f"/api/look/yard.jpg?token={TOKEN}").status == 401, "a URL with it is in logs"
        answer = request(url, "/api/look/yard.jpg", Authorization=f"Bearer {TOKEN}")
        assert answer.status == 200
        strange = request(
            url, "/api/look/yard.jpg", Authorization=f"Bearer {TOKEN}", Origin="http://elsewhere.example"
        )
        assert strange.status == 403


@pytest.mark.slow
def test_a_client_that_asks_too_often_is_told_when_it_may_ask_again() -> None:
    with served(looks_per_minute=2) as (url, _):
        answers = [request(url, "/api/look/yard.jpg") for _ in range(4)]
        assert [each.status for each in answers] == [200, 200, 429, 429]
        assert "2 questions a minute" in answers[2].text
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        metrics = request(url, "/metrics").text
        assert 'look="yard",result="answered"} 2' in metrics
        assert 'look="yard",result="refused"} 2' in metrics
        (look,) = request(url, "/api/state").json()["looks"]
        assert look == {"look": "yard", "answered": 2, "refused": 2, "failed": 0}


@pytest.mark.slow
def test_many_clients_at_once_all_get_an_answer_and_the_server_ends_while_they_ask() -> None:
    with served() as (url, dashboard):

        def ask() -> list[int]:
            return [request(url, "/api/look/yard.json?n=16&seconds=5").status for _ in range(5)]

        statuses = set(itertools.chain(*at_once(*[ask] * 8)))
        assert statuses in ({200}, {200, 503})
        left = [connect(url) for _ in range(3)]
        for link in left:
            link.sendall(b"GET /api/look/yard.json?n=16&seconds=5 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        dashboard.close()
        for link in left:
            link.close()


@pytest.mark.slow
def test_each_question_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with served(looks_per_minute=1) as (url, _), caplog.at_level("INFO", logger="freshframe"):
        for _ in range(2):
            request(url, "/api/look/yard.jpg?ago=0.5")
        asked = "127.0.0.1 asks the look 'yard' for the image of 0.5 s ago"
        until(lambda: f"{asked}: refused (429)" in caplog.text, "the second line")
        assert f"{asked}: " in caplog.text.replace(f"{asked}: refused (429)", "")
        request(url, "/api/look/yard.json?seconds=9&n=2")
        several = "asks the look 'yard' for 2 images of the last 9 s: refused (429)"
        until(lambda: several in caplog.text, "the third line")


def test_serve_takes_looks_of_its_own_pipeline_alone() -> None:
    pipeline = ff.Pipeline()
    with pytest.raises(ff.OptionTypeError, match="look must be a Look or a list of Looks"):
        pipeline.serve(look="yard")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="look must contain Looks"):
        pipeline.serve(look=[3])  # type: ignore[list-item]
    with pytest.raises(ff.GraphError, match=r"not in this pipeline: add\(\) it"):
        pipeline.serve(look=ff.Look())
    with pytest.raises(ff.OptionError, match=r"looks_per_minute must be 0\.1 to 6000"):
        pipeline.serve(looks_per_minute=0)
