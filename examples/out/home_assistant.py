"""Zones as binary sensors of Home Assistant, over MQTT: found by themselves, never ON for ever.

pip install paho-mqtt
python home_assistant.py broker.local                   # the built-in scene, two zones
python home_assistant.py broker.local rtsp://cam1.local/stream
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from typing import Any

import paho.mqtt.client as mqtt

import freshframe as ff

PATIENCE = 10  # seconds for the broker to answer
AVAILABLE = "freshframe/available"
ZONES = {
    "left": [(0, 0), (320, 0), (320, 360), (0, 360)],
    "right": [(320, 0), (640, 0), (640, 360), (320, 360)],
}


class HomeAssistant:
    """Publishes the states that are on.

    The broker keeps the states, and says "offline" when this program has died.
    """

    def __init__(self, host: str, port: int, keys: list[str]) -> None:
        self._address = (host, port)
        self._states = dict.fromkeys(keys, "OFF")
        self._client: mqtt.Client | None = None

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Returns when the broker has acknowledged the states."""
        changed = {}
        for event in events:
            change = event["value"]
            changed[change["key"]] = "ON" if change["ended"] is None else "OFF"
        try:
            self._publish(self._connected(), changed)
        except BaseException:
            self.close()
            raise
        self._states |= changed

    def _publish(self, client: mqtt.Client, states: dict[str, str]) -> None:
        topics = {f"freshframe/{key}/state": state for key, state in states.items()}
        self._publish_all(client, topics)

    @staticmethod
    def _publish_all(client: mqtt.Client, texts: dict[str, str]) -> None:
        for message in [client.publish(topic, text, qos=1, retain=True) for topic, text in texts.items()]:
            message.wait_for_publish(PATIENCE)
            if not message.is_published():
                raise TimeoutError(f"the broker has not acknowledged a message for {PATIENCE} s")

    def _connected(self) -> mqtt.Client:
        if self._client is None:
            client = self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
            client.will_set(AVAILABLE, "offline", qos=1, retain=True)
            welcome = threading.Event()
            client.on_connect = lambda *_: welcome.set()
            client.connect(*self._address)
            client.loop_start()
            if not welcome.wait(PATIENCE):
                raise TimeoutError(f"the broker has not answered for {PATIENCE} s")
            self._publish_all(client, {config_topic(key): config(key) for key in self._states})
            self._publish(client, self._states)  # all of them: retained ones may be of an older run
            self._publish_all(client, {AVAILABLE: "online"})
        return self._client

    def connect(self) -> None:
        """Announces the sensors to Home Assistant, before their first state. The spool repeats failures."""
        with contextlib.suppress(OSError):
            self._connected()

    def close(self) -> None:
        """Forgets the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.publish(AVAILABLE, "offline", qos=1, retain=True).wait_for_publish(1)
                client.disconnect()
            client.loop_stop()


def config_topic(key: str) -> str:
    """Where Home Assistant looks for new sensors."""
    return f"homeassistant/binary_sensor/freshframe_{key}/config"


def config(key: str) -> str:
    """The description of one sensor."""
    return json.dumps(
        {
            "name": key,
            "unique_id": f"freshframe_{key}",
            "device_class": "occupancy",
            "state_topic": f"freshframe/{key}/state",
            "availability_topic": AVAILABLE,
            "device": {"identifiers": ["freshframe"], "name": "freshframe"},
        }
    )


def main() -> None:
    """Publishes the zones of a source until Ctrl-C, or its end."""
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
    changes = [
        pipeline.add(occupancy(name), pipeline.add(ff.ZoneCounter(ZONES[name]), circles)) for name in ZONES
    ]
    pipeline.add(ff.Spool(options.spool, send, max_wait=0.1), changes)
    pipeline.run()
    send.close()


def occupancy(name: str) -> ff.Changes[ff.ZoneCounts]:
    """Begins when something is in the zone, and ends when nothing was for two seconds."""
    return ff.Changes(lambda counts: {name} if len(counts.inside) else (), hold=2.0)


if __name__ == "__main__":
    main()
