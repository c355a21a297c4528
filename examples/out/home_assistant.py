"""Publishes zones as binary sensors of Home Assistant over MQTT, with discovery, and never stuck at ON.

pip install paho-mqtt
python home_assistant.py broker.local                   # the built-in scene, two zones
python home_assistant.py broker.local rtsp://cam1.local/stream
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import contextlib
import json
import re
import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

import freshframe as ff

PATIENCE = 10  # seconds for the broker to answer
AVAILABLE = "freshframe/available"
ZONES = {
    "left": [(0, 0), (320, 0), (320, 360), (0, 360)],
    "right": [(320, 0), (640, 0), (640, 360), (320, 360)],
}


class HomeAssistant:
    """Publishes changed states, and all states after each connection, because the broker may have lost them.

    The broker retains the states, and reports "offline" if this program dies.
    """

    def __init__(self, host: str, port: int, keys: list[str]) -> None:
        self._address = (host, port)
        self._states = dict.fromkeys(keys, "OFF")
        self._client: mqtt.Client | None = None
        self._announced: list[mqtt.MQTTMessageInfo] = []
        self._welcome = threading.Event()
        self._changing = threading.Lock()  # an older state must not be published after a newer one

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Returns when the broker has acknowledged the states."""
        unknown = [place for place, event in enumerate(events) if not self._knows(event["value"])]
        if unknown:
            raise ff.RefusedError(unknown, "it is no event of a zone")
        changed = {event["value"]["key"]: event["value"]["ended_utc"] is None for event in events}
        try:
            client = self._connected()
            with self._changing:
                self._states |= {key: "ON" if is_on else "OFF" for key, is_on in changed.items()}
                messages = [publish(client, state_topic(key), self._states[key]) for key in changed]
            wait_for(messages)
        except BaseException:
            self.close()
            raise

    def _knows(self, event: Any) -> bool:
        is_event = isinstance(event, dict) and "ended_utc" in event and "key" in event
        return is_event and event["key"] in list(self._states)

    def _connected(self) -> mqtt.Client:
        if self._client is None:
            client = self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
            client.will_set(AVAILABLE, "offline", qos=1, retain=True)
            client.reconnect_delay_set(1, 10)
            client.on_connect = self._announce
            self._welcome.clear()
            client.connect(*self._address, keepalive=10)
            client.loop_start()
            if not self._welcome.wait(PATIENCE):
                raise TimeoutError(f"the broker has not answered for {PATIENCE} s")
            wait_for(self._announced)
        return self._client

    def _announce(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        """Called at each connection, including paho's automatic reconnections."""
        if reason.is_failure:
            return
        texts = {config_topic(key): config(key) for key in self._states}
        with self._changing:
            texts |= {state_topic(key): state for key, state in self._states.items()} | {AVAILABLE: "online"}
            self._announced = [publish(client, topic, text) for topic, text in texts.items()]
        self._welcome.set()

    def connect(self) -> None:
        """Announces the sensors to Home Assistant before their first state.

        The spool retries after failures.
        """
        try:
            self._connected()
        except OSError:
            self.close()

    def close(self) -> None:
        """Forgets the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                publish(client, AVAILABLE, "offline").wait_for_publish(1)
                client.disconnect()
            client.loop_stop()


def publish(client: mqtt.Client, topic: str, text: str) -> mqtt.MQTTMessageInfo:
    """Publishes a message that the broker retains."""
    return client.publish(topic, text, qos=1, retain=True)


def wait_for(messages: list[mqtt.MQTTMessageInfo]) -> None:
    """Returns when the broker has acknowledged them."""
    for message in messages:
        message.wait_for_publish(PATIENCE)
        if not message.is_published():
            raise TimeoutError(f"the broker has not acknowledged a message for {PATIENCE} s")


def plain(key: str) -> str:
    """Returns the key for use in a topic and in an ID of Home Assistant."""
    return re.sub("[^a-zA-Z0-9_-]", "_", key)


def state_topic(key: str) -> str:
    """Returns the topic with the state of a sensor."""
    return f"freshframe/{plain(key)}/state"


def config_topic(key: str) -> str:
    """Returns the topic in which Home Assistant looks for new sensors."""
    return f"homeassistant/binary_sensor/freshframe_{plain(key)}/config"


def config(key: str) -> str:
    """Returns the description of one sensor."""
    return json.dumps(
        {
            "name": key,
            "unique_id": f"freshframe_{plain(key)}",
            "device_class": "occupancy",
            "state_topic": state_topic(key),
            "availability_topic": AVAILABLE,
            "device": {"identifiers": ["freshframe"], "name": "freshframe"},
        }
    )


def main() -> None:
    """Publishes the zones of a source until Ctrl-C, or the end of the source."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("host")
    parser.add_argument(
        "source", nargs="?", default="demo:circles?fps=10&size=640x360", help="default: %(default)s"
    )
    parser.add_argument("--port", type=int, default=1883, help="default: %(default)s")
    parser.add_argument("--spool", default="outgoing", help="the folder, default: %(default)s")
    options = parser.parse_args()
    send = HomeAssistant(options.host, options.port, list(ZONES))
    send.connect()
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(options.source), name="camera"))
    presence = pipeline.add(occupancy(), pipeline.add(ff.ZoneCounter(ZONES), circles))
    pipeline.add(ff.Spool(options.spool, send, max_wait=0.1), presence)
    pipeline.run()
    send.close()


def occupancy() -> ff.Presence[ff.types.Zones]:
    """Starts when something is in a zone, and ends after two seconds without anything in it."""
    return ff.Presence(lambda zones: [name for name, zone in zones.items() if zone.inside], max_gap=2.0)


if __name__ == "__main__":
    main()
