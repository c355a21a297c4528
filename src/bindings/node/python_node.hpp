// Python nodes and sources: their place in the graph, and the thread that runs them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/node.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/engine/node_handle.hpp"
#include "bindings/node/spool_counters.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "process/crew/process_node.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Stands for a Python node in the graph.
class PythonNode final : public NodeBase, public Hosted {
 public:
  /// `spool`: the counters of a Spool; null: it is none.
  PythonNode(process::NodeDescription description, PyObject* node, bool is_function,
             std::shared_ptr<const SpoolCounters> spool)
      : Hosted(node, is_function), description_(std::move(description)), spool_(std::move(spool)) {}
  [[nodiscard]] std::string default_name() const override { return description_.name; }
  [[nodiscard]] const TypeInfo* input_type() const noexcept override { return description_.input; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return description_.output; }
  [[nodiscard]] std::optional<std::string> records_to() const override { return description_.records_to; }
  [[nodiscard]] bool runs_outside() const noexcept override { return true; }
  [[nodiscard]] bool takes_batches() const noexcept override { return true; }  // Python checks that it does
  [[nodiscard]] bool gives_several() const noexcept override { return description_.gives_several; }
  [[nodiscard]] std::optional<Seconds> tick_every() const override { return description_.tick_every; }
  [[nodiscard]] bool finishes() const noexcept override { return description_.finishes; }
  [[nodiscard]] bool gives_last_of_source() const noexcept override {
    return description_.gives_last_of_source;
  }
  [[nodiscard]] std::optional<SpoolStats> spool() const override {
    return spool_ ? std::optional(spool_->get()) : std::nullopt;
  }
  [[nodiscard]] bool takes_sets() const noexcept override { return true; }
  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) override {
    return std::nullopt;  // never called: the loop calls the Python object
  }
  /// Kept for the loop, which tells the Python object before its next call. On the node's thread.
  void source_gone(int source) override { gone_.push_back(source); }
  [[nodiscard]] std::vector<int> take_gone() noexcept { return std::exchange(gone_, {}); }
  [[nodiscard]] bool any_gone() const noexcept { return !gone_.empty(); }

 private:
  process::NodeDescription description_;
  std::shared_ptr<const SpoolCounters> spool_;
  std::vector<int> gone_;
};

class PythonSource final : public SourceBase, public Hosted {
 public:
  PythonSource(std::string name, PyObject* node, bool live, const TypeInfo* output)
      : Hosted(node, false), name_(std::move(name)), live_(live), output_(output) {}
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
void refuse_green_thread(gil::Held& held, Engine& engine, core::Runner& runner);
/// Adds run_node to the module.
void bind_node_thread(nanobind::module_& module);

}  // namespace freshframe::python
