"""The recipes in examples/out: responses of receivers, and contents of events."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import importlib.util
import json
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs import receivers
from rigs.ports import free_port
from rigs.recipes import OUT, Answer, raw_server, recipe, status
from rigs.spools import Running
from support import WATCHDOG, run_program, until

import freshframe as ff

# --- web hook --------------------------------------------------------------------------------------------

SENT, REFUSED, AGAIN = "sent", "refused", "again"


def told(code: int) -> bytes:
    """Returns an interim response, which a server may send before the final one."""
    return f"HTTP/1.1 {code} Soon\r\nLink: </style.css>; rel=preload\r\n\r\n".encode()


LATER = [
    *(300, 301, 302, 303, 304, 305, 306, 307, 308, 399),
    *(401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 414, 415, 416, 417, 418),
    *(
        421,
        423,
        424,
        425,
        426,
        428,
        429,
        431,
        451,
        499,
        500,
        501,
        502,
        503,
        504,
        505,
        507,
        511,
        520,
        599,
        999,
    ),
]
ANSWERS: dict[str, tuple[Answer, str]] = {
    **{str(code): (status(code), SENT) for code in (200, 201, 202, 204, 206)},
    **{str(code): (status(code), REFUSED) for code in (400, 413, 422)},
    **{str(code): (status(code), AGAIN) for code in LATER},
    **{f"{code} to a page": (status(code, "Location: /login"), AGAIN) for code in (301, 302, 303, 304, 305)},
    "307 to another place": (status(307, "Location: /there"), SENT),
    "308 to another place": (status(308, "Location: /there"), SENT),
    "307 for ever": (status(307, "Location: /hook"), AGAIN),
    "an answer that does not end": (Answer(b"HTTP/1.1 200 OK\r\n\r\n", "endless"), AGAIN),
    "308 to a file": (status(308, "Location: file:///etc/passwd"), AGAIN),
    **{
        f"{code} and then {then}": (Answer(told(code) * 3 + status(then).data), wanted)
        for code in (100, 102, 103, 199)
        for then, wanted in ((200, SENT), (422, REFUSED), (503, AGAIN))
    },
    "103 and nothing more": (Answer(told(103)), AGAIN),
    "103 for ever": (Answer(told(103) * 10_000), AGAIN),
    "101, as to a web socket": (Answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), AGAIN),
    "nothing": (Answer(b""), AGAIN),
    "a reset": (Answer(b"", "reset"), AGAIN),
    "half a status line": (Answer(b"HTTP/1.1 2"), AGAIN),
    "a status line without a code": (Answer(b"HTTP/1.1 \r\n\r\n"), AGAIN),
    "garbage": (Answer(bytes(range(256))), AGAIN),
    "an answer of SSH": (Answer(b"SSH-2.0-OpenSSH_9.2\r\n"), AGAIN),
    "a header that is too long": (Answer(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), AGAIN),
    "a reset within the answer": (Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "reset"), AGAIN),
    "an end within the answer": (Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), AGAIN),
    "an end within a chunk": (Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab"), AGAIN),
    "a length that is no number": (Answer(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), SENT),
}


@pytest.mark.table(cases=20)
@pytest.mark.parametrize("name", ANSWERS)
def test_only_an_answer_that_speaks_of_the_events_refuses_them_and_only_2xx_takes_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, wanted = ANSWERS[name]
    with raw_server(
        {"/hook": answer, "/login": status(200, body=b"log in"), "/there": status(204)}
    ) as server:
        module = recipe("webhook")
        monkeypatch.setattr(module, "PATIENCE", 0.5)
        send = module.Webhook(server.url + "/hook", b"key")
        try:
            send(['{"n":1}'])
            found = SENT
        except ff.RefusedError as refusal:
            found = REFUSED if not refusal.indices else "refused with a place"
        except Exception:
            found = AGAIN
        assert found == wanted
        assert {method for method, _, _ in server.got} == {"POST"}
        assert {body for _, _, body in server.got} == {b'{"events":[{"n":1}]}'}


@pytest.mark.parametrize("place", ["http://a/b", "https://a/b", "ftp://a/b", "file:///b", "data:,b"])
@pytest.mark.parametrize("code", [307, 308])
def test_a_redirect_is_followed_only_to_where_a_post_can_go(code: int, place: str) -> None:
    """An FTP server would respond with a file, and the events would be lost."""
    request = urllib.request.Request("http://a/hook", b"events")
    there = recipe("webhook").KeepsPost().redirect_request(request, None, code, "", {}, place)
    assert (there is not None) == place.startswith("http")
    assert there is None or (there.full_url, there.data) == (place, b"events")


@pytest.mark.slow
def test_nothing_is_lost_while_a_token_has_expired(tmp_path: Path) -> None:
    with receivers.hook(401, 403, 404) as server:
        send = recipe("webhook").Webhook(server.url, b"")
        running = Running(ff.Spool(tmp_path / "box", send, as_text=True, max_wait=0))
        with running.pipeline:
            running.source.push(*range(10))
            until(lambda: running.stats.sent == 10, "all are sent")
            assert (running.stats.refused, running.stats.errors) == (0, 3)


def test_one_event_at_fault_takes_none_of_its_batch_along_and_a_large_batch_is_halved(tmp_path: Path) -> None:
    with receivers.serving(receivers.Picky()) as server:
        server.most, server.never = 1000, 7
        send = recipe("webhook").Webhook(server.url, b"")
        running = Running(ff.Spool(tmp_path / "box", send, as_text=True, batch_size=20, max_wait=WATCHDOG))
        with running.pipeline:
            running.source.push(*range(20))
            until(lambda: running.stats.sent == 19, "all but one are sent")
            assert (running.stats.refused, running.stats.errors) == (1, 0)
        assert [event["n"] for event in server.events] == [n for n in range(1, 21) if n != 7]


# --- events that a receiver cannot accept -----------------------------------------------------------------


def through(folder: Path, send: Any, values: list[Any], source: str = "cam") -> ff.stats.SpoolStats:
    """Returns the statistics after each value was sent or rejected."""
    running = Running(ff.Spool(folder, send, batch_size=10, max_wait=0), source)
    with running.pipeline:
        running.source.push(*values)

        def is_through() -> bool:
            return running.stats.sent + running.stats.refused == len(values)

        until(is_through, lambda: f"all are sent or refused: {running.stats}")
        return running.stats


ODD_VALUES: dict[str, tuple[Any, int]] = {
    "plain": ("x", 0),
    "a text with NUL": ({"name": "a\0b"}, 1),
    "a key with NUL": ({"a\0b": 1}, 1),
    "a number beyond numeric": (10**4000, 0),
    "very deep": (json.loads("[" * 400 + "]" * 400), 0),
}


@pytest.mark.slow
def test_a_value_that_no_row_can_have_stops_none_behind_it(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if receivers.postgres() is None:
        pytest.skip("PostgreSQL is not installed")
    with receivers.database(tmp_path) as url:
        send = recipe("postgres").Postgres(url)
        for number, (what, (odd, refused)) in enumerate(ODD_VALUES.items()):
            stats = through(tmp_path / str(number), send, [*range(15), odd, *range(15)])
            assert (stats.sent, stats.refused) == (31 - refused, refused), what
            assert stats.errors == 0
        send.close()


@pytest.mark.slow
def test_a_source_that_the_data_base_cannot_write_stops_none_behind_it(tmp_path: Path) -> None:
    psycopg: Any = pytest.importorskip("psycopg", reason="psycopg is not installed")
    if receivers.postgres() is None:
        pytest.skip("PostgreSQL is not installed")
    with receivers.database(tmp_path) as url:
        made: list[Any] = []

        def is_made() -> bool:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as now:
                made.append(
                    now.execute("create database old encoding 'LATIN1' locale 'C' template template0")
                )
            return bool(made)

        until(is_made, "there is a data base of an old encoding")
        send = recipe("postgres").Postgres(psycopg.conninfo.make_conninfo(url, dbname="old"))
        stats = [through(tmp_path / f"{n}", send, ["a"], name) for n, name in enumerate(("Tür", "日本"))]
        assert [(one.sent, one.refused, one.errors) for one in stats] == [(1, 0, 0), (0, 1, 0)]
        send.close()


@contextlib.contextmanager
def listening(port: int) -> Iterator[dict[str, str]]:
    """Yields the newest message of each topic at a broker."""
    mqtt: Any = pytest.importorskip("paho.mqtt.client")
    found: dict[str, str] = {}
    ready = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(1, 1)
    client.on_connect = lambda *_: client.subscribe("#", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: found.__setitem__(
        message.topic, message.payload.decode()
    )
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(WATCHDOG)
    try:
        yield found
    finally:
        client.disconnect()
        client.loop_stop()


def needs_a_broker() -> None:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    if receivers.mosquitto() is None:
        pytest.skip("mosquitto is not installed")


@pytest.mark.slow
def test_a_source_of_any_name_has_a_topic(tmp_path: Path) -> None:
    needs_a_broker()
    names = {
        "cam#1": "yard/cam%231",
        "floor+1": "yard/floor%2B1",
        "a\0b": "yard/a%00b",
        "a\tb\x7f\x85": "yard/a%09b%7F%C2%85",
        "a\uffffb": "yard/a%EF%BF%BFb",
        "Tür 1/außen": "yard/Tür 1/außen",
        "/" * 198 + "a": "yard/" + "/" * 198 + "a",
        "/" * 250: "yard/" + "%2F" * 250,
    }
    with receivers.broker(tmp_path) as port, listening(port) as found:
        send = recipe("mqtt").Mqtt("127.0.0.1", port, "yard")
        for number, (name, topic) in enumerate(names.items()):
            send([{"n": number, "source": name}])
            until(lambda topic=topic: topic in found, f"it is at {topic}")  # type: ignore[misc]
        with pytest.raises(ff.RefusedError) as refusal:
            send([{"source": "cam"}, {"source": "x" * 65_536}, {"source": "cam", "value": "x" * (1 << 28)}])
        assert refusal.value.indices == (1, 2)
        send.close()


def test_an_event_that_is_no_change_of_a_zone_stops_none_behind_it(tmp_path: Path) -> None:
    left, right = {"key": "left", "ended_utc": None}, {"key": "right", "ended_utc": 1.0}
    events = [
        left,
        1,
        {"key": "attic", "ended_utc": None},
        {"key": "left"},
        {"key": [], "ended_utc": 1},
        None,
        right,
    ]
    needs_a_broker()
    with receivers.broker(tmp_path) as port, listening(port) as found:
        send = recipe("home_assistant").HomeAssistant("127.0.0.1", port, ["left", "right"])
        stats = through(tmp_path / "box", send, events)
        assert (stats.sent, stats.refused, stats.errors) == (2, 5, 0)
        until(lambda: found.get("freshframe/left/state") == "ON", "the state is there")
        send.close()


# In a separate program, because pyarrow's threads do not end.
FILES = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import parquet, pyarrow.parquet
import freshframe as ff
folder = Path(sys.argv[2])
send = parquet.Parquet(folder)
def event(n, **more):
    return {"n": n, "box": "ab", "source": "cam", "seq": 1, "pts": 1.0, "spooled": 1.0, **more}
def circles(n, *found):
    return event(n, circles=list(found))
send([circles(1)])
send([circles(2, {"tracker_id": 1, "x": 1.0, "vx": 0.5}, {"tracker_id": None, "x": 2.0})])
send([circles(4, {"x": 1, "vx": None})])
refused = []
for what, odd in {
    "no circles": event(5), "None": event(5, circles=None), "a number": circles(5, 1),
    "a text": circles(5, {"x": "far"}), "a list": circles(5, {"tracker_id": [1]}),
}.items():
    try:
        send([odd])
    except ff.RefusedError:
        refused.append(what)
tables = [pyarrow.parquet.read_table(path) for path in sorted(folder.iterdir())]
schemas = len({str(table.schema) for table in tables})
print(json.dumps([schemas, [table.num_rows for table in tables], refused]))
"""


def test_every_batch_of_circles_is_a_file_with_the_same_columns(tmp_path: Path) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed")
    ended = run_program(FILES, arguments=[str(OUT), str(tmp_path / "files")])
    schemas, rows, refused = json.loads(ended.out)
    assert (schemas, rows) == (1, [0, 2, 1])
    assert refused == ["no circles", "None", "a number", "a text", "a list"]


# --- Home Assistant --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
@pytest.mark.parametrize("keeps", [False, True], ids=["forgets", "keeps"])
def test_the_sensors_are_there_again_behind_a_restart_of_the_broker(
    tmp_path: Path, how: signal.Signals, keeps: bool
) -> None:
    """The program sends nothing in the meantime, because its states do not change."""
    needs_a_broker()
    port = free_port()
    broker = receivers.start_broker(tmp_path, port, keeps=keeps)
    send = recipe("home_assistant").HomeAssistant("127.0.0.1", port, ["left", "right"])
    try:
        send.connect()
        send([{"value": {"key": "left", "ended_utc": None}}])
        broker.send_signal(how)
        broker.wait()
        broker = receivers.start_broker(tmp_path, port, keeps=keeps)
        with listening(port) as found:

            def is_back() -> bool:
                return (
                    found.get("freshframe/available"),
                    found.get("freshframe/left/state"),
                    found.get("freshframe/right/state"),
                    "homeassistant/binary_sensor/freshframe_left/config" in found,
                ) == ("online", "ON", "OFF", True)

            until(is_back, lambda: f"the sensors are there again: {found}")
    finally:
        send.close()
        broker.kill()
        broker.wait()
