"""Names in serve(): after replace(), or remove() and add(), they refer to the new node."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from rigs.web_client import request
from support import until

import freshframe as ff
from freshframe._cli.mcp import Eyes
from freshframe._cli.top import Target

BEFORE, AFTER = 64, 128  # pixels, width of an image


def scene(width: int) -> ff.Source[ff.Frame]:
    return ff.open(f"demo:circles?fps=30&size={width}x48")


def resized(width: int) -> Callable[[ff.Frame], ff.Frame]:
    def node(frame: ff.Frame) -> ff.Frame:
        return ff.Frame.from_array(np.full((frame.height, width), 9, np.uint8), "gray")

    return node


@dataclass
class House:
    """A pipeline whose camera, node, merge and look are served by name."""

    pipeline: ff.Pipeline
    ports: dict[str, ff.Port[Any]]
    url: str

    def add(self, name: str, width: int) -> None:
        """Adds one of the parts a second time."""
        add, ports = self.pipeline.add, self.ports
        if name == "camera":
            ports[name] = add(scene(width), name=name)
        elif name == "node":
            ports[name] = add(resized(width), ports["yard"], name=name)
        elif name == "look":
            ports[name] = add(ff.Look(every=0), add(resized(width), ports["yard"]), name=name)
        else:
            ports["gate"] = add(scene(width), name="gate")
            self.pipeline.connect(ports["merge"], ports["gate"])

    def state(self) -> dict[str, Any]:
        return dict(request(self.url, "/api/state").json())

    def width_of(self, address: str) -> int | None:
        """Returns the width of the image at an address, or None if the request fails."""
        answer = request(self.url, address)
        if answer.status != 200:
            return None
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            file.write(answer.body)
            file.flush()
            return ff.Frame.read(file.name).width


@contextlib.contextmanager
def house() -> Iterator[House]:
    def same(frame: ff.Frame) -> ff.Frame:
        return frame

    pipeline = ff.Pipeline(keep_running=True)
    found = House(pipeline, {}, "")
    found.ports["yard"] = pipeline.add(scene(BEFORE), name="yard")
    for name in ("camera", "node", "look"):
        found.add(name, BEFORE)
    found.ports["gate"] = pipeline.add(scene(BEFORE), name="gate")
    found.ports["merge"] = pipeline.add(same, [found.ports["yard"], found.ports["gate"]], name="merge")
    view = [found.ports["camera"], found.ports["node"], found.ports["merge"].of(found.ports["gate"])]
    with (
        pipeline.serve(view=view, look=found.ports["look"].node, looks_per_minute=6000) as dashboard,
        pipeline,
    ):
        found.url = dashboard.url
        yield found


ADDRESSES = {
    "camera": "/api/picture/camera.jpg",
    "node": "/api/picture/node.jpg",
    "merge.of('gate')": "/api/picture/merge.of%28%27gate%27%29.jpg",
    "look": "/api/look/look.jpg",
}


def listed(state: dict[str, Any]) -> set[str]:
    return {view["port"] for view in state["views"]} | {look["look"] for look in state["looks"]}


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_name_leads_to_what_has_it_after_remove_and_add(name: str) -> None:
    address = ADDRESSES[name]
    part = "gate" if name.startswith("merge") else name
    with house() as home:
        until(lambda: home.width_of(address) == BEFORE, "the first one's pictures")
        home.pipeline.remove(home.ports[part])
        until(lambda: name not in listed(home.state()), "its end in the lists")
        assert request(home.url, address).status == 404
        eyes = Eyes(Target.parse(home.url), 5)
        seen = json.loads(eyes.cameras())
        assert name not in seen["cameras"] + seen["looks"]
        home.add(part, AFTER)
        until(lambda: name in listed(home.state()), "its name in the lists")
        until(lambda: home.width_of(address) == AFTER, "the other one's pictures")
        seen = json.loads(eyes.cameras())
        assert name in seen["cameras"] + seen["looks"]


@pytest.mark.parametrize("name", ["camera", "node", "look"])
def test_a_name_leads_to_what_has_it_after_replace(name: str) -> None:
    address = ADDRESSES[name]
    with house() as home:
        until(lambda: home.width_of(address) == BEFORE, "the first one's pictures")
        old = home.ports[name].node
        new: Any = {"camera": scene(AFTER), "node": resized(AFTER), "look": ff.Look(every=0)}[name]
        home.pipeline.replace(home.ports[name], new)
        if name == "look":
            until(lambda: new.last(1, 1), "a picture of the other one")
            newest = int(request(home.url, address).headers["x-seq"])
            assert newest > old.now().seq
            with pytest.raises(ff.GraphError, match="not in this pipeline"):
                home.pipeline.serve(look=old)
        else:
            until(lambda: home.width_of(address) == AFTER, "the other one's pictures")
        assert name in listed(home.state())


def test_a_page_that_was_there_before_sees_what_has_the_name_now() -> None:
    with house() as home:
        until(lambda: home.width_of(ADDRESSES["camera"]) == BEFORE, "a picture")
        stream = home.pipeline.serve().mjpeg_url(home.ports["camera"])
        home.pipeline.remove(home.ports["camera"])
        home.add("camera", AFTER)
        until(lambda: home.width_of(ADDRESSES["camera"]) == AFTER, "a picture")
        assert home.pipeline.serve().mjpeg_url(home.ports["camera"]) == stream


def test_a_view_of_a_node_below_a_list_of_one_camera_says_which_one_to_name() -> None:
    def same(frame: ff.Frame) -> ff.Frame:
        return frame

    pipeline = ff.Pipeline()
    camera = pipeline.add(scene(BEFORE), name="a")
    merge = pipeline.add(same, [camera], name="m")
    with pytest.raises(ff.GraphError, match=r"view one camera with m\.of\('a'\)"):
        pipeline.serve(view=[merge])
    with pipeline.serve(view=[merge.of(camera)]):
        pass
