// Python nodes and sources: their place in the graph, and the thread that runs them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/node.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/engine/node_handle.hpp"
#include "bindings/node/spool_counters.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "process/crew/node_description.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Stands for a Python node in the graph.
class PythonNode final : public NodeBase, public Hosted {
 public:
  /// `spool`: the counters of a Spool; null if it is not a Spool.
  PythonNode(process::NodeDescription description, PyObject* node, bool is_function,
             std::shared_ptr<const SpoolCounters> spool)
      : Hosted(node, is_function), description_(std::move(description)), spool_(std::move(spool)) {}
  [[nodiscard]] std::string default_name() const override { return description_.name; }
  [[nodiscard]] const TypeInfo* input_type() const noexcept override { return description_.input; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return description_.output; }
  /// Always accepts batches here, because Python checks whether the node takes them.
  [[nodiscard]] NodeContract contract() const override {
    auto own = process::make_contract(description_);
    own.takes_batches = own.takes_sets = own.runs_outside = true;
    return own;
  }
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.embedded = this}; }
  [[nodiscard]] NodeReport report(Span /*span*/) const override {
    return {.spool = spool_ ? std::optional(spool_->get()) : std::nullopt};
  }
  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) override {
    return std::nullopt;  // never called: the loop calls the Python object
  }
  /// Kept for the loop, which calls the Python object before its next sample.
  void source_gone(int source) override { gone.push_back(source); }

 private:
  process::NodeDescription description_;
  std::shared_ptr<const SpoolCounters> spool_;
};

class PythonSource final : public SourceBase, public Hosted {
 public:
  PythonSource(process::NodeDescription description, PyObject* node, bool live)
      : Hosted(node, false), description_(std::move(description)), live_(live) {}
  [[nodiscard]] std::string default_name() const override { return description_.name; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return description_.output; }
  [[nodiscard]] bool live() const noexcept override { return live_; }
  [[nodiscard]] NodeContract contract() const override {
    return {.gives_packets = description_.gives_packets, .runs_outside = true};
  }
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.embedded = this}; }
  std::optional<SourceItem<Emitted>> read_any(const Context& /*context*/) override { return std::nullopt; }

 private:
  process::NodeDescription description_;
  bool live_;
};

}  // namespace freshframe::python
