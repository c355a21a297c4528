// An agent's connection to its fleet, the results of its cameras on the way there, and the supervision of its
// process. Used by the package's fleets.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/errors.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/fleet/record_layouts.hpp"
#include "bindings/parts.hpp"
#include "bindings/process/encoding.hpp"
#include "bindings/results/pickled.hpp"
#include "bindings/results/value.hpp"
#include "core/unit_text.hpp"
#include "fleet/agent_end.hpp"
#include "fleet/last_words.hpp"
#include "process/life/child.hpp"
#include "process/wire/bytes.hpp"
#include "process/wire/value.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/unique_ptr.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// A result's value while it is being encoded.
struct Encoding {
  const ValueRef* value;
  std::vector<std::byte> bytes = {};
  std::exception_ptr raised = nullptr;
};

}  // namespace
}  // namespace freshframe::python

namespace freshframe::gil {

// The value is only accessed with the GIL held.
template <>
inline constexpr bool python_free<python::Encoding> = true;
template <>
inline constexpr bool python_free<fleet::AgentEnd> = true;
template <>
inline constexpr bool python_free<std::optional<fleet::Order>> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

std::vector<std::byte> pack_value(const process::EncodedValue& value) {
  process::ByteWriter writer;
  writer.reserve(sizeof value.kind + sizeof(std::uint32_t) + value.parts.size() * sizeof(std::uint64_t) +
                 value.size());
  writer.put(value.kind);
  writer.put(static_cast<std::uint32_t>(value.parts.size()));
  for (const auto& part : value.parts) writer.put(static_cast<std::uint64_t>(part.size()));
  for (const auto& part : value.parts) writer.put_bytes(part);
  return writer.take();
}

void encode_with_gil(gil::Released& released, Encoding* encoding) {
  gil::acquire(released, [&](gil::Held& held) {
    try {
      encoding->bytes = pack_value(encode_python(held, *encoding->value, 0, Receiver::Fleet));
    } catch (nb::python_error& error) {
      error.restore();
      encoding->raised = take_python_error(held).error;
    }
  });
}

// Encodes the value of a sample, unless that is its frame. Takes the GIL only for values without a native
// form, so call it without the GIL. Throws a Python OptionTypeError if the value cannot be pickled.
std::vector<std::byte> result_bytes(const ValueRef& value) {
  if (!needs_python(value)) return pack_value(encode_native(value));
  Encoding encoding{&value};
  gil::native_thread(&encode_with_gil, &encoding);
  if (encoding.raised) std::rethrow_exception(encoding.raised);
  return std::move(encoding.bytes);
}

// A view of an object's bytes, which keeps the object from freeing or moving them.
class ByteView {
 public:
  explicit ByteView(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  ByteView(const ByteView&) = delete;
  ByteView& operator=(const ByteView&) = delete;
  ~ByteView() { PyBuffer_Release(&buffer_); }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_{};
};

// The pickle is a slice of `data`. The buffers are copies, which arrays may write to.
nb::object unpickle_value(nb::handle data, process::ByteReader& reader,
                          const std::vector<std::uint64_t>& sizes, const std::string& producer) {
  nb::list parts;
  for (const auto size : sizes) {
    const auto begin = static_cast<Py_ssize_t>(nb::len(data) - reader.left_bytes());
    const auto bytes = reader.take(static_cast<std::size_t>(size));
    const auto length = static_cast<Py_ssize_t>(bytes.size());
    const auto* const first = reinterpret_cast<const char*>(bytes.data());
    const bool is_pickle = nb::len(parts) == 0;
    const nb::object part = nb::steal(is_pickle ? PySequence_GetSlice(data.ptr(), begin, begin + length)
                                                : PyByteArray_FromStringAndSize(first, length));
    if (!part.is_valid()) throw nb::python_error();
    parts.append(part);
  }
  return pickling("opened")(parts, producer);
}

nb::object fleet_value(gil::Held& held, nb::handle data, const std::string& producer) {
  const ByteView view(data);
  process::ByteReader reader(view.bytes());
  process::ValueMessage message;
  message.kind = reader.get<std::uint8_t>();
  const auto count = reader.get_up_to<std::uint32_t>(process::kMostParts, "the number of a result's parts");
  for (std::uint32_t i = 0; i < count; ++i) message.parts.push_back(reader.get<std::uint64_t>());
  if (message.kind == kPickle) return unpickle_value(data, reader, message.parts, producer);
  message.bytes = reader.take(static_cast<std::size_t>(message.size()));
  return to_python(held, decode(process::ReceivedValue(message, message.size()), {producer}));
}

void bind_fleet_results(nb::module_& module) {
  module.def("fleet_value", gil::entry<&fleet_value>, nb::arg("data"), nb::arg("producer"),
             nb::sig("def fleet_value(data: memoryview, producer: str) -> typing.Any"),
             "Returns the value of a camera's result. Raises FreshframeError if it cannot be unpickled "
             "here.");
}

constexpr std::size_t kLargest = fleet::OutboxLimits{}.size_bytes;  // the largest result that fits an outbox

// Converts a time of the engine's clock to Unix time.
double to_unix_time(TimePoint moment) {
  const auto age = std::chrono::steady_clock::now().time_since_epoch() - moment.time_since_epoch();
  return Seconds(std::chrono::system_clock::now().time_since_epoch() - age).count();
}

/// Counters for one output of one run. Thread-safe.
struct OutletCounts {
  std::atomic<std::uint64_t> kept{0};       // put into the outboxes, or not wanted by any reader
  std::atomic<std::uint64_t> refused{0};    // arrived after the run was closed
  std::atomic<std::uint64_t> too_large{0};  // included in `kept`; readers count them as outbox_full
};

/// Accepts results of any type except frames.
class FleetOutlet final : public NodeBase {
 public:
  FleetOutlet(std::shared_ptr<fleet::AgentEnd> end, std::shared_ptr<fleet::Outboxes::Stream> stream,
              std::shared_ptr<OutletCounts> counts, std::string output)
      : end_(std::move(end)),
        stream_(std::move(stream)),
        counts_(std::move(counts)),
        output_(std::move(output)) {}

  [[nodiscard]] std::string default_name() const override { return "fleet " + output_; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return get_type<Nothing>(); }
  std::optional<Emitted> process_any(const AnySample& sample, const Context& /*context*/) override {
    const bool taken = stream_->is_wanted() ? put(sample) : end_->note(*stream_, sample.stamp.captured);
    auto& count = taken ? counts_->kept : counts_->refused;
    count.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }

 private:
  [[nodiscard]] bool put(const AnySample& sample) {
    if (!sample.value) {
      throw GraphError(
          "the output '" + output_ +
          "' contains frames, which cannot be sent to another machine: return results instead, such as "
          "boxes or tracks, or bytes such as sample.frame.jpeg()");
    }
    const auto bytes = std::make_shared<const std::vector<std::byte>>(result_bytes(sample.value));
    if (bytes->size() > kLargest) note_large(bytes->size());
    const auto& stamp = sample.stamp;
    return end_->put(*stream_, stamp.captured,
                     {.seq = stamp.seq,
                      .part = stamp.part,
                      .pts = stamp.pts,
                      .time = to_unix_time(stamp.captured),
                      .bytes = bytes});
  }
  void note_large(std::size_t size) {
    if (counts_->too_large.fetch_add(1, std::memory_order_relaxed) > 0) return;
    constexpr double kMib = 1 << 20;
    log(LogLevel::Warning,
        "output '" + output_ + "' returns results of " +
            core::number_text(static_cast<double>(size) / kMib, std::chars_format::fixed, 1) +
            " MiB: results above " + core::mebibytes_rounded_down(kLargest) +
            " reach no reader, and each reader counts them as outbox_full");
  }

  const std::shared_ptr<fleet::AgentEnd> end_;
  const std::shared_ptr<fleet::Outboxes::Stream> stream_;
  const std::shared_ptr<OutletCounts> counts_;
  const std::string output_;
};

using fleet::AgentEnd;
using fleet::BootTime;

BootTime read_time(nb::handle seconds) {
  return std::chrono::duration_cast<BootTime>(Seconds(nb::cast<double>(seconds)));
}

fleet::AgentOptions read_options(const nb::dict& given) {
  fleet::AgentOptions options;
  if (given.contains("expire_after")) options.outboxes.expire_after = read_time(given["expire_after"]);
  if (given.contains("outbox_results")) {
    options.outboxes.limits.results = nb::cast<std::size_t>(given["outbox_results"]);
  }
  if (given.contains("outbox_bytes")) {
    options.outboxes.size_bytes = nb::cast<std::size_t>(given["outbox_bytes"]);
  }
  return options;
}

class PythonStream {
 public:
  PythonStream(std::shared_ptr<AgentEnd> end, std::shared_ptr<fleet::Outboxes::Stream> stream)
      : end_(std::move(end)), stream_(std::move(stream)) {}

  [[nodiscard]] const OutletCounts& counts() const noexcept { return *counts_; }
  [[nodiscard]] std::unique_ptr<NodeHandle> outlet(const std::string& output) const {
    return make_handle(std::make_unique<FleetOutlet>(end_, stream_, counts_, output));
  }

 private:
  std::shared_ptr<AgentEnd> end_;
  std::shared_ptr<fleet::Outboxes::Stream> stream_;
  std::shared_ptr<OutletCounts> counts_ = std::make_shared<OutletCounts>();
};

class PythonAgent {
 public:
  PythonAgent(int socket, int parent, const nb::dict& options)
      : end_(std::make_shared<AgentEnd>(process::Descriptor(socket), parent, read_options(options))) {}

  [[nodiscard]] AgentEnd& end_agent() const noexcept { return *end_; }
  [[nodiscard]] const std::shared_ptr<AgentEnd>& get_end() const noexcept { return end_; }

 private:
  std::shared_ptr<AgentEnd> end_;
};

nb::object next_order(gil::Held& held, PythonAgent& self) {
  std::optional<fleet::Order> order;
  auto* const into = &order;
  while (!order) {
    gil::release(
        held,
        [](AgentEnd* end, std::optional<fleet::Order>* wanted) {
          *wanted =
              end->next_order(std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(kSignalSlice)));
        },
        &self.end_agent(), into);
    if (!order && self.end_agent().has_ended()) return nb::none();
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  return nb::bytes(order->data(), order->size());
}

void tell(PythonAgent& self, const nb::bytes& bytes) {
  self.end_agent().tell({reinterpret_cast<const std::byte*>(bytes.c_str()), bytes.size()});
}

std::string read_text(nb::handle bytes) {
  const auto given = nb::cast<nb::bytes>(bytes);
  return {given.c_str(), given.size()};
}

process::Child start_child(const nb::list& arguments, const nb::list& environment, int socket, int page) {
  process::ChildOptions options;
  for (const nb::handle each : arguments) options.arguments.push_back(read_text(each));
  for (const nb::handle each : environment) options.environment.push_back(read_text(each));
  options.socket = socket;
  options.page = page;
  return process::Child(options);
}

void bind_agent(nb::module_& module) {
  nb::class_<PythonStream>(module, "FleetStream", nb::is_final(),
                           "One output of one run of a camera, on an agent. Private.")
      .def("outlet", &PythonStream::outlet, nb::arg("output"),
           "Returns the node that receives the results of the output with this name.")
      .def_prop_ro(
          "kept", [](const PythonStream& self) { return self.counts().kept.load(); },
          "Number of results that were put into outboxes, or that no reader wanted.")
      .def_prop_ro(
          "refused", [](const PythonStream& self) { return self.counts().refused.load(); },
          "Number of results that arrived after the run was closed.")
      .def_prop_ro(
          "too_large", [](const PythonStream& self) { return self.counts().too_large.load(); },
          "Number of kept results that are too large for an outbox.");
  nb::class_<PythonAgent>(module, "FleetAgent", nb::is_final(),
                          "The agent's end of the channel to its controller. Private.")
      .def(nb::init<int, int, const nb::dict&>(), nb::arg("socket"), nb::arg("parent"), nb::arg("options"))
      .def("next_order", gil::entry<&next_order>,
           "Returns the next bytes from the controller, or None once it has closed the connection. GIL: "
           "released while waiting")
      .def("tell", &tell, nb::arg("message"), "Sends bytes to the controller.")
      .def(
          "open_run",
          [](PythonAgent& self, std::uint32_t camera, std::uint64_t epoch) {
            self.end_agent().open_run({.epoch = epoch, .camera = camera});
          },
          nb::arg("camera"), nb::arg("epoch"), "Starts a run of a camera.")
      .def(
          "close_run",
          [](PythonAgent& self, std::uint32_t camera, std::uint64_t epoch) {
            self.end_agent().close_run({.epoch = epoch, .camera = camera});
          },
          nb::arg("camera"), nb::arg("epoch"), "Ends a run. Its results can still be pulled.")
      .def(
          "watch",
          [](PythonAgent& self, std::uint32_t camera, std::uint64_t epoch, const Engine& engine) {
            self.end_agent().watch({.epoch = epoch, .camera = camera}, engine.shared_core());
          },
          nb::arg("camera"), nb::arg("epoch"), nb::arg("engine"),
          "Makes the agent's renewals report on this pipeline of the run, which must have been started.")
      .def(
          "open_stream",
          [](PythonAgent& self, std::uint32_t camera, std::uint64_t epoch, const std::string& output) {
            return PythonStream(self.get_end(),
                                self.end_agent().open_stream({.epoch = epoch, .camera = camera}, output));
          },
          nb::arg("camera"), nb::arg("epoch"), nb::arg("output"),
          "Opens a stream for the results of an output.");
}

// Binds functions for an agent's process: they record which run each thread works for, and why the process
// died.
void bind_agent_process(nb::module_& module) {
  module.def(
      "keep_last_words", [](int page) { fleet::keep_last_words(process::Descriptor(page)); }, nb::arg("page"),
      "Maps the page and installs handlers for fatal signals, which write the run of their thread to it. "
      "Call it once per process.");
  module.def(
      "enter_run",
      [](std::uint32_t camera, std::uint64_t epoch) { fleet::enter_run({.epoch = epoch, .camera = camera}); },
      nb::arg("camera"), nb::arg("epoch"),
      "Assigns this thread, and every thread that it starts, to a run until leave_run().");
  module.def("leave_run", [] { fleet::leave_run(); }, "Undoes enter_run() for this thread.");
  module.def(
      "say_fault", [](std::uint32_t number) { fleet::say_fault(number); }, nb::arg("number"),
      "Records that this thread is about to end the process, as a fault of its run.");
  module.def(
      "say_end_in_order", [](std::uint32_t status) { fleet::say_end_in_order(status); }, nb::arg("status"),
      "Records that the process is ending on purpose.");
  bind_fleet_records(module);
}

}  // namespace

void bind_fleet(nb::module_& module) {
  bind_agent(module);
  bind_agent_process(module);
  bind_fleet_results(module);
  nb::class_<process::Child>(module, "FleetChild", nb::is_final(),
                             "An agent's process, as used by the guard that starts it. Private.")
      .def_prop_ro("pid", &process::Child::pid,
                   "Process ID; 0 after reap() has returned how the process ended.")
      .def("fileno", &process::Child::descriptor,
           "Returns a descriptor that becomes readable once the process has ended.")
      .def("kill", &process::Child::kill, "Kills the process and its process group.")
      .def("signal", &process::Child::signal, nb::arg("number"), "Sends a signal to the process.")
      .def(
          "reap",
          [](process::Child& self) -> nb::object {
            const auto end = self.reap();
            return end ? nb::cast(end->text()) : nb::none();
          },
          "Reaps the process and returns how it ended, only once. Returns None while it is running.");
  module.def(
      "start_fleet_child", &start_child, nb::arg("arguments"), nb::arg("environment"), nb::arg("socket"),
      nb::arg("page") = -1,
      "Starts a process with a socket and a page of shared memory. The calling thread must outlive it.");
}

}  // namespace freshframe::python
