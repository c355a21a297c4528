// The parts of the module _native: each function adds the classes and functions of one topic.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <string>

#include <nanobind/nanobind.h>

namespace freshframe::python {

class Engine;

// ---- frame
void bind_frame(nanobind::module_& module);
/// Adds how notebooks display a frame.
void bind_frame_display(nanobind::class_<Frame>& frame);
void bind_frame_crops(nanobind::class_<Frame>& frame);
void bind_frame_files(nanobind::class_<Frame>& frame);
void bind_frame_device(nanobind::module_& module, nanobind::class_<Frame>& frame);
/// Returns "cpu", or the GPU that holds the image, such as "cuda:0".
[[nodiscard]] std::string device_name(const Frame& frame);

// ---- engine: its class, to which other parts add methods
[[nodiscard]] nanobind::class_<Engine> bind_engine(nanobind::module_& module);
void bind_arrivals(nanobind::module_& module);
void bind_node_handle(nanobind::module_& module);
void bind_options(nanobind::module_& module);
void bind_stats(nanobind::module_& module, nanobind::class_<Engine>& engine);
void bind_why(nanobind::module_& module);

// ---- read, node, process
void bind_sample(nanobind::module_& module);
void bind_stamp(nanobind::module_& module);
void bind_reader(nanobind::module_& module, nanobind::class_<Engine>& engine);
void bind_node_thread(nanobind::module_& module);
void bind_python_nodes(nanobind::module_& module, nanobind::class_<Engine>& engine);
void bind_processes(nanobind::module_& module, nanobind::class_<Engine>& engine);
void bind_worker_end(nanobind::module_& module);

// ---- native nodes, by their layer
void bind_video_source(nanobind::module_& module);
void bind_cameras(nanobind::module_& module);
void bind_pictures(nanobind::module_& module);
void bind_packets(nanobind::module_& module);
void bind_recorders(nanobind::module_& module);
void bind_publish(nanobind::module_& module);
void bind_look(nanobind::module_& module);
void bind_demo(nanobind::module_& module);
void bind_circle_tracker(nanobind::module_& module);
void bind_box_tracker(nanobind::module_& module);
void bind_box_predictor(nanobind::module_& module);
void bind_counters(nanobind::module_& module);
void bind_annotate(nanobind::module_& module);
void bind_masks(nanobind::module_& module);
void bind_onnx_model(nanobind::module_& module);
void bind_onnx_detector(nanobind::module_& module);
void bind_user_nodes(nanobind::module_& module);

// ---- serve, fleet, log, the GIL's state
void bind_serve(nanobind::class_<Engine>& engine);
void bind_gil_findings(nanobind::module_& module);
void bind_pages(nanobind::module_& module);
void bind_fleet(nanobind::module_& module);
void bind_log(nanobind::module_& module);
void bind_gil_state(nanobind::module_& module);

}  // namespace freshframe::python
