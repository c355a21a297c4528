"""aiortc: a consumer that sleeps 1 s per frame. `recv` reads the track, `relay` an unbuffered MediaRelay."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import sys
from typing import Any

from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from browser_page import PAGE, note_frame

connections: set[RTCPeerConnection] = set()
tasks: set[asyncio.Task[None]] = set()


async def consume(track: Any) -> None:
    """Reads frames, with a pause of 1 s after each."""
    if sys.argv[2] == "relay":
        track = MediaRelay().subscribe(track, buffered=False)
    while True:
        frame = await track.recv()
        note_frame(frame.to_ndarray(format="gray"))
        await asyncio.sleep(1)


async def offer(request: web.Request) -> web.Response:
    """Answers the page's offer and consumes its track."""
    asked = await request.json()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connections.add(connection)
    connection.on("track", lambda track: tasks.add(asyncio.ensure_future(consume(track))))
    await connection.setRemoteDescription(RTCSessionDescription(asked["sdp"], asked["type"]))
    await connection.setLocalDescription(await connection.createAnswer())
    answer = connection.localDescription
    return web.json_response({"sdp": answer.sdp, "type": answer.type})


async def page(request: web.Request) -> web.Response:
    """Serves the page."""
    return web.Response(text=PAGE, content_type="text/html")


async def ready(request: web.Request) -> web.Response:
    """Does nothing: the stream has already started."""
    return web.Response()


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(
        [web.get("/", page), web.get("/ready", ready), web.post("/webrtc/offer", offer)],
    )
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
