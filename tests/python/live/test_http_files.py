"""`open(url, live=False)`: a finite video over HTTP is read like a file."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import http.server
import io
import itertools
import re
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Collect

import freshframe as ff

FRAMES = 90


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("http") / "movie.mp4"
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open(f"demo:circles?fps=25&frames={FRAMES}&pace=0&size=320x240"))
    pipeline.add(ff.VideoFile(path, codec="mpeg4", crf=2), scene)
    assert pipeline.run().complete
    return path.read_bytes()


class Files:
    """Serves one file, and cuts off the first responses after a number of bytes.

    Attributes:
        cuts: Lengths of the next responses; later ones are complete.
        ranges: True if range requests are honoured; otherwise each response has the whole file.
        asked: The first byte of each request.
    """

    def __init__(self, content: bytes, *, cuts: tuple[int, ...] = (), ranges: bool = True) -> None:
        self.content, self.cuts, self.ranges = content, list(cuts), ranges
        self.asked: list[int] = []

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        first = int(wanted[1]) if wanted and self.ranges else 0
        self.asked.append(first)
        if first and first >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = self.content[first:]
        request.send_response(206 if wanted and self.ranges else 200)
        request.send_header("Content-Length", str(len(body)))
        if self.ranges:
            request.send_header("Accept-Ranges", "bytes")
            request.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        request.end_headers()
        with contextlib.suppress(OSError):
            request.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)


@contextlib.contextmanager
def serving(files: Files) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.answer(self)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/movie.mp4"
        finally:
            server.shutdown()
            thread.join()


def read(url: str, **options: object) -> tuple[ff.stats.Report, list[int]]:
    pipeline, collect = ff.Pipeline(), Collect()
    source = ff.open(url, live=False, **options)  # type: ignore[arg-type]
    assert not source.live
    pipeline.add(collect, pipeline.add(source, name="movie"))
    report = pipeline.run()
    return report, [seq for seq, _ in collect.seen]


def test_every_frame_comes_without_loss_and_the_end_is_the_end(movie: bytes) -> None:
    with serving(Files(movie)) as url:
        report, seen = read(url)
    assert report.complete
    assert seen == list(range(FRAMES))
    assert report.edges[0].queue == ff.LOSSLESS


def test_a_lost_connection_continues_at_the_same_byte(movie: bytes) -> None:
    files = Files(movie)
    with serving(files) as url:
        files.cuts = [len(movie) // 3, len(movie) // 3]
        report, seen = read(url)
    assert report.complete
    assert seen == list(range(FRAMES))
    assert len([first for first in files.asked if first]) >= 2


def test_a_lost_connection_to_a_server_without_ranges_is_an_error(movie: bytes) -> None:
    files = Files(movie, cuts=(len(movie) // 2,), ranges=False)
    with serving(files) as url, pytest.raises(ff.SourceError) as caught:
        read(url)
    assert "movie.mp4" in str(caught.value)


def make_movie(path: Path, frames: int, *, index_first: bool = True) -> Path:
    """Writes a small movie, or one whose index is farther back than a reader buffers."""
    scene = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25", "-frames:v", str(frames)]
    place = ["-movflags", "faststart"] if index_first else ["-c:v", "mjpeg", "-q:v", "1", "-s", "640x480"]
    subprocess.run(["ffmpeg", "-v", "error", *scene, *place, str(path)], check=True)
    return path


def answer_without_length(
    request: http.server.BaseHTTPRequestHandler, body: bytes, how: str, *more: str
) -> None:
    """Sends the body without a length and closes the connection, as small cameras do. `how`: the headers."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/octet-stream", *more]
    lines += {"close": ["Connection: close"], "chunks": ["Transfer-Encoding: chunked"], "nothing": []}[how]
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if how == "chunks" else body
    request.wfile.write("\r\n".join([*lines, "", ""]).encode() + sent)
    request.close_connection = True


HOW = pytest.mark.parametrize("how", ["chunks", "close", "nothing"])


class Unsized(Files):
    """Serves one file without its length."""

    def __init__(self, content: bytes, how: str) -> None:
        super().__init__(content)
        self.how = how

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            answer_without_length(request, self.content, self.how)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("suffix", ["mp4", "ts", "mjpeg", "jpg", "mpg", "flv", "mkv", "avi", "gif", "h264"])
@HOW
def test_a_body_without_a_length_ends_with_its_connection(
    how: str, suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count = 1 if suffix == "jpg" else 12
    path = make_movie(tmp_path / f"a.{suffix}", count)
    with serving(Unsized(path.read_bytes(), how)) as url:
        report, seen = read(url.replace("movie.mp4", path.name))
    assert report.complete
    assert seen == list(range(count))
    assert "prematurely" not in caplog.text


@pytest.mark.parametrize("inside", [True, False], ids=["inside a chunk", "after a chunk"])
def test_chunks_that_are_cut_are_not_an_end(inside: bool, tmp_path: Path) -> None:
    class Cut(Unsized):
        def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
            body = self.content[: len(self.content) // 2]
            head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunk = b"%x\r\n%s" % (len(self.content), body) if inside else b"%x\r\n%s\r\n" % (len(body), body)
            request.wfile.write(head.encode() + chunk)
            request.close_connection = True

    path = make_movie(tmp_path / "a.mjpeg", 12)
    with (
        serving(Cut(path.read_bytes(), "chunks")) as url,
        pytest.raises(ff.SourceError, match=r"early|error"),
    ):
        read(url.replace("movie.mp4", path.name))


class Ranges(Unsized):
    """Sends the whole file without a length, and ranges with one."""

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        if request.headers.get("Range", "bytes=0-") == "bytes=0-":
            with contextlib.suppress(OSError):
                answer_without_length(request, self.content, self.how, "Accept-Ranges: bytes")
        else:
            Files.answer(self, request)


@HOW
def test_a_server_may_give_ranges_of_a_body_without_a_length(how: str, tmp_path: Path) -> None:
    ranges = Ranges(make_movie(tmp_path / "a.mp4", 12, index_first=False).read_bytes(), how)
    with serving(ranges) as url:
        report, seen = read(url)
    assert report.complete
    assert seen == list(range(12))
    assert any(ranges.asked)


@HOW
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_body_without_a_length_is_played_again(how: str, suffix: str, tmp_path: Path) -> None:
    path = make_movie(tmp_path / f"a.{suffix}", 12)
    with serving(Ranges(path.read_bytes(), how)) as url:
        pipeline = ff.Pipeline()
        movie = ff.open(url.replace("movie.mp4", path.name), live=False, loop=True)
        reader = pipeline.reader(pipeline.add(movie, name="movie"), queue=ff.LOSSLESS)
        with pipeline:
            seen = [sample.seq for sample in itertools.islice(reader, 36)]
    assert seen == list(range(36))


class Starred(Unsized):
    """Sends ranges whose length it does not know (RFC 9110, 14.4): "bytes 544-984475/*".

    Attributes:
        whole: True if the whole body is sent as such a range, too.
        empty: True if the ranges are empty.
    """

    def __init__(self, content: bytes, how: str, *, whole: bool = False, empty: bool = False) -> None:
        super().__init__(content, how)
        self.whole, self.empty = whole, empty

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        first = int(wanted[1]) if wanted else 0
        self.asked.append(first)
        body = self.content[first:] if not (first and self.empty) else b""
        with contextlib.suppress(OSError):
            if not first and not self.whole:
                answer_without_length(request, body, self.how, "Accept-Ranges: bytes")
                return
            place = f"Content-Range: bytes {first}-{len(self.content) - 1}/*"
            status = b"HTTP/1.1 206 Partial Content"
            with io.BytesIO() as sent:
                given, request.wfile = request.wfile, sent
                answer_without_length(request, body, self.how, place, "Accept-Ranges: bytes")
                request.wfile = given
                given.write(sent.getvalue().replace(b"HTTP/1.1 200 OK", status, 1))


@HOW
@pytest.mark.parametrize("whole", [True, False], ids=["always", "from-the-middle"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mjpeg", "flv", "avi"])
def test_a_range_of_an_unknown_length_is_played_again_and_again(
    suffix: str, whole: bool, how: str, tmp_path: Path
) -> None:
    path = make_movie(tmp_path / f"a.{suffix}", 12, index_first=suffix != "mp4")
    with serving(Starred(path.read_bytes(), how, whole=whole)) as url:
        movie = url.replace("movie.mp4", path.name)
        report, seen = read(movie)
        assert report.complete
        assert seen == list(range(12))
        assert looped(movie, 36) == list(range(36))


@HOW
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_loop_begins_with_the_whole_where_a_range_gives_nothing(
    suffix: str, how: str, tmp_path: Path
) -> None:
    path = make_movie(tmp_path / f"a.{suffix}", 12)
    with serving(Starred(path.read_bytes(), how, empty=True)) as url:
        assert looped(url.replace("movie.mp4", path.name), 36) == list(range(36))


@HOW
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_start_works_over_ranges_of_an_unknown_length(suffix: str, how: str, tmp_path: Path) -> None:
    path = make_movie(tmp_path / f"a.{suffix}", 50)
    with serving(Starred(path.read_bytes(), how, whole=True)) as url:
        _, seen = read(url.replace("movie.mp4", path.name), start=1.0)
    assert seen[-1] == 49
    assert seen == list(range(25, 50))


@pytest.mark.parametrize("suffix", ["mjpeg", "ts", "mkv"])
def test_chunks_that_are_cut_in_a_later_pass_are_not_an_end(suffix: str, tmp_path: Path) -> None:
    path = make_movie(tmp_path / f"a.{suffix}", 500)

    class CutLater(Starred):
        def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
            if not self.asked:
                super().answer(request)
                return
            self.asked.append(-1)
            request.close_connection = True
            wanted = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
            first, half = int(wanted[1]) if wanted else 0, len(self.content) // 2
            if first >= half:
                return  # the rest never arrives
            lines = ["HTTP/1.1 206 Partial Content", f"Content-Range: bytes {first}-{2 * half - 1}/*"]
            lines = [*(lines if first else ["HTTP/1.1 200 OK"]), "Transfer-Encoding: chunked", "", ""]
            with contextlib.suppress(OSError):
                request.wfile.write("\r\n".join(lines).encode())
                request.wfile.write(b"%x\r\n%s\r\n" % (half - first, self.content[first:half]))

    server = CutLater(path.read_bytes(), "chunks")
    with serving(server) as url, pytest.raises(ff.SourceError):
        looped(url.replace("movie.mp4", path.name), 2000, read_timeout=1.0)
    assert -1 in server.asked


def looped(url: str, count: int, **options: Any) -> list[int]:
    """Returns the numbers of the first frames of a loop."""
    pipeline = ff.Pipeline()
    reader = pipeline.reader(
        pipeline.add(ff.open(url, live=False, loop=True), name="movie"), queue=ff.LOSSLESS
    )
    with pipeline:
        return [sample.seq for sample in itertools.islice(reader, count)]


def test_one_connection_may_have_several_answers_in_chunks(tmp_path: Path) -> None:
    path = make_movie(tmp_path / "a.ts", 12)
    with serving(Unsized(path.read_bytes(), "chunks")) as url:
        report, seen = read(url.replace("movie.mp4", path.name), options={"multiple_requests": "1"})
    assert report.complete
    assert seen == list(range(12))


@HOW
def test_a_picture_that_begins_as_a_playlist_is_a_picture(how: str, tmp_path: Path) -> None:
    path = make_movie(tmp_path / "a.xbm", 1)
    with serving(Unsized(path.read_bytes(), how)) as url:
        report, seen = read(url.replace("movie.mp4", path.name))
    assert report.complete
    assert seen == [0]


@HOW
def test_a_page_in_words_is_no_connection_that_was_closed_early(how: str) -> None:
    page = b"<html><body>the camera is busy</body></html>"
    with serving(Unsized(page, how)) as url, pytest.raises(ff.SourceError) as info:
        read(url)
    assert "early" not in str(info.value)


@HOW
def test_a_playlist_without_a_length_hands_its_options_on(how: str, tmp_path: Path) -> None:
    segment, agents = make_movie(tmp_path / "a.ts", 12).read_bytes(), set()
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nb/a.ts\n#EXT-X-ENDLIST\n"

    class Elsewhere(Unsized):
        """Redirects the client to another folder, where the segments are."""

        def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
            agents.add(request.headers["User-Agent"])
            if request.path == "/movie.m3u8":
                request.wfile.write(
                    b"HTTP/1.1 302 Found\r\nLocation: /far/movie.m3u8\r\nContent-Length: 0\r\n\r\n"
                )
                request.close_connection = True
            elif request.path == "/far/b/a.ts":
                answer_without_length(request, segment, "close")
            else:
                answer_without_length(request, playlist, self.how)

    with serving(Elsewhere(b"", how)) as url:
        report, seen = read(url.replace("movie.mp4", "movie.m3u8"), options={"user_agent": "a-player"})
    assert report.complete
    assert seen == list(range(12))
    assert agents == {"a-player"}


def test_a_connection_that_is_reset_is_not_an_end(tmp_path: Path) -> None:
    class Reset(Unsized):
        def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
            answer_without_length(request, self.content[: len(self.content) // 2], self.how)
            linger_no_time = struct.pack("ii", 1, 0)  # close() sends RST
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_no_time)
            request.connection.close()

    path = make_movie(tmp_path / "a.ts", 12)
    with serving(Reset(path.read_bytes(), "nothing")) as url, pytest.raises(ff.SourceError, match="reset"):
        read(url)


def test_a_part_and_a_repetition_work_as_for_a_file(movie: bytes) -> None:
    with serving(Files(movie)) as url:
        report, seen = read(url, start=1.0, end=2.0)
    assert seen == list(range(25, 50))
    assert report.complete


def test_a_server_that_is_not_there_is_an_error_at_start() -> None:
    with serving(Files(b"")) as url:
        pass
    with pytest.raises(ff.SourceError, match="cannot open"):
        read(url)


@pytest.mark.parametrize("url", ["clip.mp4", "rtsp://127.0.0.1/a", "0", "demo:circles"])
@pytest.mark.parametrize("live", [False, True])
def test_it_is_for_http_only(url: str, live: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ff.OptionError, match=r"live is for http:// and https:// URLs"):
        ff.open(url, live=live)


def test_what_is_for_live_sources_is_refused_with_it() -> None:
    with pytest.raises(
        ff.OptionError, match="is read like a file with live=False: reconnect is for live sources"
    ):
        ff.open("http://127.0.0.1/a.mp4", live=False, reconnect=True)
