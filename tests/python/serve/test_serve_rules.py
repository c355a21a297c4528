"""HTTP rules for servers (RFC 9110, RFC 9112), for each path and form of request."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from rigs.web_client import connect
from support import until

import freshframe as ff

METHODS = "GET, HEAD, OPTIONS"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x48&fps=30"), name="camera")
    look = ff.Look(seconds=5, every=0.1)
    pipeline.add(look, camera, name="look")
    with pipeline, pipeline.serve(view=camera, look=look, looks_per_minute=6000) as dashboard:
        until(lambda: len(look.last(5, 1)) == 1, "a picture")
        yield dashboard.url


def talk(url: str, text: str) -> tuple[int, dict[str, str], bytes]:
    """Sends a request with "%" replaced by the host. Returns status, headers and everything after them."""
    with connect(url) as sock, sock.makefile("rb") as stream:
        sock.sendall(text.replace("\n", "\r\n").replace("%", urlsplit(url).netloc).encode())
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            assert name.lower() not in headers, "a header twice"
            headers[name.lower()] = value.strip()
        return status, headers, stream.read()


def ask(url: str, method: str, target: str, more: str = "") -> tuple[int, dict[str, str], bytes]:
    return talk(url, f"{method} {target} HTTP/1.1\nHost: %\nConnection: close\n{more}\n")


PATHS = [
    *(
        "/",
        "/healthz",
        "/metrics",
        "/api/state",
        "/api/why",
        "/main.js",
        "/base.css",
        "/view.js",
        "/view.html",
    ),
    *("/favicon.svg", "/api/picture/camera.jpg", "/api/look/look.jpg", "/api/look/look.json", "/nothing"),
    *("/api/picture/nobody.jpg", "/api/state?bad=1", "/api/live", "/api/video"),
]


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_a_body(url: str, path: str) -> None:
    status, headers, body = ask(url, "GET", path)
    alone, of_head, nothing = ask(url, "HEAD", path)
    assert alone == status
    assert nothing == b""
    changing = ("date", "x-seq", "x-timestamp", "x-age", "content-length")
    same = [{name: value for name, value in h.items() if name not in changing} for h in (headers, of_head)]
    assert same[0] == same[1]
    assert ("content-length" in headers) == ("content-length" in of_head)
    assert len(body) == int(headers["content-length"])


def test_head_of_a_stream_ends(url: str) -> None:
    status, headers, body = ask(url, "HEAD", "/api/picture/camera.mjpg")
    assert (status, body) == (200, b"")
    assert headers["content-type"].startswith("multipart/x-mixed-replace")
    assert "content-length" not in headers


@pytest.mark.parametrize("path", [*PATHS, "*", "/api/picture/camera.mjpg"])
def test_options_names_the_methods(url: str, path: str) -> None:
    status, headers, body = ask(url, "OPTIONS", path)
    assert (status, headers["allow"], body) == (204, METHODS, b"")
    assert "content-length" not in headers


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/state", "/nothing"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
def test_another_method_is_refused_with_the_allowed_ones(url: str, method: str, path: str) -> None:
    for more in ("", "Content-Length: 0\n", "Content-Length: 5\n", "Transfer-Encoding: chunked\n"):
        status, headers, _ = ask(url, method, path, more)
        assert (status, headers["allow"]) == (405, METHODS)


@pytest.mark.parametrize("path", [*PATHS, "/api/picture/camera.mjpg"])
def test_each_answer_has_a_date(url: str, path: str) -> None:
    _, headers, _ = ask(url, "HEAD", path)
    sent = email.utils.parsedate_to_datetime(headers["date"])
    assert headers["date"] == email.utils.format_datetime(sent, usegmt=True)
    assert abs(sent.timestamp() - time.time()) < 3600


REQUESTS = {
    "HTTP/1.1 without Host": ("GET / HTTP/1.1\nConnection: close\n\n", 400),
    "two Hosts": ("GET / HTTP/1.1\nHost: %\nHost: %\n\n", 400),
    "two equal Hosts in HTTP/1.0": ("GET / HTTP/1.0\nHost: %\nHost: %\n\n", 400),
    "a Host with a space": ("GET / HTTP/1.1\nHost: local host\n\n", 400),
    "a Host with a user": ("GET / HTTP/1.1\nHost: joe@%\n\n", 400),
    "a Host with a path": ("GET / HTTP/1.1\nHost: %/a\n\n", 400),
    "a Host with letters as its port": ("GET / HTTP/1.1\nHost: localhost:http\n\n", 400),
    "a Host in brackets that are open": ("GET / HTTP/1.1\nHost: [::1\n\n", 400),
    "two names in a Host": ("GET / HTTP/1.1\nHost: localhost, localhost\n\n", 400),
    "another Host": ("GET / HTTP/1.1\nHost: example.org\n\n", 403),
    "HTTP/1.0 with Host": ("GET /healthz HTTP/1.0\nHost: %\n\n", 200),
    "HTTP/1.0 without Host": ("GET /healthz HTTP/1.0\n\n", 200),
    "HEAD of HTTP/1.0 without Host": ("HEAD /healthz HTTP/1.0\n\n", 200),
    "OPTIONS of HTTP/1.0 without Host": ("OPTIONS / HTTP/1.0\n\n", 204),
    "HTTP/1.0 of another Host": ("GET / HTTP/1.0\nHost: example.org\n\n", 403),
    "HTTP/2.0": ("GET / HTTP/2.0\nHost: %\n\n", 505),
    "HTTP/0.9": ("GET /\n\n", 400),
    "an absolute target": ("GET http://%/healthz HTTP/1.1\nHost: %\nConnection: close\n\n", 200),
    "an absolute target and another Host": (
        "GET http://%/healthz HTTP/1.1\nHost: example.org\nConnection: close\n\n",
        200,
    ),
    "an absolute target in large letters": (
        "GET HTTP://LOCALHOST/healthz HTTP/1.1\nHost: %\nConnection: close\n\n",
        200,
    ),
    "an absolute target without a path": ("HEAD http://% HTTP/1.1\nHost: %\nConnection: close\n\n", 200),
    "an absolute target of another host": (
        "GET http://example.org/ HTTP/1.1\nHost: %\nConnection: close\n\n",
        403,
    ),
    "an absolute target with a user": ("GET http://joe@%/ HTTP/1.1\nHost: %\n\n", 400),
    "an absolute target without a host": ("GET http:///healthz HTTP/1.1\nHost: %\n\n", 400),
    "a target without a slash": ("GET healthz HTTP/1.1\nHost: %\n\n", 400),
    "GET of *": ("GET * HTTP/1.1\nHost: %\n\n", 400),
    "a target of another scheme": ("GET ftp://%/ HTTP/1.1\nHost: %\n\n", 400),
    "a long target": (f"GET /{3000 * 'a'} HTTP/1.1\nHost: %\n\n", 414),
    "a target beyond all limits": (f"GET /{20000 * 'a'} HTTP/1.1\nHost: %\n\n", 414),
    "large headers": (f"GET / HTTP/1.1\nHost: %\nX: {9000 * 'a'}\n\n", 431),
    "many headers": ("GET / HTTP/1.1\nHost: %\n" + "X: a\n" * 3000 + "\n", 431),
    "a body": ("GET / HTTP/1.1\nHost: %\nContent-Length: 5\n\nhello", 413),
    "a body in chunks": ("GET / HTTP/1.1\nHost: %\nTransfer-Encoding: chunked\n\n0\n\n", 413),
    "a length of 0": ("GET /healthz HTTP/1.1\nHost: %\nConnection: close\nContent-Length: 0\n\n", 200),
    "two lengths": ("GET / HTTP/1.1\nHost: %\nContent-Length: 5\nContent-Length: 6\n\n", 400),
    "a length that is no number": ("GET / HTTP/1.1\nHost: %\nContent-Length: a\n\n", 400),
    "a length below 0": ("GET / HTTP/1.1\nHost: %\nContent-Length: -1\n\n", 400),
    "an unknown coding": ("GET / HTTP/1.1\nHost: %\nTransfer-Encoding: gzip\n\n", 400),
    "a space before the colon": ("GET / HTTP/1.1\nHost : %\n\n", 400),
    "a header without a name": ("GET / HTTP/1.1\nHost: %\n: a\n\n", 400),
    "Expect and a body": ("GET / HTTP/1.1\nHost: %\nExpect: 100-continue\nContent-Length: 5\n\n", 413),
    "Expect with POST": ("POST / HTTP/1.1\nHost: %\nExpect: 100-continue\nContent-Length: 5\n\n", 405),
    "Expect without a body": (
        "GET /healthz HTTP/1.1\nHost: %\nExpect: 100-continue\nConnection: close\n\n",
        200,
    ),
    "names of headers in any case": ("GET /healthz HTTP/1.1\nhOST: %\nCONNECTION: CLOSE\n\n", 200),
    "a range, which may be ignored": (
        "GET /healthz HTTP/1.1\nHost: %\nRange: bytes=0-1\nConnection: close\n\n",
        200,
    ),
    "an unknown method": ("BREW / HTTP/1.1\nHost: %\n\n", 501),
    "a method in small letters": ("get / HTTP/1.1\nHost: %\n\n", 501),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_each_form_of_a_request_has_its_status(url: str, name: str) -> None:
    text, wanted = REQUESTS[name]
    status, headers, body = talk(url, text)
    assert status == wanted, body
    assert "date" in headers
    if status >= 400 and not text.startswith("HEAD"):
        assert body.strip(), "the reason"


def test_a_connection_stays_open_for_get_head_and_options(url: str) -> None:
    host = f"Host: {urlsplit(url).netloc}\r\n\r\n"
    asked = [f"{method} /healthz HTTP/1.1\r\n{host}" for method in ("GET", "HEAD", "OPTIONS", "GET")]
    with connect(url) as sock, sock.makefile("rb") as stream:
        sock.sendall("".join(asked).encode() + f"GET /x HTTP/1.1\r\nConnection: close\r\n{host}".encode())
        answer = stream.read()
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"200", b"204", b"200", b"404"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {}', "*"])
def test_a_file_that_the_client_has_is_not_sent_again(url: str, method: str, form: str) -> None:
    _, headers, _ = ask(url, "GET", "/view.js")
    tag = form.format(headers["etag"])
    status, again, body = ask(url, method, "/view.js", f"If-None-Match: {tag}\n")
    assert (status, body) == (304, b"")
    for name in ("etag", "cache-control", "date"):
        assert name in again
    assert ask(url, method, "/view.js", 'If-None-Match: "other"\n')[0] == 200
