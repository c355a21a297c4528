"""Publishes results to an MQTT broker with QoS 1. A result counts as sent once it is acknowledged.

pip install paho-mqtt
python mqtt.py broker.local yard                        # the built-in scene, to the topic yard/camera
python mqtt.py broker.local yard rtsp://cam1.local/stream
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import contextlib
import json
import re
import threading
import urllib.parse
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

import freshframe as ff

PATIENCE = 10  # seconds for the broker to answer
LEVELS = 200  # maximum levels of a topic that mosquitto accepts


class Mqtt:
    """Publishes events to TOPIC/SOURCE.

    paho would keep messages that it could not send in memory, and send them later, after newer events. So a
    client that has failed is discarded, and the spool sends the batch again.
    """

    def __init__(self, host: str, port: int, topic: str) -> None:
        self._address = (host, port)
        self._topic = topic
        self._client: mqtt.Client | None = None

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Returns when the broker has acknowledged all events."""
        messages = [(self._topic_of(event), json.dumps(event)) for event in events]
        never = [place for place, message in enumerate(messages) if not fits(*message)]
        if never:
            raise ff.RefusedError(never, "its topic or its text is longer than MQTT allows")
        try:
            client = self._connected()
            sent = [client.publish(topic, text, qos=1) for topic, text in messages]
            for message in sent:
                message.wait_for_publish(PATIENCE)
                if not message.is_published():
                    raise TimeoutError(f"the broker has not acknowledged a message for {PATIENCE} s")
        except BaseException:
            self.close()
            raise

    def _topic_of(self, event: dict[str, Any]) -> str:
        """Returns the topic of an event, with "#", "+" and control characters escaped: `yard/cam%231`.

        A name with too many levels for the broker becomes a single level.
        """
        source = re.sub(
            "[#+\0-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]",
            lambda found: urllib.parse.quote(found[0]),
            event["source"],
        )
        topic = f"{self._topic}/{source}"
        return topic if topic.count("/") < LEVELS else f"{self._topic}/{source.replace('/', '%2F')}"

    def _connected(self) -> mqtt.Client:
        if self._client is None:
            client = self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
            # client.username_pw_set("user", "password"); client.tls_set()
            welcome = threading.Event()
            client.on_connect = lambda *_: welcome.set()  # pyright: ignore[reportUnknownLambdaType]
            client.connect(*self._address)
            client.loop_start()
            if not welcome.wait(PATIENCE):
                raise TimeoutError(f"the broker has not answered for {PATIENCE} s")
        return self._client

    def close(self) -> None:
        """Forgets the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.disconnect()
            client.loop_stop()


def fits(topic: str, text: str) -> bool:
    """Returns True if an MQTT message can be that long."""
    return len(topic.encode()) < 1 << 16 and len(topic.encode()) + len(text) + 4 < 1 << 28


def main() -> None:
    """Publishes the circles of a source until Ctrl-C, or the end of the source."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("host")
    parser.add_argument("topic")
    parser.add_argument("source", nargs="?", default="demo:circles?fps=10", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=1883, help="default: %(default)s")
    parser.add_argument("--spool", default="outgoing", help="the folder, default: %(default)s")
    options = parser.parse_args()
    send = Mqtt(options.host, options.port, options.topic)
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(options.source), name="camera"))
    pipeline.add(ff.Spool(options.spool, send), circles)
    pipeline.run()
    send.close()


if __name__ == "__main__":
    main()
