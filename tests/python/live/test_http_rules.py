"""Responses of HTTP servers (RFC 9110, 9112): every image arrives, or a message gives the reason."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gzip
import itertools
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import WATCHDOG

import freshframe as ff

FRAMES = 36
GROUP = 12  # frames of a segment
Answer = Callable[[str, str], bytes]  # given the path and the head of the request


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[tuple[int, list[str]]]:
    """Answers each connection once. Yields the port, and the heads of all requests so far."""
    heads: list[str] = []

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := connection.recv(4096)):
                    return
                head += more
            heads.append(head.decode())
            connection.sendall(answer(heads[-1].split()[1], heads[-1]))
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(2)
            connection.recv(1)

    def accept(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()

    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept, args=(server,), daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], heads
    finally:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(WATCHDOG)


def answered(head: str, body: bytes = b"") -> bytes:
    return ("HTTP/1.1 " + head.replace("\n", "\r\n") + "\r\n\r\n").encode() + body


def chunked(body: bytes, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    middle = len(body) // 2
    parts = [body[:middle], body[middle:], b""]
    chunks = [b"%x%s\r\n%s" % (len(part), extension, part + b"\r\n" * bool(part)) for part in parts]
    return b"".join(chunks) + trailers + b"\r\n"


def film(*options: str, to: Path) -> None:
    scene = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25", "-frames:v", str(FRAMES), "-g", str(GROUP)]
    subprocess.run(["ffmpeg", "-v", "error", *scene, "-bf", "0", *options, str(to)], check=True)


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Writes a fragmented MP4 that cannot be read at all if one byte at its start is wrong."""
    path = tmp_path_factory.mktemp("rules") / "a.mp4"
    film("-movflags", "frag_keyframe+empty_moov+default_base_moof", to=path)
    return path.read_bytes()


def read(url: str, *, live: bool, **options: object) -> int:
    """Returns the number of frames until the end, or raises the error."""
    given = {"reconnect": False} if live else {"live": False}
    pipeline, count = ff.Pipeline(), 0
    source = ff.open(url, open_timeout=WATCHDOG, **given, **options)  # type: ignore[arg-type]
    queue = ff.Queue(512) if live else ff.LOSSLESS
    reader = pipeline.reader(pipeline.add(source, name="camera"), queue=queue)
    try:
        with pipeline, contextlib.suppress(ff.EndOfStreamError):
            while not live or count < FRAMES:
                reader.get(timeout=WATCHDOG)
                count += 1
    except ff.SourceError:  # a live body without a length ends as a lost connection
        if not live or count < FRAMES:
            raise
    return count


LIVE = pytest.mark.parametrize("live", [True, False], ids=["live", "file"])
LENGTH = "Content-Length: {size}"
READ: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a length": (f"200 OK\n{LENGTH}", bytes),
    "no reason phrase": (f"200\n{LENGTH}", bytes),
    "another 2xx": (f"203 Changed\n{LENGTH}", bytes),
    "a folded header that is not needed": (f"200 OK\nX-A: b\n c\n\tContent-Length: 5\n{LENGTH}", bytes),
    "the same length twice": (f"200 OK\n{LENGTH}\n{LENGTH}", bytes),
    "the same length in a list": (f"200 OK\n{LENGTH}, {{size}}", bytes),
    "-1 for endless": ("200 OK\nContent-Length: -1", bytes),
    "names in other case": ("200 OK\nTRANSFER-encoding: Chunked", chunked),
    "extensions of chunks": (
        "200 OK\nTransfer-Encoding: chunked",
        lambda body: chunked(body, b';a=b;c="d"'),
    ),
    "trailers": (
        "200 OK\nTransfer-Encoding: chunked",
        lambda body: chunked(body, b"", b"X-T: 1\r\nContent-Length: 5\r\n"),
    ),
    "chunks after a length": ("200 OK\nContent-Length: 7\nTransfer-Encoding: chunked", chunked),
    "identity": (f"200 OK\nTransfer-Encoding: identity\nContent-Encoding: identity\n{LENGTH}", bytes),
    "gzip that was not asked for": (f"200 OK\nContent-Encoding: gzip\n{LENGTH}", gzip.compress),
}


def respond(head: str, body: bytes) -> bytes:
    return answered(head.replace("{size}", str(len(body))), body)


@LIVE
@pytest.mark.parametrize("name", READ)
def test_what_the_rules_allow_is_read(name: str, live: bool, movie: bytes) -> None:
    head, encoded = READ[name]
    with serving(lambda *_: respond(head, encoded(movie))) as (port, _):
        assert read(f"http://127.0.0.1:{port}/a.mp4", live=live) == FRAMES


EARLY = "the server sends {} before its response"
FOLDED = "the header {} on several lines"
TRANSFER = "with Transfer-Encoding '{}'"
CONTENT = "with Content-Encoding '{}'"
NOT_PACKED = "with Content-Encoding '{}', but its body cannot be decompressed"
REFUSED: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "100": (f"100 Continue\n\nHTTP/1.1 200 OK\n{LENGTH}", bytes, EARLY.format(100)),
    "103": (f"103 Early Hints\nLink: </x>\n\nHTTP/1.1 200 OK\n{LENGTH}", bytes, EARLY.format(103)),
    "a folded length": ("200 OK\nContent-Length:\n {size}", bytes, FOLDED.format("content-length")),
    "a folded encoding": (
        "200 OK\nTransfer-Encoding:\n chunked",
        chunked,
        FOLDED.format("transfer-encoding"),
    ),
    "an empty length": ("200 OK\nContent-Length:", bytes, "invalid Content-Length: ''"),
    "a length of letters": ("200 OK\nContent-Length: abc", bytes, "invalid Content-Length: 'abc'"),
    "two lengths": (
        f"200 OK\nContent-Length: 9\n{LENGTH}",
        bytes,
        "several different Content-Length headers: '9, ",
    ),
    "two lengths in a list": (f"200 OK\n{LENGTH}, 9", bytes, "several different Content-Length"),
    "chunks before a length": (
        "200 OK\nTransfer-Encoding: chunked\nContent-Length: 7",
        chunked,
        "Transfer-Encoding and Content-Length, which contradict",
    ),
    "gzip, chunked": (
        "200 OK\nTransfer-Encoding: gzip, chunked",
        lambda body: chunked(gzip.compress(body)),
        TRANSFER.format("gzip, chunked"),
    ),
    "two encodings": (
        "200 OK\nTransfer-Encoding: gzip\nTransfer-Encoding: chunked",
        lambda body: chunked(gzip.compress(body)),
        TRANSFER.format("gzip, chunked"),
    ),
    "chunked twice": (
        "200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked",
        lambda body: chunked(chunked(body)),
        TRANSFER.format("chunked, chunked"),
    ),
    "an unknown encoding": ("200 OK\nTransfer-Encoding: foo", bytes, TRANSFER.format("foo")),
    "br": (f"200 OK\nContent-Encoding: br\n{LENGTH}", bytes, CONTENT.format("br")),
    "gzip, br": (f"200 OK\nContent-Encoding: gzip, br\n{LENGTH}", bytes, CONTENT.format("gzip, br")),
    "gzip that is none": (f"200 OK\nContent-Encoding: gzip\n{LENGTH}", bytes, NOT_PACKED.format("gzip")),
    "gzip that is damaged": (
        f"200 OK\nContent-Encoding: gzip\n{LENGTH}",
        lambda body: gzip.compress(body)[:12] + body,
        NOT_PACKED.format("gzip"),
    ),
    "deflate that is none": (
        "200 OK\nContent-Encoding: deflate\nTransfer-Encoding: chunked",
        chunked,
        NOT_PACKED.format("deflate"),
    ),
    "204": ("204 No Content", lambda _: b"", "answered 204, which contains no video"),
    "204 with a body": (f"204 No Content\n{LENGTH}", bytes, "answered 204, which contains no video"),
    "304": ("304 Not Modified\nContent-Length: 9", lambda _: b"", "answered 304, which contains no video"),
    "300": ("300 Choices\nContent-Length: 0", lambda _: b"", "answered 300, which contains no video"),
    "302 without a place": (
        "302 Found\nContent-Length: 0",
        lambda _: b"",
        "answered 302 without a URL to redirect to",
    ),
    "two places": (
        "302 Found\nLocation: /b\nLocation: /c",
        lambda _: b"",
        "different Location headers: '/b, /c'",
    ),
    "302 to a file": ("302 Found\nLocation: file:///etc/passwd", lambda _: b"", "redirects to 'file:///etc"),
    "302 to ftp": ("302 Found\nLocation: ftp://127.0.0.1:1/", lambda _: b"", "redirects to 'ftp://127"),
    "another range": (
        "206 Partial Content\nContent-Range: bytes 100-199/200\nContent-Length: 100",
        lambda body: body[100:200],
        "sends the bytes from 100 although those from 0",
    ),
}


@LIVE
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_sentence(name: str, live: bool, movie: bytes) -> None:
    head, encoded, words = REFUSED[name]
    with (
        serving(lambda *_: respond(head, encoded(movie))) as (port, heads),
        pytest.raises(ff.SourceError, match=re.escape(words)) as caught,
    ):
        read(f"http://127.0.0.1:{port}/a.mp4", live=live)
    assert f"127.0.0.1:{port}/a.mp4" in str(caught.value)
    assert len(heads) == 1


PLACES = {
    "b.mp4": "/d/b.mp4",
    "./b.mp4": "/d/b.mp4",
    "../b.mp4": "/b.mp4",
    "/b.mp4": "/b.mp4",
    "?x=1": "/d/a.mp4?x=1",
    "//127.0.0.1:{port}/b.mp4": "/b.mp4",
    "http://127.0.0.1:{port}/b.mp4#part": "/b.mp4",
    "HTTP://127.0.0.1:{port}/b.mp4": "/b.mp4",
    "hTTp://127.0.0.1:{port}/B.mp4": "/B.mp4",
}


@LIVE
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", PLACES)
def test_redirects_are_followed_relative_to_the_request(
    place: str, status: int, live: bool, movie: bytes
) -> None:
    def answer(path: str, head: str) -> bytes:
        if path != "/d/a.mp4":
            return respond(f"200 OK\n{LENGTH}", movie)
        port = head.split("Host: 127.0.0.1:")[1].split(maxsplit=1)[0]
        return answered(f"{status} Moved\nLocation: {place.format(port=port)}\nContent-Length: 0")

    with serving(answer) as (port, heads):
        assert read(f"http://127.0.0.1:{port}/d/a.mp4", live=live) == FRAMES
    assert [head.split()[1] for head in heads] == ["/d/a.mp4", PLACES[place]]


@LIVE
def test_a_redirect_to_an_encrypted_server_is_encrypted(live: bool) -> None:
    """FFmpeg compares schemes with their case, and would request HTTPS://host unencrypted."""
    begun = []
    with socket.create_server(("127.0.0.1", 0)) as encrypted:
        encrypted.settimeout(WATCHDOG)

        def meet() -> None:
            with encrypted.accept()[0] as connection:
                begun.append(connection.recv(1))

        place = f"HTTPS://127.0.0.1:{encrypted.getsockname()[1]}/b.mp4"
        thread = threading.Thread(target=meet)
        thread.start()
        moved = answered(f"302 Moved\nLocation: {place}\nContent-Length: 0")
        with serving(lambda *_: moved) as (port, _), pytest.raises(ff.SourceError):
            read(f"http://127.0.0.1:{port}/a.mp4", live=live)
        thread.join()
    assert begun == [b"\x16"], "the first byte of a TLS handshake"


@LIVE
@pytest.mark.parametrize("same", [True, False], ids=["the-same-server", "another-server"])
def test_headers_with_secrets_stay_on_their_server(same: bool, live: bool, movie: bytes) -> None:
    mine = "Authorization: Basic YTpi\r\nCookie: id=7\r\nX-Mine: 1\r\n"
    with contextlib.ExitStack() as stack:
        other, elsewhere = stack.enter_context(serving(lambda *_: respond(f"200 OK\n{LENGTH}", movie)))

        def answer(path: str, _: str) -> bytes:
            if path == "/b.mp4":
                return respond(f"200 OK\n{LENGTH}", movie)
            place = "/b.mp4" if same else f"http://127.0.0.1:{other}/b.mp4"
            return answered(f"302 Found\nLocation: {place}\nContent-Length: 0")

        port, heads = stack.enter_context(serving(answer))
        assert read(f"http://127.0.0.1:{port}/a.mp4", live=live, options={"headers": mine}) == FRAMES
        last = heads[-1] if same else elsewhere[-1]
    assert "X-Mine: 1" in last
    assert ("Authorization" in last, "Cookie" in last) == (same, same)


@LIVE
def test_a_cookie_stays_in_its_domain(live: bool, movie: bytes) -> None:
    with contextlib.ExitStack() as stack:
        other, elsewhere = stack.enter_context(serving(lambda *_: respond(f"200 OK\n{LENGTH}", movie)))
        moved = answered(f"302 Found\nLocation: http://localhost:{other}/b.mp4\nContent-Length: 0")
        port, heads = stack.enter_context(serving(lambda *_: moved))
        options = {"cookies": f"id=7; path=/; domain=127.0.0.1:{port}"}
        assert read(f"http://127.0.0.1:{port}/a.mp4", live=live, options=options) == FRAMES
    assert "Cookie: id=7" in heads[-1]
    assert "Cookie" not in elsewhere[-1]


MINE = {"headers": "Authorization: Basic YTpi\r\nCookie: id=7\r\n"}


@LIVE
@pytest.mark.parametrize(("user", "options"), [("u:p@", {}), ("", MINE)], ids=["url", "headers"])
def test_secrets_follow_none_of_two_places(
    user: str, options: dict[str, str], live: bool, movie: bytes
) -> None:
    with contextlib.ExitStack() as stack:
        other, elsewhere = stack.enter_context(serving(lambda *_: respond(f"200 OK\n{LENGTH}", movie)))

        def answer(path: str, head: str) -> bytes:
            if "Authorization" not in head:
                return answered('401 Unauthorized\nWWW-Authenticate: Basic realm="x"\nContent-Length: 0')
            places = f"Location: /b.mp4\nLocation: http://127.0.0.1:{other}/b.mp4"
            return answered(f"302 Found\n{places}\nContent-Length: 0")

        port, _ = stack.enter_context(serving(answer))
        with pytest.raises(ff.SourceError, match=r"several different Location"):
            read(f"http://{user}127.0.0.1:{port}/a.mp4", live=live, options=options)
    assert not elsewhere


@pytest.fixture(scope="module")
def indexed_last(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Writes an MP4 whose index is at the end, too far behind its start to be read on the way there."""
    path = tmp_path_factory.mktemp("indexed") / "a.mp4"
    film("-c:v", "mpeg4", "-qscale:v", "1", "-vf", "scale=640:480,noise=alls=90:allf=t", to=path)
    body = path.read_bytes()
    assert body.find(b"moov") > body.find(b"mdat") + (1 << 20)
    return body


def of_movie(body: bytes) -> Answer:
    def answer(_: str, head: str) -> bytes:
        wanted = re.search(r"Range: bytes=(\d+)-(\d*)", head)
        first = int(wanted[1]) if wanted else 0
        place = f"Content-Range: bytes {first}-{len(body) - 1}/{len(body)}"
        return respond(f"206 Partial Content\n{place}\n{LENGTH}", body[first:])

    return answer


CHALLENGE = '401 Unauthorized\nWWW-Authenticate: Basic realm="x"\nContent-Length: 0'
ALLOWED = {"url": ("u:p@", {}), "headers": ("", MINE), "cookie": ("", {"headers": "Cookie: id=7\r\n"})}
MOVED = {
    "for-now": "302 Found",
    "not-kept": "307 Moved\nCache-Control: private, no-store, max-age=9",
    "for-good": "301 Moved",
    "kept": "302 Found\nCache-Control: max-age=600",
    "folded": "302 Found\nCache-Control: max-age=600\n private, no-store",
}


@pytest.mark.parametrize("allowed", ALLOWED)
@pytest.mark.parametrize("moved", MOVED)
def test_a_file_behind_a_redirect_is_read_to_its_end(moved: str, allowed: str, indexed_last: bytes) -> None:
    user, options = ALLOWED[allowed]
    with contextlib.ExitStack() as stack:
        other, elsewhere = stack.enter_context(serving(of_movie(indexed_last)))

        def answer(_: str, head: str) -> bytes:
            if "Authorization" not in head and "Cookie" not in head:
                return answered(CHALLENGE)
            return answered(f"{MOVED[moved]}\nLocation: http://127.0.0.1:{other}/b.mp4\nContent-Length: 0")

        port, _ = stack.enter_context(serving(answer))
        assert read(f"http://{user}127.0.0.1:{port}/a.mp4", live=False, options=options) == FRAMES
    assert len(elsewhere) > 1  # it was sought in
    assert not any("Authorization" in head or "Cookie" in head for head in elsewhere)


@pytest.mark.parametrize("allowed", ALLOWED)
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("second", MOVED)
@pytest.mark.parametrize("first", MOVED)
def test_no_chain_of_redirects_takes_secrets_to_another_server(
    first: str, second: str, live: bool, allowed: str, indexed_last: bytes
) -> None:
    user, options = ALLOWED[allowed]
    with contextlib.ExitStack() as stack:
        other, elsewhere = stack.enter_context(serving(of_movie(indexed_last)))

        def answer(path: str, head: str) -> bytes:
            if "Authorization" not in head and "Cookie" not in head:
                return answered(CHALLENGE)
            if path == "/a.mp4":
                return answered(f"{MOVED[first]}\nLocation: /b.mp4\nContent-Length: 0")
            return answered(f"{MOVED[second]}\nLocation: http://127.0.0.1:{other}/c.mp4\nContent-Length: 0")

        port, _ = stack.enter_context(serving(answer))
        with contextlib.suppress(ff.SourceError):  # where FFmpeg goes to the other server by itself
            read(f"http://{user}127.0.0.1:{port}/a.mp4", live=live, options=options)
    assert elsewhere
    assert not any("Authorization" in head or "Cookie" in head for head in elsewhere)


@LIVE
@pytest.mark.parametrize(
    ("refusal", "words"),
    [(CHALLENGE, "401 Unauthorized"), ("403 Forbidden\nContent-Length: 0", "403 Forbidden")],
    ids=["401", "403"],
)
def test_a_refused_seek_is_no_damage(refusal: str, words: str, live: bool, indexed_last: bytes) -> None:
    def answer(path: str, head: str) -> bytes:
        is_first = "Range: bytes=0-" in head
        return of_movie(indexed_last)(path, head) if is_first else answered(refusal)

    with serving(answer) as (port, _), pytest.raises(ff.SourceError, match=words) as caught:
        read(f"http://127.0.0.1:{port}/a.mp4", live=live)
    assert "damaged" not in str(caught.value)
    assert "moov" not in str(caught.value)


MASTER = (
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",NAME="x",URI="audio.m3u8?token=hidden"\n'
    '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="s"\nvideo.m3u8\n'
)


@LIVE
@pytest.mark.parametrize("refusal", [CHALLENGE, "403 Forbidden\nContent-Length: 0"], ids=["401", "403"])
@pytest.mark.parametrize(
    ("video", "words"),
    [("", "no video"), ("#EXTINF:1,\ntext.ts\n", "nvalid data|no video|text, not a video")],
)
def test_the_reason_is_the_one_of_what_failed(video: str, words: str, refusal: str, live: bool) -> None:
    """The sound is refused, and skipped. What fails is the video."""

    def answer(path: str, _: str) -> bytes:
        if path.startswith("/audio"):
            return answered(refusal)
        playlist = (
            MASTER if path == "/a.m3u8" else f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{video}#EXT-X-ENDLIST\n"
        )
        body = b"no transport stream " * 99 if path == "/text.ts" else playlist.encode()
        return respond(f"200 OK\nContent-Type: application/vnd.apple.mpegurl\n{LENGTH}", body)

    with serving(answer) as (port, heads), pytest.raises(ff.SourceError) as caught:
        read(f"http://127.0.0.1:{port}/a.m3u8", live=live)
    assert any(head.startswith("GET /audio") for head in heads)
    told = str(caught.value).partition("; the server also refused")
    assert re.search(words, told[0])
    assert "40" not in told[0].partition("/a.m3u8")[2]
    assert "/audio.m3u8" in told[2]
    assert refusal[:3] in told[2]
    assert "hidden" not in str(caught.value)


def make_playlist(name: str, ranges: list[tuple[int, int]], start: int) -> bytes:
    """A playlist of byte ranges of one file, of which the first `start` bytes are the init section."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:0"]
    lines += [f'#EXT-X-MAP:URI="{name}",BYTERANGE="{start}@0"'] if start else []
    for begin, end in ranges:
        lines += ["#EXTINF:0.48,", f"#EXT-X-BYTERANGE:{end - begin}@{begin}", name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""]).encode()


def of_ranges(files: dict[str, bytes], *, honoured: bool) -> Answer:
    def answer(path: str, head: str) -> bytes:
        body = files[path]
        wanted = re.search(r"Range: bytes=(\d+)-(\d+)", head)
        if not wanted or not honoured:
            return respond(f"200 OK\n{LENGTH}", body)
        first, last = int(wanted[1]), min(int(wanted[2]), len(body) - 1)
        place = f"Content-Range: bytes {first}-{last}/{len(body)}"
        return respond(f"206 Partial Content\n{place}\n{LENGTH}", body[first : last + 1])

    return answer


@pytest.fixture(scope="module")
def ranged(movie: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Playlists whose segments are ranges of one MP4, and of one transport stream."""
    folder = tmp_path_factory.mktemp("ranges")
    split = ["-f", "segment", "-segment_time", "0.48", "-segment_format", "mpegts"]
    film(*split, to=folder / "%d.ts")
    parts = [(folder / f"{n}.ts").read_bytes() for n in range(FRAMES // GROUP)]
    gap = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 400  # FFmpeg 9 reads ranges without a gap by one request
    begins = [sum(map(len, parts[:n])) + n * len(gap) for n in range(len(parts))]
    cuts = [found.start() - 4 for found in re.finditer(b"moof", movie)] + [movie.rfind(b"mfra") - 4]
    return {
        "/a.mp4": movie,
        "/a.ts": gap.join(parts),
        "/0.ts": parts[0],
        "/1.ts": parts[1],
        "/mp4.m3u8": make_playlist("a.mp4", list(itertools.pairwise(cuts)), cuts[0]),
        "/ts.m3u8": make_playlist(
            "a.ts", [(at, at + len(part)) for at, part in zip(begins, parts, strict=True)], 0
        ),
    }


@LIVE
@pytest.mark.parametrize("kind", ["mp4", "ts"])
def test_segments_may_be_ranges_of_one_file(kind: str, live: bool, ranged: dict[str, bytes]) -> None:
    with serving(of_ranges(ranged, honoured=True)) as (port, _):
        assert read(f"http://127.0.0.1:{port}/{kind}.m3u8", live=live) == FRAMES


@LIVE
@pytest.mark.parametrize("kind", ["mp4", "ts"])
def test_a_server_that_ignores_ranges_is_an_error_and_no_lost_segments(
    kind: str, live: bool, ranged: dict[str, bytes]
) -> None:
    with (
        serving(of_ranges(ranged, honoured=False)) as (port, _),
        pytest.raises(ff.SourceError, match=r"must support byte ranges"),
    ):
        read(f"http://127.0.0.1:{port}/{kind}.m3u8", live=live)


@LIVE
def test_the_refused_segment_is_named(live: bool, ranged: dict[str, bytes]) -> None:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
    for name in ("0.ts", "1.ts"):
        lines += ["#EXTINF:0.48,", name + "?key=hidden"]
    playlist = "\n".join([*lines, "#EXT-X-ENDLIST", ""]).encode()

    def answer(path: str, _: str) -> bytes:
        if path == "/s.m3u8":
            return respond(f"200 OK\n{LENGTH}", playlist)
        if "1.ts" in path:
            return respond(f"200 OK\nContent-Encoding: br\n{LENGTH}", ranged["/1.ts"])
        return respond(f"200 OK\n{LENGTH}", ranged["/0.ts"])

    options = {"live_start_index": "0"} if live else {}
    with serving(answer) as (port, _):
        place = f"http://127.0.0.1:{port}/"
        with pytest.raises(ff.SourceError, match=rf"for '{place}1\.ts") as caught:
            read(f"{place}s.m3u8", live=live, options=options)
    assert "Content-Encoding 'br'" in str(caught.value)
    assert "0.ts" not in str(caught.value)
    assert "hidden" not in str(caught.value)
