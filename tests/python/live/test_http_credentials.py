"""Credentials over HTTP: Basic and Digest for each kind of source, and which servers must not get them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support import WATCHDOG

import freshframe as ff

REALM, NONCE = 'the, "camera" of joe', "n1/=,x"
USER, PASSWORD = "joe:x".replace(":", "."), "p,w d/?@é"
IN_URL = "joe.x:p%2Cw%20d%2F%3F%40%C3%A9"
FRAMES = 12


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def challenge(algorithm: str = "", *, nonce: str = NONCE, more: str = ', qop="auth"') -> str:
    named = f", algorithm={algorithm}" if algorithm else ""
    return f"Digest realm={quoted(REALM)}, nonce={quoted(nonce)}{named}{more}"


BASIC = f"Basic realm={quoted(REALM)}"
MD5, SHA = challenge("MD5"), challenge("SHA-256")


def parsed(header: str) -> dict[str, str]:
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", text) if text else word
        for name, text, word in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', header)
    }


def is_right(header: str, path: str, nonce: str) -> bool:
    """Returns True if the header proves the password for this request (RFC 7616)."""
    if header.startswith("Basic "):
        return base64.b64decode(header[6:]).decode() == f"{USER}:{PASSWORD}"
    given = parsed(header.removeprefix("Digest "))
    algorithm = given.get("algorithm", "MD5").upper()
    maker = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm.removesuffix("-SESS")]

    def h(text: str) -> str:
        return hashlib.new(maker, text.encode()).hexdigest()

    user = h(f"{USER}:{REALM}") if given.get("userhash") == "true" else USER
    if (given["username"], given["realm"], given["nonce"], given["uri"]) != (user, REALM, nonce, path):
        return False
    secret = h(f"{USER}:{REALM}:{PASSWORD}")
    if algorithm.endswith("-SESS"):
        secret = h(f"{secret}:{nonce}:{given['cnonce']}")
    middle = f"{nonce}:{given['nc']}:{given['cnonce']}:{given['qop']}" if "qop" in given else nonce
    return given["response"] == h(f"{secret}:{middle}:" + h(f"GET:{path}"))


class Guarded:
    """Serves files to clients that prove the password.

    Attributes:
        offers: Values of WWW-Authenticate, one header each.
        files: Content type and body by path.
        nonce: The accepted nonce.
        asked: Path and Authorization of each request.
        uses: Number of requests after which a nonce is stale. None: never.
    """

    def __init__(self, *offers: str, files: dict[str, tuple[str, bytes]], uses: int | None = None) -> None:
        self.offers, self.files, self.uses = list(offers), files, uses
        self.nonce, self.left = NONCE, uses
        self.moves: dict[str, str] = {}
        self.info: dict[str, str] = {}  # more headers of 200 responses
        self.asked: list[tuple[str, str]] = []
        self.counts: list[int] = []
        self.url = ""

    def refuse(self, request: http.server.BaseHTTPRequestHandler, *, stale: bool = False) -> None:
        request.send_response(401)
        for offer in self.offers:
            request.send_header("WWW-Authenticate", offer.replace(NONCE, self.nonce) + ", stale=TRUE" * stale)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        header = request.headers.get("Authorization", "")
        self.asked.append((request.path, header))
        if request.path in self.moves:
            request.send_response(302)
            request.send_header("Location", self.moves[request.path])
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if self.offers and (not header or not is_right(header, request.path, self.nonce)):
            stale = f'nonce="{NONCE}' in header and self.nonce != NONCE
            self.refuse(request, stale=stale)
            return
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left, self.nonce = self.uses, self.nonce + "+"
                self.refuse(request, stale=True)
                return
        if header.startswith("Digest") and "nc=" in header:
            self.counts.append(int(parsed(header)["nc"], 16))
        kind, content = self.files[request.path.split("?")[0]]
        wanted = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        first = int(wanted[1]) if wanted and kind.startswith("video/mp4") else 0
        request.send_response(206 if first else 200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content) - first))
        if kind.startswith("video/mp4"):
            request.send_header("Accept-Ranges", "bytes")
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        for name, value in self.info.items():
            request.send_header(name, value)
        request.end_headers()
        with contextlib.suppress(OSError):
            request.wfile.write(content[first:])


@contextlib.contextmanager
def serving(guarded: Guarded) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            guarded.answer(self)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            guarded.url = f"http://127.0.0.1:{server.server_port}"
            yield guarded.url.replace("://", f"://{IN_URL}@")
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, bytes]]:
    """MJPEG, a transport stream, an MP4, one whose index is far behind its start, a playlist and an image."""
    folder = tmp_path_factory.mktemp("guarded")

    def made(name: str, frames: int = FRAMES, **options: Any) -> bytes:
        pipeline = ff.Pipeline()
        scene = pipeline.add(ff.open(f"demo:circles?fps=10&frames={frames}&pace=0&size=64x48"))
        pipeline.add(ff.VideoFile(folder / name, codec="mpeg4", **options), scene)
        assert pipeline.run().complete
        return (folder / name).read_bytes()

    jpeg = next(iter(ff.open("demo:circles?frames=1&size=64x48"))).frame.jpeg()
    part = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
    segments = "#EXTINF:1.2,\n/a.ts?x=1\n#EXTINF:1.2,\nb.ts\n"
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{segments}#EXT-X-ENDLIST\n".encode()
    stream = made("a.ts")
    noise = "testsrc2=s=64x48:r=10,scale=640:480,noise=alls=90:allf=t"
    scene = ["-f", "lavfi", "-i", noise, "-frames:v", "36", "-c:v", "mpeg4", "-qscale:v", "1"]
    subprocess.run(["ffmpeg", "-v", "error", *scene, str(folder / "last.mp4")], check=True)
    last = (folder / "last.mp4").read_bytes()
    assert last.find(b"moov") > last.find(b"mdat") + (1 << 20)
    return {
        "/v": ("multipart/x-mixed-replace; boundary=b", part % (len(jpeg), jpeg) * FRAMES),
        "/a.ts": ("video/mp2t", stream),
        "/b.ts": ("video/mp2t", stream),
        "/a.mp4": ("video/mp4", made("a.mp4")),
        "/last.mp4": ("video/mp4", last),
        "/a.m3u8": ("application/vnd.apple.mpegurl", playlist),
        "/a.jpg": ("image/jpeg", jpeg),
    }


WAYS = {
    "mjpeg": ("/v", {"reconnect": False}),
    "ts": ("/a.ts", {"reconnect": False}),
    "hls": ("/a.m3u8", {"reconnect": False}),
    "file": ("/a.mp4", {"live": False}),
    "playlist-as-file": ("/a.m3u8", {"live": False}),
    "picture": ("/a.jpg", {"live": False}),
    "seek": ("/last.mp4", {"live": False}),
    "seek-live": ("/last.mp4", {"reconnect": False}),
    "with-a-query": ("/a.mp4?a=1&b=/c", {"live": False}),
}


def first_frame(url: str, options: dict[str, Any]) -> ff.Frame:
    """Returns the first frame of a source, or raises its error."""
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(url, open_timeout=WATCHDOG, **options), name="camera"))
    with pipeline:
        return reader.get(timeout=WATCHDOG).frame


@pytest.mark.parametrize("offer", [MD5, SHA, BASIC], ids=["MD5", "SHA-256", "Basic"])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_reading_over_http_has_the_credentials(
    way: str, offer: str, files: dict[str, tuple[str, bytes]]
) -> None:
    path, options = WAYS[way]
    guarded = Guarded(offer, files=files)
    with serving(guarded) as url:
        assert first_frame(url + path, options).width == (640 if "seek" in way else 64)
    if options.get("live", True) and way != "seek-live":
        return
    refused = [header for _, header in guarded.asked if not header]
    assert len(refused) == 1, "later requests have the header from the beginning"


OFFERS = {
    "SHA-512-256": [challenge("SHA-512-256")],
    "MD5 without its name": [challenge()],
    "MD5 without qop": [challenge(more="")],
    "MD5-sess": [challenge("MD5-sess")],
    "SHA-256-sess": [challenge("SHA-256-sess")],
    "MD5, then SHA-256": [MD5, SHA],
    "SHA-256, then MD5": [SHA, MD5],
    "both in one header": [f"{MD5}, {SHA}"],
    "Basic, then SHA-256": [BASIC, SHA],
    "SHA-256, then Basic": [SHA, BASIC],
    "Basic and SHA-256 in one header": [f"{BASIC}, {SHA}"],
    "a scheme that nobody knows first": [f"Negotiate, {SHA}"],
    "a scheme with a token first": ["NTLM TlRMTVNTUAA=", SHA],
    "an unknown hash, then SHA-256": [challenge("SHA-3"), SHA],
    "several qop": [challenge("SHA-256", more=', qop="auth-int,auth"')],
    "qop without quotes": [challenge("SHA-256", more=", qop=auth")],
    "opaque": [challenge("SHA-256", more=', qop="auth", opaque="a,=\\"b"')],
    "userhash": [challenge("SHA-256", more=', qop="auth", userhash=true')],
    "charset": [challenge("SHA-256", more=', qop="auth", charset=UTF-8')],
    "domain": [challenge("SHA-256", more=', qop="auth", domain="/ http://other/"')],
    "other case": [SHA.replace("Digest", "DIGEST").replace("realm", "Realm").replace("SHA", "sha")],
    "Basic of an unknown Digest": [challenge("SHA-3"), BASIC],
}


@pytest.mark.parametrize("offers", OFFERS.values(), ids=OFFERS)
def test_each_offer_that_can_be_answered_is(offers: list[str], files: dict[str, tuple[str, bytes]]) -> None:
    guarded = Guarded(*offers, files=files)
    with serving(guarded) as url:
        assert first_frame(url + "/v", {"reconnect": False}).width == 64
    if any("SHA" in offer.upper() and "SHA-3" not in offer for offer in offers):
        assert not any(header.startswith("Basic") for _, header in guarded.asked)


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        (challenge("SHA-3"), "requires Digest with the algorithm 'SHA-3'"),
        (challenge("SHA-256", more=', qop="auth-int"'), "requires Digest with qop=auth-int"),
        ("Negotiate", "requires 'negotiate'"),
        ("Bearer realm=x", "requires 'bearer'"),
    ],
)
@pytest.mark.parametrize("way", ["mjpeg", "hls", "file"])
def test_what_cannot_be_answered_is_an_error_that_names_it(
    way: str, offer: str, words: str, files: dict[str, tuple[str, bytes]]
) -> None:
    path, options = WAYS[way]
    with serving(Guarded(offer, files=files)) as url, pytest.raises(ff.SourceError, match=words) as caught:
        first_frame(url + path, options)
    assert "401" in str(caught.value)
    assert "p,w" not in str(caught.value)


@pytest.mark.parametrize("way", ["mjpeg", "hls", "file"])
@pytest.mark.parametrize("offer", [SHA, MD5, BASIC], ids=["SHA-256", "MD5", "Basic"])
def test_a_wrong_password_is_sent_twice_at_most(
    way: str, offer: str, files: dict[str, tuple[str, bytes]]
) -> None:
    path, options = WAYS[way]
    guarded = Guarded(offer, files=files)
    with serving(guarded) as url:
        wrong = url.replace(IN_URL, "joe:wrong-one")
        with pytest.raises(ff.SourceError, match="rejected the user or the password"):
            first_frame(wrong + path, options)
    assert 1 <= len([header for _, header in guarded.asked if header]) <= 2


@pytest.mark.parametrize("way", ["mjpeg", "hls", "file"])
def test_a_url_without_credentials_says_how_to_write_them(
    way: str, files: dict[str, tuple[str, bytes]]
) -> None:
    path, options = WAYS[way]
    guarded = Guarded(SHA, files=files)
    with serving(guarded), pytest.raises(ff.SourceError, match=r"write them as http://USER:PASSWORD@HOST"):
        first_frame(guarded.url + path, options)


@pytest.mark.parametrize("way", ["hls", "file", "playlist-as-file"])
def test_a_nonce_may_become_stale_at_any_request(way: str, files: dict[str, tuple[str, bytes]]) -> None:
    path, options = WAYS[way]
    for uses in (1, 2, 3):
        guarded = Guarded(SHA, files=files, uses=uses)
        guarded.offers = [SHA]
        with serving(guarded) as url:
            assert first_frame(url + path, options).width == 64


def test_the_count_of_a_nonce_rises_with_each_request(files: dict[str, tuple[str, bytes]]) -> None:
    guarded = Guarded(SHA, files=files)
    with serving(guarded) as url:
        first_frame(url + "/a.m3u8", {"reconnect": False})
    assert guarded.counts[0] == 1
    assert guarded.counts == sorted(set(guarded.counts)), "a repeated count is a replayed request"


def test_the_next_nonce_of_a_server_is_used(files: dict[str, tuple[str, bytes]]) -> None:
    guarded = Guarded(SHA, files=files)
    guarded.info = {"Authentication-Info": 'nextnonce="n2", qop=auth'}
    with serving(guarded) as url:
        answer = guarded.answer

        def once(request: http.server.BaseHTTPRequestHandler) -> None:
            answer(request)
            if guarded.counts:
                guarded.nonce = "n2"

        guarded.answer = once  # type: ignore[method-assign]
        first_frame(url + "/a.m3u8", {"live": False})
    used = [parsed(header)["nonce"] for _, header in guarded.asked if header]
    assert used[0] == NONCE
    assert set(used[1:]) == {"n2"}


@pytest.mark.parametrize("way", ["mjpeg", "hls", "file"])
@pytest.mark.parametrize("offer", [SHA, BASIC], ids=["SHA-256", "Basic"])
def test_a_redirect_on_the_same_server_keeps_the_credentials(
    way: str, offer: str, files: dict[str, tuple[str, bytes]]
) -> None:
    path, options = WAYS[way]
    guarded = Guarded(offer, files=files)
    guarded.moves = {"/old/a": path}
    with serving(guarded) as url:
        assert first_frame(url + "/old/a", options).width == 64


@pytest.mark.parametrize("way", ["mjpeg", "hls", "file"])
@pytest.mark.parametrize("offer", [SHA, MD5, BASIC], ids=["SHA-256", "MD5", "Basic"])
def test_another_server_does_not_get_the_credentials(
    way: str, offer: str, files: dict[str, tuple[str, bytes]]
) -> None:
    path, options = WAYS[way]
    first, other = Guarded(offer, files=files), Guarded(files=files)
    with serving(first) as url, serving(other):
        answer = first.answer

        def after_proof(request: http.server.BaseHTTPRequestHandler) -> None:
            if request.headers.get("Authorization"):  # redirect once the credentials were sent
                first.moves = {path: other.url + path}
            answer(request)

        first.answer = after_proof  # type: ignore[method-assign]
        assert first_frame(url + path, options).width == 64
    assert other.asked
    assert not any(header for _, header in other.asked)


def test_segments_on_another_server_do_not_get_the_credentials(files: dict[str, tuple[str, bytes]]) -> None:
    other = Guarded(files=files)
    with serving(other):
        kind, playlist = files["/a.m3u8"]
        moved = playlist.replace(b"/a.ts", other.url.encode() + b"/a.ts")
        guarded = Guarded(SHA, files={**files, "/a.m3u8": (kind, moved)})
        for options in ({"reconnect": False}, {"live": False}):
            with serving(guarded) as url:
                first_frame(url + "/a.m3u8", options)
    assert other.asked
    assert not any(header for _, header in other.asked)


def test_a_program_may_bring_its_own_authorization(files: dict[str, tuple[str, bytes]]) -> None:
    guarded = Guarded(BASIC, files=files)
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with serving(guarded):
        options = {"headers": f"authorization: Basic {token}\r\n"}
        first_frame(guarded.url + "/v", {"reconnect": False, "options": options})
        first_frame(guarded.url + "/a.mp4", {"live": False, "options": options})
    assert all(header for _, header in guarded.asked)


def test_a_password_that_goes_as_basic_beside_an_unknown_digest_is_a_warning(
    files: dict[str, tuple[str, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    with serving(Guarded(challenge("SHA-3"), BASIC, files=files)) as url:
        first_frame(url + "/v", {"reconnect": False})
    told = [record.message for record in caplog.records if "Basic" in record.message]
    assert len(told) == 1
    assert "SHA-3" in told[0]
    assert "p,w" not in told[0]
