// A native node on its way from Python into a pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/node.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/fork_guard.hpp"
#include "core/pipeline/pipeline_core.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// The Python object of a node in the graph. It is borrowed from the node's Place, which is an argument of
/// the loop on the node's own thread: so the garbage collector sees every reference.
struct Hosted : Embedded {
  PyObject* object;
  bool takes_values;  // the object is a function, and gets the value instead of the sample
  // ended sources that the loop has yet to report to the object; used on the node's thread
  std::vector<int> gone = {};
  Hosted(PyObject* given, bool is_function) : object(given), takes_values(is_function) {}
};

/// Returns null for a native node.
[[nodiscard]] inline Hosted* get_hosted(NodeBase& node) {
  return static_cast<Hosted*>(node.abilities().embedded);
}

/// Holds a native or hosted node until add() takes it, which happens once.
struct NodeHandle {
  std::unique_ptr<NodeBase> node;
  // The node in the graph, for its properties in Python. Stays set after the node was removed or replaced.
  std::shared_ptr<NodeBase> added = {};
  std::shared_ptr<core::PipelineCore> owner = {};
  std::shared_ptr<core::Successor> successor = {};  // set for a node added by replace()
  ForkGuard guard = {};
  std::atomic<int> calls = 0;  // calls in progress, see LoneCall

  [[nodiscard]] NodeBase& get() const { return node ? *node : *added; }
};

/// The handle of a new node.
[[nodiscard]] inline std::unique_ptr<NodeHandle> make_handle(std::unique_ptr<NodeBase> node) {
  auto handle = std::make_unique<NodeHandle>();
  handle->node = std::move(node);
  return handle;
}

/// The handle's node as an N. `wanted` is for the message: "a clip recorder".
template <class N>
[[nodiscard]] N& node_as(const NodeHandle& handle, const char* wanted) {
  auto* const node = dynamic_cast<N*>(&handle.get());
  if (node == nullptr) throw OptionTypeError(std::string("not ") + wanted);
  return *node;
}

/// A call of a node that is not in a pipeline. add() rejects the node until the call has ended.
template <class N>
class LoneCall {
 public:
  /// `verb` is for the message: "update()". Throws StateError for a node of a pipeline, and in a forked
  /// child.
  LoneCall(NodeHandle& handle, const char* wanted, const char* verb)
      : handle_(handle), node_(find_node(handle, wanted, verb)) {
    ++handle_.calls;
  }
  LoneCall(const LoneCall&) = delete;
  LoneCall& operator=(const LoneCall&) = delete;
  ~LoneCall() { --handle_.calls; }

  [[nodiscard]] N& node() const noexcept { return node_; }

 private:
  static N& find_node(NodeHandle& handle, const char* wanted, const char* verb) {
    if (handle.node) return node_as<N>(handle, wanted);
    throw StateError("this " + handle.get().default_name() +
                     " is a node of a pipeline, which calls it: create another one for " + verb);
  }

  NodeHandle& handle_;
  N& node_;
};

/// Calls close() of a Python node and returns its exception. If a signal handler raises before the first line
/// of close(), calls it again.
[[nodiscard]] std::exception_ptr call_close(const nanobind::object& node);

}  // namespace freshframe::python
