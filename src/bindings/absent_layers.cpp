// The names of layers that a build leaves out: each call says what is missing and how to get it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <string>

#include "bindings/border/fork_guard.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/fleet/record_layouts.hpp"
#include "bindings/parts.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

[[noreturn]] void refuse(const char* missing, const char* option) {
  throw StateError("this build of freshframe has no " + std::string(missing) + ", because " + option +
                   " was OFF: run ./dev build (./dev demo builds this part after the demonstration)");
}

}  // namespace

#ifndef FRESHFRAME_FLEET
namespace {

void refuse_a_fleet(const nb::args&, const nb::kwargs&) {
  refuse("fleets", "FRESHFRAME_FLEET");
}

}  // namespace

void bind_fleet(nb::module_& module) {
  bind_fleet_records(module);
  for (const char* name : {"fleet_value", "FleetAgent", "start_fleet_child"})
    module.def(name, &refuse_a_fleet);
}
#endif

#ifndef FRESHFRAME_PROCESS
namespace {

void refuse_a_process(const nb::args&, const nb::kwargs&) {
  refuse("worker processes", "FRESHFRAME_PROCESS");
}

}  // namespace

void bind_processes(nb::module_& module, nb::class_<Engine>& engine) {
  for (const char* name : {"ProcessPlan", "run_process"}) module.def(name, &refuse_a_process);
  engine.def("add_process", &refuse_a_process);
}

void bind_worker_end(nb::module_& module) {
  module.def("WorkerEnd", &refuse_a_process);
}

void kill_workers_by(NodeBase& /*node*/, TimePoint /*time*/) {}

const Frame& check_process(const Frame& frame) {
  return frame;  // only frames of worker processes lie in shared memory
}
#endif

#ifndef FRESHFRAME_SERVE
namespace {

void refuse_to_serve(const nb::args&, const nb::kwargs&) {
  refuse("server", "FRESHFRAME_SERVE");
}

}  // namespace

void bind_serve(nb::class_<Engine>& engine) {
  engine.def("serve", &refuse_to_serve)
      .def("metrics", &refuse_to_serve)
      .def("close_server", [](Engine&) {})
      .def("picture_token", [](Engine&) { return ""; })
      .def("camera_tokens", [](Engine&) { return nb::dict(); })
      .def("forget_server", [](Engine&) {});
}

void bind_gil_findings(nb::module_& module) {
  module.def("set_gil_findings", [](const nb::capsule&) {});
}

void bind_pages(nb::module_& module) {
  module.def("Pages", &refuse_to_serve);
}
#endif

#ifndef FRESHFRAME_INFERENCE
namespace {

void refuse_to_infer(const nb::args&, const nb::kwargs&) {
  refuse("neural detectors, masks and crops", "FRESHFRAME_INFERENCE");
}

}  // namespace

void bind_frame_crops(nb::class_<Frame>& frame) {
  frame.def("crops", &refuse_to_infer);
}

void bind_masks(nb::module_& module) {
  module.def("encode_masks", &refuse_to_infer);
}

void bind_onnx_model(nb::module_& module) {
  for (const char* name : {"load_onnx", "onnx_runtime", "OnnxClassifierOptions"})
    module.def(name, &refuse_to_infer);
}

void bind_onnx_detector(nb::module_& module) {
  module.def("OnnxDetectorOptions", &refuse_to_infer);
}
#endif

}  // namespace freshframe::python
