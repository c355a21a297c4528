"""The modules that an import loads, the public names, and imports together with cv2 and av."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import inspect
import itertools
import subprocess
import sys
import types
from pathlib import Path

import pytest
from support import run_program

import freshframe as ff

PUBLIC = [
    "Pipeline",
    "Reader",
    "Sample",
    "Port",
    "Queue",
    "LATEST",
    "NEXT",
    "LOSSLESS",
    "stream",
    "open",
    "Frame",
    "Circles",
    "Node",
    "Source",
    "BoxTracker",
    "CircleTracker",
    "CircleDetector",
    "Annotate",
    "JsonLines",
    "Csv",
    "VideoFile",
    "FreshframeError",
    "GraphError",
    "OptionError",
    "OptionTypeError",
    "StateError",
    "SourceError",
    "SourceTimeoutError",
    "NodeError",
    "FramesHeldError",
    "EndOfStreamError",
    "ReadTimeoutError",
    "StalledError",
    "StopTimeoutError",
]


def test_everything_that_the_design_names_is_public() -> None:
    assert [name for name in PUBLIC if name not in ff.__all__] == []


def test_all_names_exist_and_nothing_public_is_missing_from_all() -> None:
    assert [name for name in ff.__all__ if not hasattr(ff, name)] == []
    assert len(set(ff.__all__)) == len(ff.__all__)
    visible = {
        name
        for name, thing in vars(ff).items()
        if not name.startswith("_") and not isinstance(thing, types.ModuleType) and name != "annotations"
    }
    assert visible - set(ff.__all__) == set()


def test_the_modules_of_the_package_are_there_without_an_import_of_their_own() -> None:
    for name in ff._MODULES:
        assert isinstance(getattr(ff, name), types.ModuleType)
        assert name in dir(ff)


@pytest.mark.slow
def test_the_tables_of_late_names_are_those_of_the_imports() -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("./dev lint installs ruff, which sorts them")
    tool = Path(__file__).parents[3] / "tools" / "late_names.py"
    ended = subprocess.run([sys.executable, tool, "--check"], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


def test_no_name_is_deprecated_and_what_is_gone_is_an_attribute_error() -> None:
    for gone in ("Stats", "MockCamera", "Fleet", "results", "sinks", "why", "Stalled", "View"):
        with pytest.raises(AttributeError, match=f"has no attribute '{gone}'"):
            getattr(ff, gone)


def test_dir_lists_all_that_is_public_before_it_is_used() -> None:
    program = "import freshframe as ff; print(set(ff.__all__) - set(dir(ff)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "set()\n"


def test_public_things_are_documented_and_call_the_package_their_home() -> None:
    for name in ff.__all__:
        thing = getattr(ff, name)
        if isinstance(thing, type) or inspect.isroutine(thing):
            assert thing.__doc__, f"{name} has no docstring"
            assert thing.__module__.split(".")[0] == "freshframe", name


def test_the_package_has_a_version_and_is_marked_as_typed() -> None:
    assert ff.__version__.count(".") == 2
    assert ff.__file__ is not None
    assert (Path(ff.__file__).parent / "py.typed").exists()
    assert (Path(ff.__file__).parent / "_native.pyi").exists()


def test_the_import_brings_no_heavy_package() -> None:
    ended = run_program("""
        import sys, freshframe
        heavy = ["cv2", "av", "onnxruntime", "pyarrow", "rich", "scipy", "asyncio", "multiprocessing"]
        print([name for name in heavy if name in sys.modules])
    """)
    assert (ended.code, ended.out) == (0, "[]\n"), ended.err


def test_the_import_brings_no_module_of_the_standard_library_that_only_some_programs_need() -> None:
    ended = run_program("""
        import sys, numpy, logging  # numpy brings pathlib from Python 3.15 on
        before = set(sys.modules)
        import freshframe
        slow = {"subprocess", "statistics", "pathlib", "html", "urllib.parse", "random", "json"}
        print(sorted((set(sys.modules) - before) & slow))
    """)
    assert (ended.code, ended.out) == (0, "[]\n"), ended.err


USED_LATER = (
    "_gil_watch.code_places _gil_watch.interpreter _gil_watch.running _gil_watch.stalls _graph.batch "
    "_look.dashboard _look.drawing _look.engine_stats _look.progress _look.stats "
    "_look.stats_text _look.why _look.window _media.clip_recorder _media.frame_arrays "
    "_media.mock_camera _media.video_info _numeric _plugin.function _plugin.plugin "
    "_plugin.plugin_source _plugin.travels _plugin.numba_compiler _process.process _process.pickling "
    "_process.recipe _process.worker _process.worker_log _shortcuts.probe _shortcuts.prometheus "
    "_shortcuts.run_node _sinks.csv _sinks.json_lines _sinks.plain _sinks.records _sinks.text_file "
    "_vision.box_tracker _vision.line_counter _vision.onnx_detector _vision.onnx_model "
    "_vision.onnx_runtime _vision.crossing _vision.tensor_info _vision.zone_counts _vision.zones demo "
    "fleet gil native numeric stats testing types"
)


@pytest.mark.slow
def test_the_import_brings_no_module_of_the_package_that_a_first_program_does_not_need() -> None:
    ended = run_program(
        """
        import importlib.util, sys
        import freshframe as ff
        later = ["freshframe." + name for name in sys.argv[1:]]
        assert [name for name in later if name in sys.modules] == []
        for sample in ff.stream(ff.open("demo:circles?frames=2&pace=0"), ff.CircleTracker()):
            sample.value.xyr
        print([name for name in later if name in sys.modules])
        assert all(importlib.util.find_spec(name) for name in later)
        """,
        arguments=USED_LATER.split(),
    )
    assert (ended.code, ended.out) == (0, "[]\n"), ended.err


@pytest.mark.slow
def test_threads_that_use_a_name_first_at_the_same_time_get_the_same_thing() -> None:
    ended = run_program("""
        import threading
        import freshframe as ff
        names, threads, found = sorted(ff.__all__), [], []
        together = threading.Barrier(8)
        def look():
            together.wait()
            found.append([getattr(ff, name) for name in names])
        for _ in range(8):
            threads.append(threading.Thread(target=look))
            threads[-1].start()
        for thread in threads:
            thread.join()
        print(len(found), all(thing is vars(ff)[name] for row in found for name, thing in zip(names, row)))
    """)
    assert (ended.code, ended.out) == (0, "8 True\n"), ended.err


def test_the_import_starts_no_thread_and_prints_nothing() -> None:
    ended = run_program("""
        import os, numpy
        before = len(os.listdir("/proc/self/task"))
        import freshframe
        print(len(os.listdir("/proc/self/task")) - before)
    """)
    assert (ended.code, ended.out, ended.err) == (0, "0\n", "")


def test_the_import_leaves_signal_handlers_as_they_are() -> None:
    ended = run_program("""
        import signal
        before = [signal.getsignal(n) for n in signal.valid_signals() if n not in (9, 19)]
        import freshframe
        print(before == [signal.getsignal(n) for n in signal.valid_signals() if n not in (9, 19)])
    """)
    assert (ended.code, ended.out) == (0, "True\n"), ended.err


USE_ALL_THREE = """
import os, sys, tempfile
{imports}
import numpy as np

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "clip.mp4")
    pipeline = freshframe.Pipeline()
    scene = pipeline.add(freshframe.open("demo:circles?pace=0&size=320x240&frames=25&fps=25"))
    pipeline.add(freshframe.VideoFile(path), scene)
    assert pipeline.run().complete

    with av.open(path) as container:
        by_av = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]

    capture = cv2.VideoCapture(path)
    by_cv2 = []
    while True:
        there, picture = capture.read()
        if not there: break
        by_cv2.append(picture)
    capture.release()

    pipeline = freshframe.Pipeline()
    reader = pipeline.reader(pipeline.add(freshframe.open(path)))
    with pipeline:
        by_freshframe = [sample.value.bgr for sample in reader]

    with av.open(os.path.join(folder, "av.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for picture in by_cv2:
            blurred = cv2.GaussianBlur(picture, (3, 3), 0)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(blurred, format="bgr24")))
        container.mux(stream.encode())
    pipeline = freshframe.Pipeline()
    again = pipeline.reader(pipeline.add(freshframe.open(os.path.join(folder, "av.mp4"))))
    with pipeline:
        count = len(list(again))

    print(len(by_av), len(by_cv2), len(by_freshframe), count)
    for one in (by_av, by_cv2):
        worst = max(float(np.abs(a.astype(int) - b.astype(int)).mean()) for a, b in zip(one, by_freshframe))
        assert worst < 4, worst
"""


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None or importlib.util.find_spec("av") is None,
    reason="needs cv2 and av",
)
@pytest.mark.parametrize("order", list(itertools.permutations(["cv2", "av", "freshframe"])), ids="-".join)
def test_cv2_av_and_freshframe_work_in_one_process_whatever_is_imported_first(order: tuple[str, ...]) -> None:
    ended = run_program(USE_ALL_THREE.format(imports="; ".join(f"import {name}" for name in order)))
    assert (ended.code, ended.out) == (0, "25 25 25 25\n"), ended.err
    assert ended.err == ""


@pytest.mark.skipif(
    not any(map(importlib.util.find_spec, ("_interpreters", "_xxsubinterpreters"))),
    reason="needs a Python whose subinterpreters can be made from Python",
)
@pytest.mark.parametrize("first", ["main", "sub"])
def test_a_subinterpreter_is_refused_and_the_main_one_goes_on(first: str) -> None:
    ended = run_program(
        """
        import sys
        if sys.argv[1] == "main":
            import freshframe
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        code = '''
        import warnings
        warnings.simplefilter("ignore")  # NumPy's doubts
        try:
            import freshframe
        except ImportError as error:
            print(error, flush=True)
        '''
        interpreter = interpreters.create()
        interpreters.run_string(interpreter, code)
        interpreters.destroy(interpreter)
        import freshframe
        with freshframe.stream(freshframe.open("demo:circles?size=64x64&pace=0&frames=3")) as frames:
            print(len(list(frames)), "frames")
        """,
        arguments=[first],
    )
    assert ended.code == 0, ended.err
    refusal, frames = ended.out.splitlines()
    assert "main interpreter only" in refusal or "subinterpreter" in refusal, refusal
    assert frames == "3 frames"


def test_the_statistics_are_loaded_when_they_are_first_used() -> None:
    ended = run_program("""
        import sys
        import freshframe as ff
        assert "freshframe._look.stats" not in sys.modules
        pipeline = ff.Pipeline()
        pipeline.add(ff.open("demo:circles?frames=2&pace=0"))
        assert isinstance(pipeline.run(), ff.stats.Report)
        assert isinstance(pipeline.stats(), ff.stats.Stats)
    """)
    assert ended.code == 0, ended.err


SECOND_IMPORT = """
import sys, importlib
import freshframe as ff
assert importlib.reload(ff) is ff
for name in [name for name in sys.modules if name.partition(".")[0] == "freshframe"]:
    del sys.modules[name]
try:
    import freshframe
except ImportError as error:
    print(error)
pipeline = ff.Pipeline()
reader = pipeline.reader(pipeline.add(ff.open("demo:circles?frames=3&pace=0")))
with pipeline:
    print(len(list(reader)))
"""


def test_a_second_import_says_what_to_do_and_the_first_goes_on() -> None:
    ended = run_program(SECOND_IMPORT)
    message, count = ended.out.splitlines()
    assert message.startswith("freshframe was already imported in this process")
    assert "do not remove it from sys.modules, or start a new process" in message
    assert count == "3"
