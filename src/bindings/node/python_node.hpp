// Python nodes and sources: their place in the graph, and the thread that runs them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/node.hpp"

#include <optional>
#include <string>
#include <utility>

#include "core/pipeline/worker.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Stands for a Python node in the graph. It holds no Python object: the node itself is an argument of the
/// loop on its own thread, so the garbage collector sees every reference.
class PythonNode final : public NodeBase {
 public:
  PythonNode(std::string name, const TypeInfo* input, const TypeInfo* output,
             std::optional<std::string> records_to)
      : name_(std::move(name)), input_(input), output_(output), records_to_(std::move(records_to)) {}
  [[nodiscard]] std::string default_name() const override { return name_; }
  [[nodiscard]] const TypeInfo* input_type() const noexcept override { return input_; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return output_; }
  [[nodiscard]] std::optional<std::string> records_to() const override { return records_to_; }
  [[nodiscard]] bool runs_outside() const noexcept override { return true; }
  [[nodiscard]] bool takes_batches() const noexcept override { return true; }  // Python checks that it does
  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) override {
    return std::nullopt;  // never called: the loop calls the Python object
  }

 private:
  std::string name_;
  const TypeInfo* input_;
  const TypeInfo* output_;
  std::optional<std::string> records_to_;
};

class PythonSource final : public SourceBase {
 public:
  PythonSource(std::string name, bool live, const TypeInfo* output)
      : name_(std::move(name)), live_(live), output_(output) {}
  [[nodiscard]] std::string default_name() const override { return name_; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return output_; }
  [[nodiscard]] bool live() const noexcept override { return live_; }
  [[nodiscard]] bool runs_outside() const noexcept override { return true; }
  std::optional<SourceItem<Emitted>> read_any(const Context& /*context*/) override { return std::nullopt; }

 private:
  std::string name_;
  bool live_;
  const TypeInfo* output_;
};

class Engine;

/// For a thread that is none: start() throws, and the node ends.
void refuse_green_thread(gil::Held& held, Engine& engine, core::Worker& worker);
/// Adds run_node and StopToken to the module.
void bind_python_nodes(nanobind::module_& module);

}  // namespace freshframe::python
