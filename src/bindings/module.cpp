// The extension module freshframe._native: everything that the Python package builds on.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "bindings/border/classes.hpp"
#include "bindings/border/errors.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/circles.hpp"
#include "bindings/results/class_names.hpp"

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

void register_classes(const nb::dict& given) {
  const auto keep = [&](const char* name) { return nb::object(given[name]).release().ptr(); };
  auto& known = classes();
  known.circles = keep("Circles");
  known.detections = keep("Detections");
  known.freshframe_error = keep("FreshframeError");
  known.graph_error = keep("GraphError");
  known.option_error = keep("OptionError");
  known.option_type_error = keep("OptionTypeError");
  known.state_error = keep("StateError");
  known.source_error = keep("SourceError");
  known.source_timeout = keep("SourceTimeoutError");
  known.node_error = keep("NodeError");
  known.frames_held = keep("FramesHeldError");
  known.device_error = keep("DeviceError");
  known.end_of_stream = keep("EndOfStreamError");
  known.read_timeout = keep("ReadTimeoutError");
  known.stalled = keep("StalledError");
  known.stop_timeout = keep("StopTimeoutError");
  known.stamped = keep("Stamped");
  known.reader_iterator = keep("ReaderIterator");
  explain_call_errors(nb::object(given["explain_call"]).ptr());
}

// Called at exit, when no pipeline thread is running any more: the cached objects would keep the module's
// types alive.
void forget_classes(gil::Held& held) {
  gil::DeferredFree::instance().stop_deferring(held);
  explain_call_errors(nullptr);
  auto& known = classes();
  for (PyObject** kept :
       {&known.circles, &known.detections, &known.freshframe_error, &known.graph_error, &known.option_error,
        &known.option_type_error, &known.state_error, &known.source_error, &known.source_timeout,
        &known.node_error, &known.frames_held, &known.device_error, &known.end_of_stream, &known.read_timeout,
        &known.stalled, &known.stop_timeout, &known.stamped, &known.reader_iterator}) {
    Py_CLEAR(*kept);
  }
  forget_pooled_circles(held);
  forget_class_names(held);
  forget_end_callback();
}

void bind_native_nodes(nb::module_& module) {
  bind_video_source(module);
  bind_cameras(module);
  bind_pictures(module);
  bind_packets(module);
  bind_recorders(module);
  bind_publish(module);
  bind_look(module);
  bind_demo(module);
  bind_circle_tracker(module);
  bind_box_tracker(module);
  bind_box_predictor(module);
  bind_counters(module);
  bind_annotate(module);
  bind_masks(module);
  bind_onnx_model(module);
  bind_onnx_detector(module);
  bind_user_nodes(module);
}

}  // namespace
}  // namespace freshframe::python

namespace {

constinit bool is_made = false;

}  // namespace

NB_MODULE(_native, module) {
  using namespace freshframe::python;
  if (is_made) {  // nanobind registers a type only once, so a second module would not have any types
    throw nb::import_error(
        "freshframe was already imported in this process, and its native part can be loaded only once: do not remove it from sys.modules, or start a new process");
  }
  module.doc() = "The native part of freshframe. Private: use the package.";
  module.attr("__version__") = FRESHFRAME_VERSION;
#ifndef FRESHFRAME_DEVELOPMENT
  nb::set_leak_warnings(false);  // a program may hold a frame until it exits
#endif
  register_exception_translator();
  bind_frame(module);
  bind_sample(module);
  bind_node_handle(module);
  bind_options(module);
  auto engine = bind_engine(module);
  bind_stats(module, engine);
  bind_why(module);
  bind_reader(module, engine);
  bind_python_nodes(module, engine);
  bind_node_thread(module);
  bind_processes(module, engine);
  bind_worker_end(module);
  bind_native_nodes(module);
  bind_serve(engine);
  bind_gil_findings(module);
  bind_pages(module);
  bind_fleet(module);
  bind_log(module);
  bind_gil_state(module);
  module.def("register_classes", &register_classes, nb::arg("classes"),
             "Passes the package's classes to the module. Called once.");
  module.def("forget_classes", freshframe::gil::entry<&forget_classes>,
             "Drops the package's classes when the interpreter exits.");
  module.def(
      "let_leaks_pass", [] { nb::set_leak_warnings(false); },
      "Disables nanobind's leak warnings. Call it if a node is still busy at exit, because its objects then "
      "outlive the interpreter.");
  is_made = true;
}

namespace freshframe::python {
namespace {

// Returns None if that is not known: for an object that is not an extension module, or for a module with
// single-phase initialisation.
nb::object does_without_gil(nb::handle module) {
#ifdef Py_mod_gil
  if (PyModule_Check(module.ptr()) == 0) return nb::none();
  const PyModuleDef* const definition = PyModule_GetDef(module.ptr());
  if (definition == nullptr) PyErr_Clear();
  if (definition == nullptr || definition->m_slots == nullptr) return nb::none();
  for (const auto* slot = definition->m_slots; slot->slot != 0; ++slot) {
    if (slot->slot == Py_mod_gil) return nb::bool_(slot->value == Py_MOD_GIL_NOT_USED);
  }
  return nb::bool_(false);
#else
  (void)module;
  return nb::none();
#endif
}

}  // namespace

void bind_gil_state(nb::module_& module) {
  module.def("does_without_gil", &does_without_gil, nb::arg("module").none(),
             nb::sig("def does_without_gil(module: typing.Any) -> bool | None"),
             "Returns True if an extension module declares that it runs without the GIL, and None if its "
             "declaration cannot be read.");
}

}  // namespace freshframe::python
