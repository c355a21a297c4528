// A loaded ONNX model behind the Python class OnnxModel.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/inference.hpp"

#include <optional>
#include <utility>

#include "bindings/border/fork_guard.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A loaded model; its threads belong to the process that loaded it.
class Model {
 public:
  explicit Model(OnnxModel model) : model_(std::move(model)) {}

  [[nodiscard]] const OnnxModel& get() const {
    guard_.check("this model");
    return model_;
  }
  [[nodiscard]] const inference::Session& session() const { return *get().session(); }

 private:
  OnnxModel model_;
  ForkGuard guard_;
};

/// Width and height in pixels of a model's input; empty: the model's own.
using Sides = std::optional<std::pair<int, int>>;

void bind_onnx_classifier(nanobind::module_& module);

}  // namespace freshframe::python

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::python::Model> = true;
