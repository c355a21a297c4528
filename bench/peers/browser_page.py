"""Shared by the programs of bench/browser_camera.py: a page with a camera over WebRTC, and a line per frame.

The port is the program's argument. FRESHFRAME_BENCH_CAMERA is the folder of the module that reads the painted
frames. The page defines start(), which sends the camera of getUserMedia().
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

import psutil

PAGE = """<!doctype html><meta charset="utf-8"><title>camera</title><script type="module">
window.start = async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 1280, height: 720}});
  const [track] = stream.getVideoTracks();
  track.contentHint = "detail";
  const id = Math.random().toString(36).slice(2);
  const peer = new RTCPeerConnection();
  peer.createDataChannel("text");
  const sender = peer.addTrack(track, stream);
  const settings = sender.getParameters();
  settings.degradationPreference = "maintain-resolution";
  settings.encodings[0].maxBitrate = 2500000;
  await sender.setParameters(settings);
  await peer.setLocalDescription(await peer.createOffer());
  await new Promise((done) => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    setTimeout(done, 2000);
  });
  const {sdp, type} = peer.localDescription;
  const body = JSON.stringify({sdp, type, webrtc_id: id});
  const headers = {"Content-Type": "application/json"};
  const answer = await fetch("/webrtc/offer", {method: "POST", headers, body});
  await peer.setRemoteDescription(await answer.json());
  await fetch(`/ready?connection=${id}`);
};
</script>"""

sys.path.insert(0, os.environ["FRESHFRAME_BENCH_CAMERA"])
_read_painted = importlib.import_module("camera_page").read_painted
_process = psutil.Process()


def note_frame(luma: Any) -> None:
    """Prints when this frame was read, when it was painted, and how much memory this process uses."""
    at = time.time()
    found = _read_painted(luma)
    row = {"at": at, "painted": found[0] if found else None, "bytes": _process.memory_info().rss}
    print(json.dumps(row), flush=True)
