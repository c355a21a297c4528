"""tools/check_layers.py: strings that go to Python, the order of a layer's folders, and system headers."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
RULES = '[bindings]\nmay_use = []\npublic = []\nlibraries = ["nanobind/", "Python.h"]\n'

ROOMS = '[media]\nmay_use = []\npublic = []\nlibraries = []\nrooms = ["url", "file", "rtsp"]\n'


def check(tree: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the check on a tree with these files."""
    for name, text in {**files, "include/freshframe/x/y": ""}.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    program = [sys.executable, str(ROOT / "tools/check_layers.py"), str(tree)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("code", "is_refused"),
    [
        ("#include <nanobind/stl/string.h>", True),
        ("#include <nanobind/stl/string_view.h>", True),
        ("  dict[nb::str(name.c_str())] = 1;", True),
        ("  dict[nb::str(name.data(), name.size())] = 1;", True),
        ("  PyErr_SetString(PyExc_ValueError, error.what());", True),
        ("  return PyUnicode_FromString(text.c_str());", True),
        ("  return PyUnicode_FromStringAndSize(text.data(), size);", True),
        ("#include <nanobind/stl/optional.h>", False),
        ('  dict[nb::str("name")] = 1;', False),
        ('  PyErr_SetString(PyExc_TypeError, "takes no arguments");', False),
        ("  dict[python_text(name)] = 1;", False),
    ],
)
def test_a_strict_conversion_of_a_text_is_refused(tmp_path: Path, code: str, is_refused: bool) -> None:
    ended = check(tmp_path, {"tools/layers.toml": RULES, "src/bindings/file.cpp": code + "\n"})
    assert ("src/bindings/file.cpp:1: raises for bytes that are not UTF-8" in ended.stdout) == is_refused
    assert ended.returncode == is_refused


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"file/a.cpp": "url/a.hpp", "rtsp/a.cpp": "file/a.hpp", "open.cpp": "rtsp/a.hpp"}, ""),
        ({"url/a.cpp": "file/a.hpp"}, "src/media/url/a.cpp:1: 'media/file/a.hpp' is in a room above"),
        ({"url/a.cpp": "open.hpp"}, "src/media/url/a.cpp:1: 'media/open.hpp' is in a room above"),
        ({"new/a.cpp": "url/a.hpp"}, "src/media/new/a.cpp: in no room of layer 'media'"),
    ],
)
def test_an_include_of_a_higher_room_is_refused(
    tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    texts = {f"src/media/{name}": f'#include "media/{header}"\n' for name, header in files.items()}
    ended = check(tmp_path, {"tools/layers.toml": ROOMS, **texts})
    assert complaint in ended.stdout
    assert ended.returncode == bool(complaint)


SYSTEM = [
    *("arpa/inet.h", "cxxabi.h", "dirent.h", "dlfcn.h", "elf.h", "fcntl.h", "glob.h", "ifaddrs.h", "link.h"),
    *("linux/futex.h", "net/if.h", "netdb.h", "netinet/in.h", "poll.h", "pthread.h", "sched.h", "signal.h"),
    *("spawn.h", "sys/mman.h", "sys/socket.h", "sys/stat.h", "time.h", "unistd.h", "windows.h"),
]
# Folders that are specific to one operating system, or that isolate its interfaces.
OF_THE_SYSTEM = {"forks", "platform", "process", "fleet", "gil", "gil_watch", "gil_module"}


def test_a_header_of_the_system_is_refused_above_the_platform(tmp_path: Path) -> None:
    rules = tomllib.loads((ROOT / "tools/layers.toml").read_text(encoding="utf-8"))
    folders = [name for name in rules if name not in OF_THE_SYSTEM and (ROOT / "src" / name).is_dir()]
    assert {"core", "media", "serve", "bindings/node"} <= set(folders)
    text = "".join(f"#include <{header}>\n" for header in SYSTEM)
    files = {"/".join(["src", name, *rules[name].get("rooms", [])[:1], "file.cpp"]): text for name in folders}
    ended = check(tmp_path, {"tools/layers.toml": (ROOT / "tools/layers.toml").read_text(), **files})
    refused = {
        line.partition(": layer")[0] for line in ended.stdout.splitlines() if "may not include" in line
    }
    assert refused == {f"{name}:{line}" for name in files for line in range(1, len(SYSTEM) + 1)}


@pytest.mark.parametrize(("room", "is_refused"), [("camera", False), ("rtsp", True)])
def test_a_room_may_have_headers_that_its_layer_has_not(tmp_path: Path, room: str, is_refused: bool) -> None:
    rules = (
        '[sources]\nmay_use = []\npublic = []\nlibraries = []\nrooms = ["camera", "rtsp"]\n'
        'libraries_of_rooms = { camera = ["linux/"] }\n'
    )
    text = "#include <linux/videodev2.h>\n"
    ended = check(tmp_path, {"tools/layers.toml": rules, f"src/sources/{room}/file.cpp": text})
    assert ended.returncode == is_refused


REACH = """
[media]
may_use = []
public = []
libraries = ["libavutil/"]

[serve]
may_use = ["media"]
public = []
libraries = ["boost/"]
"""


@pytest.mark.parametrize("indirect", [False, True], ids=["by name", "through a header"])
def test_a_layer_reaches_no_library_that_it_is_compiled_without(tmp_path: Path, indirect: bool) -> None:
    files = {
        "tools/layers.toml": REACH,
        "src/media/name.hpp": "struct AVFrame;\n",
        "src/media/frame.hpp": "#include <libavutil/frame.h>\n",
        "src/media/frame.cpp": '#include "media/frame.hpp"\n',
        "src/media/turn.hpp": f'#include "media/{"frame" if indirect else "name"}.hpp"\n',
        "src/serve/view.cpp": '#include "media/turn.hpp"\n#include <boost/asio.hpp>\n',
    }
    ended = check(tmp_path, files)
    complaint = (
        "src/serve/view.cpp: layer 'serve' is compiled without FFmpeg, and reaches it by "
        "media/turn.hpp > media/frame.hpp > libavutil/frame.h\n"
    )
    assert ended.stdout.count("\n") == 1
    assert (ended.stdout == complaint) == indirect
    assert ended.returncode == indirect
