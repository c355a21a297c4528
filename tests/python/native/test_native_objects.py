"""Extension classes that are nodes because of their method __freshframe_node__()."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rigs.native_code import compiled
from rigs.tool_modules import load_module
from support import Pictures, picture, run_node, until

import freshframe as ff

NODE = """
#include <Python.h>

#include <freshframe/plugin.hpp>

namespace ff = freshframe::plugin;

static int alive = 0;

class Mean : public ff::Node<ff::Frame, double> {
 public:
  explicit Mean(double scale) : scale_(scale) { ++alive; }
  ~Mean() override { --alive; }
  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context&) override {
    if (PyGILState_Check() != 0) throw std::logic_error("the GIL is held");
    return scale_ * sample.value.gray().data[0];
  }

 private:
  double scale_;
};
"""
PLAIN = """
struct Object {
  PyObject_HEAD
  Mean* mean;
};
static PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  double scale = 1;
  if (PyArg_ParseTuple(arguments, "|d", &scale) == 0) return nullptr;
  auto* self = reinterpret_cast<Object*>(type->tp_alloc(type, 0));
  if (self != nullptr) self->mean = new Mean(scale);
  return reinterpret_cast<PyObject*>(self);
}
static void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  delete reinterpret_cast<Object*>(self)->mean;
  type->tp_free(self);
  Py_DECREF(type);
}
static PyObject* node(PyObject* self, PyObject*) {
  return ff::node_capsule(*reinterpret_cast<Object*>(self)->mean, "mean");
}
static PyObject* count(PyObject*, PyObject*) { return PyLong_FromLong(alive); }
static PyMethodDef methods[] = {{"__freshframe_node__", node, METH_NOARGS, nullptr}, {}};
static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(make)},
                              {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                              {Py_tp_methods, methods},
                              {0, nullptr}};
static PyType_Spec spec = {"my_plain.Mean", sizeof(Object), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef functions[] = {{"alive", count, METH_NOARGS, nullptr}, {}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "my_plain", nullptr, -1, functions, {}, {}, {}, {}};
PyMODINIT_FUNC PyInit_my_plain() {
  PyObject* module = PyModule_Create(&definition);
  PyModule_AddObject(module, "Mean", PyType_FromSpec(&spec));
#ifdef Py_GIL_DISABLED
  PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
  return module;
}
"""
PYBIND11 = """
#include <pybind11/pybind11.h>
namespace py = pybind11;
PYBIND11_MODULE(my_pybind11, module, py::mod_gil_not_used()) {
  py::class_<Mean>(module, "Mean")
      .def(py::init<double>(), py::arg("scale") = 1.0)
      .def("__freshframe_node__",
           [](Mean& self) {
             PyObject* capsule = ff::node_capsule(self, "mean");
             if (capsule == nullptr) throw py::error_already_set();
             return py::reinterpret_steal<py::object>(capsule);
           });
  module.def("alive", [] { return alive; });
}
"""


@pytest.fixture(scope="module", params=["plain", pytest.param("pybind11")])
def extension(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> ModuleType:
    """Builds an extension module with the class Mean."""
    name = f"my_{request.param}"
    # As system headers, because warnings in the binding library and CPython are not ours to fix.
    flags = [f"-isystem{sysconfig.get_path('include')}", "-Wno-missing-field-initializers"]
    if request.param == "pybind11":
        pybind11 = pytest.importorskip("pybind11")
        flags += [f"-isystem{pybind11.get_include()}", "-fvisibility=hidden"]
    code = NODE + (PLAIN if request.param == "plain" else PYBIND11)
    return load_module(compiled(tmp_path_factory.mktemp(name), code, *flags, language="c++", name=name), name)


def frames(count: int) -> list[ff.Frame]:
    return [ff.Frame.from_array(picture(number), "gray") for number in range(count)]


@pytest.mark.slow
@pytest.mark.table(cases=1)
def test_an_extensions_object_is_a_native_node(extension: Any) -> None:
    samples = run_node(extension.Mean(10.0), frames(3))
    assert [sample.value for sample in samples] == [0, 10, 20]
    assert samples[0].node == "mean"


def test_an_object_is_a_node_of_one_pipeline(extension: Any) -> None:
    node = extension.Mean()
    run_node(node, frames(1))
    with pytest.raises(RuntimeError, match="already belongs to a pipeline"):
        run_node(node, frames(1))


def test_two_pipelines_cannot_have_one_object_also_before_they_start(extension: Any) -> None:
    node = extension.Mean()
    pipeline = ff.Pipeline()
    pictures = pipeline.add(Pictures(1))
    pipeline.add(node, pictures)
    with pytest.raises(RuntimeError, match="already belongs to a pipeline"):
        pipeline.add(node, pictures)


def test_an_object_whose_add_failed_can_be_added_again(extension: Any) -> None:
    node = extension.Mean(10.0)
    pipeline = ff.Pipeline()
    pictures = pipeline.add(Pictures(3))
    circles = pipeline.add(ff.CircleTracker(), pictures)
    with pytest.raises(ff.GraphError, match="takes Frame") as failure:  # it contains the frames of add()
        pipeline.add(node, circles)
    with pytest.raises(ff.GraphError, match="is taken") as later:
        pipeline.add(node, pictures, name=circles.name)
    look = node.__freshframe_node__()  # as a debugger does
    reader = pipeline.reader(pipeline.add(node, pictures))
    with pipeline:
        assert [sample.value for sample in reader] == [0, 10, 20]
    del failure, later, look


@pytest.mark.slow
def test_an_object_whose_pipeline_never_opened_it_can_be_added_again(
    extension: Any, pipelines: list[ff.Pipeline]
) -> None:
    node = extension.Mean(10.0)
    pipeline = ff.Pipeline()
    pipeline.add(node, pipeline.add(Pictures(3)))
    del pipeline
    pipelines.clear()
    gc.collect()
    assert [sample.value for sample in run_node(node, frames(2))] == [0, 10]


@pytest.mark.slow
def test_the_pipeline_keeps_the_object_and_lets_it_go(extension: Any, pipelines: list[ff.Pipeline]) -> None:
    gc.collect()
    before = extension.alive()
    pipeline = ff.Pipeline()
    port = pipeline.add(extension.Mean(), pipeline.add(Pictures(2)))
    reader = pipeline.reader(port)
    gc.collect()
    assert extension.alive() == before + 1
    with pipeline:
        assert [sample.value for sample in reader] == [0, 1]
    del pipeline, port, reader
    pipelines.clear()

    def gone() -> bool:
        gc.collect()
        return bool(extension.alive() == before)

    until(gone, "the object to be let go")


def test_an_object_that_cannot_be_pickled_says_so(extension: Any) -> None:
    pipeline = ff.Pipeline()
    with pytest.raises(ff.OptionTypeError, match="'mean' cannot be sent to another process"):
        pipeline.add(extension.Mean(), pipeline.add(Pictures(1)), process=True)


def test_an_object_that_is_no_capsule_is_refused() -> None:
    class Wrong:
        def __freshframe_node__(self) -> object:
            return 5

    pipeline = ff.Pipeline()
    with pytest.raises(
        ff.OptionTypeError, match=r"must return a new capsule named 'freshframe\.node\.1', got 5"
    ):
        pipeline.add(Wrong(), pipeline.add(Pictures(1)))  # type: ignore[call-overload]


BLOBS = """
#include <Python.h>

#include <freshframe/plugin.hpp>

namespace ff = freshframe::plugin;

class Blobs : public ff::Node<ff::Frame, OUTPUT> {
 public:
  std::optional<OUTPUT> process(const ff::Sample<ff::Frame>&, ff::Context&) override { RESULT; }
};
static PyObject* add_capsule(PyObject*, PyObject*) {
  char name[] = "a name on the stack";
  static Blobs blobs;
  PyObject* capsule = ff::node_capsule(blobs, name);
  name[0] = 0;
  return capsule;
}
static PyMethodDef functions[] = {{"capsule", add_capsule, METH_NOARGS, nullptr}, {}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "MODULE", nullptr, -1, functions, {}, {}, {}, {}};
PyMODINIT_FUNC PyInit_MODULE() {
  PyObject* module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
  PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
  return module;
}
"""
NUMBER = {"OUTPUT": "double", "RESULT": "return 1000"}
TABLE = {
    "OUTPUT": "ff::Table",
    "RESULT": 'ff::Table table; table.add("v", std::vector<double>{2000}); return table',
}


class Given:
    """An object of an extension, which returns its capsule."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __freshframe_node__(self) -> object:
        return self._module.capsule()


@pytest.mark.slow
def test_two_extensions_may_have_classes_of_one_name(tmp_path: Path) -> None:
    results = []
    for name, words in [("numbers_", NUMBER), ("tables_", TABLE)]:
        code = BLOBS.replace("MODULE", name)
        for word, meaning in words.items():
            code = code.replace(word, meaning)
        flags = [f"-isystem{sysconfig.get_path('include')}", "-Wno-missing-field-initializers"]
        module = load_module(compiled(tmp_path, code, *flags, language="c++", name=name), name)
        (sample,) = run_node(Given(module), frames(1))
        assert sample.node == "a name on the stack"
        results.append(sample.value)
    assert results[0] == 1000
    assert results[1]["v"].tolist() == [2000]
