// freshframe.native for Python: creates users' native nodes, and runs one outside a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/native.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/classes.hpp"
#include "bindings/border/path_name.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "bindings/read/sample.hpp"
#include "bindings/results/value.hpp"
#include "process/wire/messages.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {

/// A node without a pipeline, in a worker process. Accepts one call at a time, and only in the right order.
struct LoneNode {
  enum class State : std::uint8_t { Made, Open, Busy, Closed };

  LoneNode(NodeHandle& handle, std::string node_name) : name(std::move(node_name)) {
    if (!handle.node) {
      throw StateError("this " + handle.get().default_name() +
                       " was already opened, or belongs or belonged to a pipeline: create a second one");
    }
    native::claim(
        *handle.node);  // throws if the object is in another pipeline; the handle then keeps its node
    node = std::move(handle.node);
    handle.added = node;
  }

  /// Throws StateError if the state is not `from`.
  void enter(State from, State to) {
    auto now = from;
    if (state.compare_exchange_strong(now, to)) return;
    throw StateError(now == State::Made     ? "this node is not open: call open() first"
                     : now == State::Closed ? "this node is closed"
                     : now == State::Busy   ? "this node is busy in a call on another thread"
                                            : "this node is already open");
  }
  /// Calls `body` while the open node is marked as busy.
  template <class Body>
  void busy(const Body& body) {
    enter(State::Open, State::Busy);
    try {
      body();
    } catch (...) {
      state = State::Open;
      throw;
    }
    state = State::Open;
  }

  std::shared_ptr<NodeBase> node;
  const std::string name;  // name of the node in its pipeline; may be empty
  std::atomic<State> state{State::Made};
  std::stop_source stop;
  std::shared_ptr<const Clock> clock = Clock::real();
  NodeCounters counters;
  Context context{stop.get_token(), *clock, counters, name};
};

}  // namespace freshframe::python

namespace freshframe::gil {

template <>
inline constexpr bool python_free<python::LoneNode> = true;
template <>
inline constexpr bool python_free<std::vector<Emitted>> = true;
template <>
inline constexpr bool python_free<native::Options> = true;
template <>
inline constexpr bool python_free<native::FunctionOptions> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using Handle = std::unique_ptr<NodeHandle>;
using NodePointer = std::unique_ptr<NodeBase>;

std::shared_ptr<const void> keep_object(gil::Held& held, nb::handle object) {
  return std::make_shared<const gil::Ref>(held, object.ptr());
}

std::vector<std::byte> bytes_from(nb::handle object) {
  const auto bytes = nb::cast<nb::bytes>(object);
  std::vector<std::byte> result(bytes.size());
  if (!result.empty()) std::memcpy(result.data(), bytes.c_str(), result.size());
  return result;
}

native::FunctionOptions function_options(const nb::dict& given) {
  native::FunctionOptions options;
  options.format = *pixel_format(nb::cast<std::string>(given["format"]));
  options.type = &native::dtype(nb::cast<std::string>(given["dtype"]));
  options.shape = nb::cast<std::vector<std::int64_t>>(given["shape"]);
  options.max_rows = nb::cast<std::optional<std::int32_t>>(given["max_rows"]);
  options.state = bytes_from(given["state"]);
  options.name = nb::cast<std::string>(given["name"]);
  return options;
}

// Messages for a function compiled by numba, whose wrapper returns this code for an exception.
const char* describe_numba_code(std::int32_t code) {
  return code == INT32_MIN ? "raised an exception" : nullptr;
}

Handle make_function_node(gil::Held& held, std::uintptr_t address, nb::handle keep, const nb::dict& given) {
  auto options = function_options(given);
  options.keep = keep_object(held, keep);
  if (given.contains("of_numba")) options.describe = &describe_numba_code;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): ctypes has it so
  auto* const function = reinterpret_cast<freshframe_function>(address);
  return make_handle(native::function_node(function, std::move(options)));
}

Handle load_function_node(gil::Held& held, const PathName& path, const std::string& symbol,
                          const nb::dict& given) {
  auto options = function_options(given);
  NodePointer node;
  gil::release(
      held,
      [](NodePointer* made, const std::string& library, const std::string& name,
         const native::FunctionOptions& how) { *made = native::load_function(library, name, how); },
      &node, path.bytes, symbol, options);
  return make_handle(std::move(node));
}

native::OptionValue option_value(nb::handle object) {
  if (PyBool_Check(object.ptr())) return object.is(nb::handle(Py_True));
  if (PyLong_Check(object.ptr())) return nb::cast<std::int64_t>(object);
  if (PyFloat_Check(object.ptr())) return nb::cast<double>(object);
  if (PyUnicode_Check(object.ptr())) return nb::cast<std::string>(object);
  if (PyBytes_Check(object.ptr())) return native::Bytes{bytes_from(object)};
  return nb::cast<std::vector<double>>(object);
}

Handle load_node(gil::Held& held, const PathName& path, const std::string& name, const nb::dict& given) {
  native::Options options;
  for (const auto& [key, value] : given) options.emplace(nb::cast<std::string>(key), option_value(value));
  NodePointer node;
  gil::release(
      held,
      [](NodePointer* made, const std::string& library, const std::string& wanted,
         const native::Options& with) { *made = native::load_node(library, wanted, with, pixel_ops()); },
      &node, path.bytes, name, options);
  return make_handle(std::move(node));
}

Handle adopt_node(gil::Held& held, nb::handle owner, nb::handle capsule) {
  if (PyCapsule_IsValid(capsule.ptr(), FRESHFRAME_CAPSULE) == 0) {
    throw OptionTypeError(std::string("__freshframe_node__() must return a new capsule named '") +
                          FRESHFRAME_CAPSULE + "', got " + describe_object(capsule));
  }
  const auto* object =
      static_cast<const freshframe_object*>(PyCapsule_GetPointer(capsule.ptr(), FRESHFRAME_CAPSULE));
  // The capsule is also kept alive, because it may own the struct.
  auto node = native::object_node(*object, keep_object(held, nb::make_tuple(owner, capsule)), pixel_ops());
  PyCapsule_SetName(capsule.ptr(), FRESHFRAME_CAPSULE_USED);
  return make_handle(std::move(node));
}

// ---- nodes without a pipeline

void open_lone(gil::Held& held, LoneNode& self) {
  gil::release(
      held,
      [](LoneNode* lone) {
        lone->enter(LoneNode::State::Made, LoneNode::State::Closed);  // set to Open if opening succeeds
        lone->node->open(lone->context);
        lone->state = LoneNode::State::Open;
      },
      &self);
}

nb::object as_object(gil::Held& held, const Emitted& result) {
  const auto frame = [&] { return result.frame ? nb::cast(result.frame.keep()) : nb::none(); };
  auto value = result.value ? to_python(held, result.value) : frame();
  if (!result.like) return value;
  return nb::borrow(classes().stamped)(value, PythonStamp{*result.like, {}},
                                       result.value ? frame() : nb::none());
}

nb::object process_lone(gil::Held& held, LoneNode& self, const PythonSample& sample) {
  auto given = sample.sample();
  std::optional<Emitted> output;
  gil::release(
      held,
      [](LoneNode* lone, const AnySample& from, std::optional<Emitted>* into) {
        lone->busy([&] { *into = lone->node->process_any(from, lone->context); });
      },
      &self, given, &output);
  return output ? as_object(held, *output) : nb::none();
}

// Collects the results of a call, up to one more than a worker process may send, so that it can report the
// excess.
class Collected final : public AnyOut {
 public:
  explicit Collected(std::vector<Emitted>& results) : results_(results) {}
  bool emit(Emitted result) override {
    results_.push_back(std::move(result));
    return results_.size() <= process::kMostResultsOfCall;
  }

 private:
  std::vector<Emitted>& results_;
};

enum class Call : std::uint8_t { Process, OnTick, Finish };

// Returns the results of `call` as a list. `sample` is only for process().
nb::object call_lone(gil::Held& held, LoneNode& self, Call call, const AnySample& sample) {
  std::vector<Emitted> kept;
  gil::release(
      held,
      [](LoneNode* lone, Call wanted, const AnySample& from, std::vector<Emitted>* into) {
        Collected out(*into);
        lone->busy([&] {
          auto& node = *lone->node;
          if (wanted == Call::Process) return node.process_out_any(from, out, lone->context);
          if (wanted == Call::OnTick) return node.on_tick_any(lone->clock->now(), out, lone->context);
          node.finish_any(out, lone->context);
        });
      },
      &self, call, sample, &kept);
  nb::list results;
  for (const auto& result : kept) results.append(as_object(held, result));
  return results;
}

nb::object process_out_lone(gil::Held& held, LoneNode& self, const PythonSample& sample) {
  return call_lone(held, self, Call::Process, AnySample(sample.sample()));
}

nb::object on_tick_lone(gil::Held& held, LoneNode& self) {
  return call_lone(held, self, Call::OnTick, {});
}

nb::object finish_lone(gil::Held& held, LoneNode& self) {
  return call_lone(held, self, Call::Finish, {});
}

void close_lone(gil::Held& held, LoneNode& self) {
  gil::release(
      held,
      [](LoneNode* lone) {
        lone->enter(LoneNode::State::Open, LoneNode::State::Closed);
        lone->node->close();
      },
      &self);
}

}  // namespace

void bind_user_nodes(nb::module_& module) {
  module.def(
      "make_function_node", gil::entry<&make_function_node>, nb::arg("address"), nb::arg("keep").none(),
      nb::arg("options"),
      nb::sig(
          "def make_function_node(address: int, keep: object, options: dict[str, typing.Any]) -> NodeHandle"),
      "Creates a node that calls a C function. The node keeps a reference to `keep`.");
  module.def(
      "load_function_node", gil::entry<&load_function_node>, nb::arg("path"), nb::arg("symbol"),
      nb::arg("options"),
      nb::sig("def load_function_node(path: str, symbol: str, options: dict[str, typing.Any]) -> NodeHandle"),
      "GIL: released");
  module.def("load_node", gil::entry<&load_node>, nb::arg("path"), nb::arg("name"), nb::arg("options"),
             nb::sig("def load_node(path: str, name: str, options: dict[str, typing.Any]) -> NodeHandle"),
             "GIL: released");
  module.def("adopt_node", gil::entry<&adopt_node>, nb::arg("owner"), nb::arg("capsule").none(),
             nb::sig("def adopt_node(owner: object, capsule: object) -> NodeHandle"),
             "Creates a node from an object of an extension module.");
  module.def(
      "native_types",
      [](const NodeHandle& node) {
        const auto types = native::node_types(node.get());
        return nb::make_tuple(types.input, types.output);
      },
      nb::arg("node"), nb::sig("def native_types(node: NodeHandle) -> tuple[str, str]"),
      "Returns the names of a node's input and output types; empty if it has none.");
  nb::class_<LoneNode>(module, "LoneNode", nb::is_final(), "Runs a native node without a pipeline.")
      .def(nb::init<NodeHandle&, std::string>(), nb::arg("node"), nb::arg("name") = "")
      .def("open", gil::entry<&open_lone>, "GIL: released")
      .def("process", gil::entry<&process_lone>, nb::arg("sample"),
           nb::sig("def process(self, sample: Sample) -> typing.Any"), "GIL: released")
      .def("process_out", gil::entry<&process_out_lone>, nb::arg("sample"),
           nb::sig("def process_out(self, sample: Sample) -> list[typing.Any]"), "GIL: released")
      .def("on_tick", gil::entry<&on_tick_lone>, nb::sig("def on_tick(self) -> list[typing.Any]"),
           "GIL: released")
      .def("finish", gil::entry<&finish_lone>, nb::sig("def finish(self) -> list[typing.Any]"),
           "GIL: released")
      .def("close", gil::entry<&close_lone>, "GIL: released");
}

}  // namespace freshframe::python
