"""Each parameter of each address, absent, unreadable and zero, which are three different cases."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from rigs.web_client import request
from support import Push, until

import freshframe as ff

# For each address, each parameter with a valid value, and with invalid ones.
PARAMETERS: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "/api/state": {},
    "/api/why": {},
    "/metrics": {},
    "/healthz": {},
    "/api/picture/cam.jpg": {"after": ("-1", ("x", "1.5", "", "99999999999999999999"))},
    "/api/picture/cam.mjpg": {"fps": ("5", ("0", "16", "nan", "")), "max_side": ("640", ("0", "x"))},
    "/api/look/look.jpg": {
        "ago": ("0", ("-1", "x", "3601", "inf", "")),
        "max_side": ("64", ("0", "-64", "x")),
    },
    "/api/look/look.json": {
        "seconds": ("10", ("0", "x", "-3", "nan")),
        "n": ("4", ("0", "1.5", "17")),
        "exact": ("0", ("2", "yes", "")),
        "max_side": ("64", ("0", "1e9")),
    },
}
WRONG = [
    (address, f"{name}={value}")
    for address, parameters in PARAMETERS.items()
    for name, (good, wrong) in parameters.items()
    for value in (*wrong, f"{good}%", f"{good}%zz", f"{good}%00", f"{good}&{name}={good}")
]
UNKNOWN = [
    (address, query)
    for address, parameters in PARAMETERS.items()
    for query in ("since=3", "since", "%41=1", "=1", *(f"{name.upper()}=1" for name in parameters))
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Yields the URL of a dashboard with a port and a look that have an image."""
    feed, look = Push(), ff.Look(every=0)
    pipeline = ff.Pipeline()
    camera = pipeline.add(feed, name="cam")
    pipeline.add(lambda frame: frame, camera, name="same")
    pipeline.add(look, camera, name="look")
    with pipeline.serve(view=[camera], look=look, looks_per_minute=6000) as dashboard, pipeline:
        feed.push(ff.Frame.from_array(np.full((48, 64), 9, np.uint8), "gray"))
        until(lambda: look.last(1000, 1), "a picture")
        yield dashboard.url


@pytest.mark.parametrize(("address", "query"), [*WRONG, *UNKNOWN])
def test_a_question_that_cannot_be_read_is_refused(url: str, address: str, query: str) -> None:
    answer = request(url, f"{address}?{query}")
    assert answer.status == 400, answer.text
    assert len(answer.text.strip()) > 20


@pytest.mark.parametrize("address", [each for each in PARAMETERS if each.startswith("/api/look")])
def test_a_nought_is_no_default(url: str, address: str) -> None:
    for name, (good, _) in PARAMETERS[address].items():
        assert request(url, f"{address}?{name}={good}").status == 200, name


@pytest.mark.parametrize("path", ["/%", "/api/picture/c%zzm.jpg", "/api/look/%00.jpg", "/index%2.html"])
def test_a_path_with_a_broken_escape_is_refused(url: str, path: str) -> None:
    answer = request(url, path)
    assert answer.status == 400
    assert "two hexadecimal digits" in answer.text


def test_what_is_wrong_is_said(url: str) -> None:
    answer = request(url, "/api/look/look.jpg?since=3")
    assert answer.text == "there is no parameter 'since' here: the parameters are ago, max_side\n"
    assert "is given twice" in request(url, "/api/look/look.jpg?ago=0&ago=0").text
    assert "has no parameters" in request(url, "/api/state?verbose=1").text
