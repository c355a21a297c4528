"""A module that is loaded on first use reports why it cannot be loaded, and works at the next use.

tests/python/tree/test_late_imports.py checks that no other import within a function exists."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno

import pytest
from support import run_program

import freshframe as ff
from freshframe._interpreter import fork

CALLS = {
    "stats": "pipeline.stats()",
    "str of stats": "str(pipeline.stats())",
    "why": "pipeline.why()",
    "serve": "pipeline.serve().close()",
    "html": "pipeline._repr_html_()",
    "repr": "repr(pipeline)",
    "remove": "pipeline.remove(pipeline.add(lambda frame: None, camera))",
    "run": "report()",
    "progress": "report(progress=lambda progress: None)",
    "batch": "pipeline.add(lambda frames: [None] * len(frames), camera, batch=ff.Batch(2))",
    "join": "ff.Join(within=1)",
    "process": "pipeline.add(abs, camera, process=True)",
    "public names": "[getattr(ff, name) for name in ff.__all__]",
    "types": "[getattr(ff.types, name) for name in ff.types.__all__]",
    "a loop": "next(iter(ff.open('demo:circles?frames=3&pace=0')))",
    "async with": "asyncio.run(enter())",
    "info": "ff.open('demo:circles?frames=3').info",
    "probe": "ff.probe('demo:circles?frames=3&pace=0')",
    "run_node": "ff.testing.run_node(lambda value: value, [1])",
    "circles": "list(ff.Circles([[1, 2, 3]]))",
    "boxes": "list(ff.Detections([[1, 2, 3, 4]]))",
    "merge": "ff.Circles.merge([ff.Circles([[1, 2, 3]])])",
    "inside": "ff.Detections([[1, 2, 3, 4]]).inside([(0, 0), (9, 0), (9, 9)])",
    "labels": "ff.Annotate(labels='{class_name}')",
    "detector": "ff.OnnxDetector",
    "fleet": "ff.fleet.Fleet",
}
PROGRAM = """
import asyncio, gc, os, resource
import freshframe as ff

pipeline = ff.Pipeline()
camera = pipeline.add(ff.open("demo:circles?fps=20&size=64x48"))
step = pipeline.add(lambda frame: frame, camera, name="step")


def report(**options):
    other = ff.Pipeline()
    other.add(lambda frame: None, other.add(ff.open("demo:circles?frames=3&pace=0")))
    return other.run(**options)


async def enter():
    other = ff.Pipeline()
    other.add(lambda frame: None, other.add(ff.open("demo:circles?frames=3&pace=0")))
    async with other:
        pass


def call():
    try:
        {call}
    except ff.FreshframeError as error:
        return "explained"
    except OSError as error:
        if {call!r} == "asyncio.run(enter())":  # asyncio's own descriptors
            return "explained"
        return repr(error)
    return "done"


pipeline.start()
gc.collect()
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 4096))
taken = []
try:
    while True:
        taken.append(os.dup(2))
except OSError:
    pass
first = call()
for descriptor in taken:
    os.close(descriptor)
print(first, call())
pipeline.stop()
"""


@pytest.mark.table
@pytest.mark.parametrize("call", CALLS)
def test_a_call_without_a_descriptor_raises_no_bare_error_of_the_system_and_can_be_repeated(
    call: str,
) -> None:
    ended = run_program(PROGRAM.format(call=CALLS[call]))
    assert ended.code == 0, ended
    assert ended.out in ("explained done\n", "done done\n"), ended


def test_an_exception_within_with_is_not_replaced_by_an_import_that_fails() -> None:
    ended = run_program(
        """
        import os, resource
        import freshframe as ff
        pipeline = ff.Pipeline()
        pipeline.add(lambda frame: None, pipeline.add(ff.open("demo:circles?fps=20&size=64x48")))
        taken = []
        try:
            with pipeline:
                resource.setrlimit(resource.RLIMIT_NOFILE, (128, 4096))
                try:
                    while True:
                        taken.append(os.dup(2))
                except OSError:
                    pass
                raise LookupError("mine")
        except BaseException as error:
            for descriptor in taken:
                os.close(descriptor)
            print(repr(error))
        """
    )
    assert ended.out == "LookupError('mine')\n", ended


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, r"raise the limit \(ulimit -n\), and repeat"),
        (errno.ENOMEM, "free some memory, and repeat"),
    ],
)
def test_the_remedy_fits_what_has_run_out(number: int, remedy: str) -> None:
    with pytest.raises(ff.FreshframeError, match=remedy), fork.explaining():
        raise OSError(number, "module.py")
