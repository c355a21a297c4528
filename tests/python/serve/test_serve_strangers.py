"""Pipeline.serve(): its arguments, access control, limits for unauthenticated clients, and its end."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gc
import os
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from rigs.web_client import Live, request
from support import run_program

import freshframe as ff

SCENE = "demo:circles?size=320x180&fps=30"


def test_serving_again_with_equal_arguments_gives_the_same_url() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open(SCENE))
    dashboard = pipeline.serve(view=source)
    url = dashboard.url
    assert pipeline.serve(view=[source]) is pipeline.serve() is dashboard
    with pytest.raises(ff.StateError, match=r"already served at .* with another .*: serve\(\) without"):
        pipeline.serve(port=1)
    dashboard.close()
    dashboard.close()
    assert dashboard.closed
    with pytest.raises(ConnectionRefusedError):
        request(url)
    again = pipeline.serve()
    dashboard.close()  # closing the old server must not stop the new one
    assert request(again.url, "/api/state").status == 200


def test_a_dashboard_is_its_url_and_closes_at_the_end_of_its_block() -> None:
    pipeline = ff.Pipeline()
    with pipeline.serve(token="0123456789abcdef") as dashboard:
        assert str(dashboard) == dashboard.url == dashboard.urls[0]
        assert "0123456789abcdef" in dashboard.url
        assert "0123456789abcdef" not in repr(dashboard)
        assert not dashboard.closed
        url = dashboard.url
    assert dashboard.closed
    with pytest.raises(ConnectionRefusedError):
        request(url)


@pytest.mark.slow
def test_dropping_the_dashboard_stops_nothing() -> None:
    pipeline = ff.Pipeline()
    url = str(pipeline.serve())
    gc.collect()
    assert request(url, "/api/state").status == 200


def test_a_server_for_all_addresses_names_them() -> None:
    urls = ff.Pipeline().serve(host="0.0.0.0").urls
    hosts = [urlsplit(url).hostname for url in urls]
    assert hosts[-1] == socket.gethostname().lower()
    for host in hosts[:-1]:
        assert host is not None
        assert host != "127.0.0.1"
        assert len(socket.inet_aton(host)) == 4
    assert len({urlsplit(url).query for url in urls}) == 1, "one token"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"host": 5}, "host must be an address"),
        ({"host": "example.org"}, "needs an address to listen on"),
        ({"port": -1}, "port must be a whole number"),
        ({"port": 65536}, "port must be a whole number"),
        ({"port": True}, "port must be a whole number"),
        ({"token": ""}, "token must be a string"),
        ({"token": "short"}, "a token must have 16 to 256 characters"),
        ({"token": "sixteen letters;x"}, "a token must have 16 to 256 characters"),
        ({"away_after": 0}, "away_after must be more than 0 seconds"),
        ({"away_after": "5"}, "away_after must be"),
        ({"view": "cam"}, "view must be a port"),
        ({"view": ["cam"]}, "view must contain ports"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any], message: str) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE))
    with pytest.raises((ff.OptionError, ff.OptionTypeError), match=message):
        pipeline.serve(**arguments)
    assert pipeline.serve().url.startswith("http://127.0.0.1:")


def test_a_port_of_another_pipeline_and_one_that_is_taken_are_refused() -> None:
    pipeline = ff.Pipeline()
    other = ff.Pipeline().add(ff.open(SCENE), name="other")
    with pytest.raises(ff.GraphError, match="belongs to another pipeline"):
        pipeline.serve(view=other)
    port = int(pipeline.serve().url.rpartition(":")[2].strip("/"))
    with pytest.raises(ff.FreshframeError, match=f"port {port}: Address already in use"):
        ff.Pipeline().serve(port=port)


def test_a_program_that_is_started_meanwhile_does_not_keep_the_port() -> None:
    def sockets() -> dict[str, int]:
        found = {}
        for number in map(int, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError):  # the descriptor of the folder itself
                found[os.readlink(f"/proc/self/fd/{number}")] = number
        return {name: number for name, number in found.items() if name.startswith("socket:")}

    before = sockets()
    with Live(ff.Pipeline().serve().url) as live:
        live.next("state")
        new = [number for name, number in sockets().items() if name not in before]
        assert len(new) >= 3, "one listens, one connection has two ends"
        assert [number for number in new if os.get_inheritable(number)] == []


def test_a_token_lets_in_by_link_cookie_and_header() -> None:
    pipeline = ff.Pipeline()
    url = pipeline.serve(token="0123456789abcdef").url
    assert url.endswith("/?token=0123456789abcdef")
    for path in ("/api/state", "/api/live", "/metrics", "/healthz", "/anything"):
        assert request(url, path).status == 401
        assert request(url, path, Authorization="Bearer 0123456789abcdeX").status == 401
    login = request(url, "/")
    assert login.status == 401
    assert '<form method="get" action="/">' in login.text
    assert request(url, "/?token=wrong").status == 401
    entered = request(url, "/?token=0123456789abcdef")
    assert (entered.status, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"]
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert request(url, "/api/state", Cookie=f"a=b; {cookie.partition(';')[0]}").status == 200
    assert request(url, "/api/state", Authorization="Bearer 0123456789abcdef").status == 200


def test_other_hosts_than_this_machine_get_a_token_of_their_own() -> None:
    first, second = ff.Pipeline(), ff.Pipeline()
    url = first.serve(host="0.0.0.0").url
    token = url.partition("?token=")[2]
    assert len(token) >= 32
    assert token != second.serve(host="0.0.0.0").url.partition("?token=")[2]
    port = url.partition("?")[0].rpartition(":")[2].strip("/")
    assert request(f"http://127.0.0.1:{port}/", "/api/state").status == 401


@pytest.mark.slow
def test_a_pipeline_that_is_collected_ends_its_server(pipelines: list[ff.Pipeline]) -> None:
    pipeline = ff.Pipeline()
    url = pipeline.serve().url
    assert request(url, "/api/state").status == 200
    pipelines.clear()
    del pipeline
    gc.collect()
    with pytest.raises(ConnectionRefusedError):
        request(url)


def test_a_program_that_serves_ends_by_itself() -> None:
    done = run_program(
        """
        import freshframe as ff
        pipeline = ff.Pipeline()
        pipeline.add(ff.open("demo:circles"))
        pipeline.start()
        print(pipeline.serve())
        """
    )
    assert done.code == 0, done.err
    assert done.err == ""


def test_a_flood_of_pings_is_cut_and_one_is_answered() -> None:
    with Live(ff.Pipeline().serve().url) as live:

        def receive() -> tuple[int, bytes]:
            got = live.receive()
            if got[0] == 1:
                live.send({"ack": "state"})
            return got

        live.send(b"hello", opcode=9)
        while (got := receive())[0] != 10:
            pass
        assert got[1] == b"hello"
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                live.send(b"", opcode=9)
            texts = 0
            while (opcode := receive()[0]) != 0:
                texts += opcode == 1
                assert texts < 20, "it goes on for seconds"


def test_a_forked_child_neither_serves_nor_keeps_the_port() -> None:
    done = run_program(
        """
        import os, signal, socket, warnings
        import freshframe as ff
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads
        pipeline = ff.Pipeline()
        pipeline.add(ff.open("demo:circles"))
        port = int(pipeline.serve().url.rpartition(":")[2].strip("/"))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                pipeline.serve(port=1)
            except ff.StateError:
                pass
            del pipeline
            os.write(writing, b"x")
            signal.pause()
        os.read(reading, 1)
        pipeline.serve().close()
        try:
            socket.create_connection(("127.0.0.1", port))
            print("connected")
        except ConnectionRefusedError:
            print("refused")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        """
    )
    assert (done.code, done.out) == (0, "refused\n"), done.err
