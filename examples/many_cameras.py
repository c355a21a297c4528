"""Reads several cameras in asyncio. Each camera has its own slot, so a fast one does not evict a slow one's.

python many_cameras.py [SECONDS] prints one JSON object per result; a web service would forward them.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import json
import sys

import freshframe as ff

CAMERAS = {
    "gate": "demo:circles?fps=60&size=640x360&seed=1",
    "yard": "demo:circles?fps=15&size=640x360&seed=2",
    "roof": "demo:circles?fps=5&size=640x360&seed=3",
}


async def send(message: dict[str, object]) -> None:
    """Replace this by `await websocket.send_json(message)`."""
    print(json.dumps(message))
    await asyncio.sleep(0)


async def serve(seconds: float) -> None:
    pipeline = ff.Pipeline()
    tracks = [
        pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url), name=name))
        for name, url in CAMERAS.items()
    ]
    reader = pipeline.reader(tracks)
    end = asyncio.get_running_loop().time() + seconds
    async with pipeline:
        async for sample in reader:
            await send(
                {
                    "camera": sample.source,
                    "seq": sample.seq,
                    "xyr": sample.value.xyr.astype(float).round(1).tolist(),
                }
            )
            if asyncio.get_running_loop().time() >= end:
                break


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
