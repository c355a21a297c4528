"""The command line and network streams: outages are shown, passwords are not."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from rigs.live.camera import clip
from rigs.live.faulty_server import Faults
from rigs.live.servers import HttpServer, TcpServer
from support import until


@pytest.mark.slow
def test_probe_prints_the_format_of_a_stream(freshframe: Any) -> None:
    with HttpServer(clip("mjpeg"), Faults(user="joe:s3cr3t")) as server:
        code, out, err = freshframe("probe", server.url.replace("://", "://joe:s3cr3t@"), "--json")
    record = json.loads(out)
    assert (code, err) == (0, "")
    assert (record["live"], record["container"], record["width"]) == (True, "mpjpeg", 160)
    assert record["measured"]["frames"] > 10
    assert "s3cr3t" not in out


def test_probe_of_a_stream_that_is_not_there_is_an_error(freshframe: Any) -> None:
    with HttpServer(faults=Faults(status="404 Not Found")) as server:
        code, out, err = freshframe("probe", server.url)
    assert (code, out) == (3, "")
    assert "404" in err


@pytest.mark.slow
@pytest.mark.repeats
def test_track_reports_an_outage_without_the_password(freshframe: Any) -> None:
    with TcpServer(clip("mpegts")) as server:

        def interrupt() -> None:
            until(lambda: server.frames_sent > 10, "frames")
            server.hang_up()

        helper = threading.Thread(target=interrupt)
        helper.start()
        url = server.url.replace("://", "://joe:s3cr3t@")
        code, _, err = freshframe("track", url, "--for", "4s")
        helper.join()
    assert code == 0
    assert "live: source was without a connection once" in err
    assert "is back after" in err
    assert "s3cr3t" not in err


@pytest.mark.slow
def test_track_of_a_stream_that_never_opens_is_an_error(freshframe: Any) -> None:
    with HttpServer(faults=Faults(status="404 Not Found")) as server:
        code, _, err = freshframe("track", server.url, "--for", "1s")
    assert code == 3
    assert "freshframe track: cannot open" in err
    assert "404" in err
