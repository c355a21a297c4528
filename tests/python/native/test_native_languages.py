"""The mean of an image as a step in each language that docs/reference/native-nodes.md lists."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import gc
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from rigs.native_code import compiled
from rigs.tool_modules import load_module
from rigs.watchdog import LONG_WATCHDOG, run_to_end
from support import picture, run_node
from test_native_page import programs

import freshframe as ff

NANOBIND = """
#include <nanobind/nanobind.h>

#include <freshframe/plugin.hpp>

namespace nb = nanobind;
namespace ff = freshframe::plugin;

class Mean : public ff::Node<ff::Frame, double> {
 public:
  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context&) override {
    return sample.value.gray().data[0];
  }
};

NB_MODULE(my_nanobind, module) {
  nb::class_<Mean>(module, "Mean")
      .def(nb::init<>())
      .def("__freshframe_node__", [](Mean& self) {
        PyObject* capsule = ff::node_capsule(self, "mean");
        if (capsule == nullptr) throw nb::python_error();
        return nb::steal(capsule);
      });
}
"""


def run(*command: object) -> None:
    """Runs a compiler."""
    ended = run_to_end([str(part) for part in command], timeout=LONG_WATCHDOG)
    assert ended.returncode == 0, ended.stderr


def means(node: Any) -> list[Any]:
    """Returns its results for three images; [0, 1, 2] is correct."""
    given = [ff.Frame.from_array(picture(number), "gray") for number in range(3)]
    return [sample.value for sample in run_node(node, given)]


@pytest.fixture(scope="module")
def in_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiles the C function of the page."""
    return compiled(tmp_path_factory.mktemp("c"), programs("c")[0], name="mean")


def test_c(in_c: Path) -> None:
    assert means(ff.native.load(in_c, "mean", out=())) == [0, 1, 2]


def test_cpp(tmp_path: Path) -> None:
    include, function = programs("c")[0].split("\n\n", 1)
    library = compiled(tmp_path, f'{include}\nextern "C" {{\n{function}\n}}', language="c++")
    assert means(ff.native.load(library, "mean", out=())) == [0, 1, 2]


def test_rust(tmp_path: Path) -> None:
    if shutil.which("rustc") is None:
        pytest.skip("no rustc")
    source = tmp_path / "mean.rs"
    source.write_text(programs("rust")[0], encoding="utf-8")
    run("rustc", "-O", "--crate-type", "cdylib", source, "-o", tmp_path / "libmean.so")
    assert means(ff.native.load(tmp_path / "libmean.so", "mean", out=())) == [0, 1, 2]


@pytest.mark.slow
def test_cython(tmp_path: Path) -> None:
    pytest.importorskip("Cython", reason="Cython is not installed")
    source = tmp_path / "my_cython.pyx"
    source.write_text(programs("cython")[0], encoding="utf-8")
    # Otherwise its import enables the GIL of a free-threaded Python.
    run(sys.executable, "-m", "cython", "-3", "-X", "freethreading_compatible=True", source)
    library = tmp_path / "my_cython.so"
    include = f"-I{sysconfig.get_path('include')}"
    run("cc", "-O1", "-w", "-shared", "-fPIC", include, source.with_suffix(".c"), "-o", library)
    functions = load_module(library, "my_cython").__pyx_capi__
    assert means(ff.native.function(functions["mean"], out=())) == [0, 1, 2]


def test_ctypes(in_c: Path) -> None:
    assert means(ff.native.function(ctypes.CDLL(str(in_c)).mean, out=())) == [0, 1, 2]


SIGNATURE = """
int32_t mean(const uint8_t*, int32_t, int32_t, int64_t, double, int64_t, int32_t, void*, int32_t, void*);
"""


def test_cffi(in_c: Path) -> None:
    """cffi unloads a library when its last reference is gone, so the node keeps one."""
    ffi = pytest.importorskip("cffi", reason="cffi is not installed").FFI()
    ffi.cdef(SIGNATURE)
    library = ffi.dlopen(str(in_c))
    node = ff.native.function(library.mean, out=())
    del library
    gc.collect()
    assert means(node) == [0, 1, 2]
    again = ffi.dlopen(str(in_c))
    assert means(ff.native.function(ffi.addressof(again, "mean"), out=())) == [0, 1, 2]


def test_what_of_cffi_is_no_native_function_is_refused() -> None:
    ffi = pytest.importorskip("cffi", reason="cffi is not installed").FFI()
    with pytest.raises(ff.OptionTypeError, match="this cffi function calls Python and would take the GIL"):
        ff.native.function(ffi.callback("int(void)", lambda: 0), out=())
    for other in (ffi.new("int*"), ffi.cast("int", 5), ffi.NULL):
        with pytest.raises(ff.OptionTypeError, match="must be a pointer to a function, got <cdata"):
            ff.native.function(other, out=())


@pytest.mark.slow
@pytest.mark.usefixtures("numba_compiler")
def test_numba() -> None:
    @ff.native.numba(out=())
    def mean(pixels: Any) -> Any:
        return pixels.mean()

    assert means(mean) == [0, 1, 2]


@pytest.mark.slow
def test_nanobind(tmp_path: Path) -> None:
    nanobind = pytest.importorskip("nanobind", reason="nanobind is not installed")
    folder = Path(nanobind.include_dir()).parent
    source = tmp_path / "module.cpp"
    source.write_text(NANOBIND, encoding="utf-8")
    library = tmp_path / "my_nanobind.so"
    includes = [
        f"-I{ff.native.get_include()}",
        f"-isystem{sysconfig.get_path('include')}",
        f"-isystem{nanobind.include_dir()}",
        f"-isystem{folder / 'ext/robin_map/include'}",
    ]
    flags = ["-std=c++17", "-O0", "-w", "-shared", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing"]
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        flags.append("-DNB_FREE_THREADED")  # like nanobind_add_module(FREE_THREADED)
    run("c++", *flags, *includes, source, folder / "src/nb_combined.cpp", "-o", library)
    assert means(load_module(library, "my_nanobind").Mean()) == [0, 1, 2]
