"""fastrtc: a handler that takes 1 s per frame. `default` is a function, `skip` sets skip_frames=True."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import time
from typing import Any

import uvicorn
from browser_page import PAGE, note_frame
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastrtc import Stream, VideoStreamHandler


def handle(image: Any) -> Any:
    """Sleeps for 1 s and returns the BGR image."""
    note_frame(image[:, :, 1])
    time.sleep(1)
    return image


handler = VideoStreamHandler(handle, skip_frames=True) if sys.argv[2] == "skip" else handle
stream = Stream(
    handler=handler, modality="video", mode="send-receive", server_rtc_configuration={"iceServers": []}
)
app = FastAPI()
stream.mount(app)


@app.get("/")
def page() -> HTMLResponse:
    """Serves the page."""
    return HTMLResponse(PAGE)


@app.get("/ready")
def ready(connection: str) -> dict[str, str]:
    """Starts the stream, which has no input other than the video."""
    stream.set_input(connection, None)
    return {}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
