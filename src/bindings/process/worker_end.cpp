// The worker's side of the connection: receives samples, sends results.
// SPDX-License-Identifier: Apache-2.0
#include "process/worker/worker_end.hpp"

#include "freshframe/media.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/classes.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"
#include "bindings/process/encoding.hpp"
#include "bindings/read/sample.hpp"
#include "bindings/results/value.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::gil {

template <>
inline constexpr bool python_free<process::WorkerEnd> = true;
template <>
inline constexpr bool python_free<process::WorkerRequest> = true;
// The message's bytes are kept by references released through the deferred queue.
template <>
inline constexpr bool python_free<process::EncodedValue> = true;
template <>
inline constexpr bool python_free<process::WorkerResult> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using process::WorkerEnd;
using process::WorkerRequest;

struct PythonWorkerEnd {
  PythonWorkerEnd(int socket, int parent)
      : end(process::Descriptor(socket), parent, freshframe::pixel_ops()) {}

  WorkerEnd end;
  std::shared_ptr<core::NameTable> names;
  std::vector<process::ArrivalMessage> arrivals;  // arrivals at the latest on_tick()
};

nb::tuple init(PythonWorkerEnd& self) {
  self.end.hello(FRESHFRAME_VERSION);
  auto init = self.end.init();
  self.names = std::make_shared<core::NameTable>();
  return nb::make_tuple(nb::bytes(init.payload.data(), init.payload.size()), init.stacks.release(),
                        init.node);
}

nb::list numbers_and_names(const std::vector<process::GoneSourceName>& sources) {
  nb::list result;
  for (const auto& source : sources) result.append(nb::make_tuple(source.number, source.name));
  return result;
}

// Returns a sample, the name of another method to call, or a list of sources that have ended.
nb::object make_request_sample(PythonWorkerEnd& self, WorkerRequest& request) {
  for (auto& node : self.end.take_new_nodes())
    self.names->add(node.number, std::move(node.name), std::move(node.stream));
  if (!request.gone.empty()) return numbers_and_names(request.gone);
  if (is_tick(request.call)) self.arrivals = std::move(request.arrivals);
  if (request.call == process::Call::OnTick) return nb::str("on_tick");
  if (request.call == process::Call::OnLastTick) return nb::str("on_last_tick");
  if (request.call == process::Call::Finish) return nb::str("finish");
  if (request.value.kind() != process::kNoValue) {
    request.sample.value = decode(std::move(request.value), {"the parent process"});
  }
  request.sample.frame = request.sample.frame.keep();
  return make_sample(std::move(request.sample), self.names);
}

nb::dict arrivals(const PythonWorkerEnd& self) {
  nb::dict result;
  for (const auto& [source, until] : self.arrivals) result[nb::int_(source)] = until;
  return result;
}

nb::object receive(gil::Held& held, PythonWorkerEnd& self) {
  WorkerRequest request;
  auto* const into = &request;
  while (!gil::release(
      held, [](WorkerEnd* end, WorkerRequest* wanted) { return end->receive(*wanted); }, &self.end, into)) {
    if (self.end.has_ended()) return nb::none();
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  return make_request_sample(self, request);
}

// Returns the samples of one call, or None at the end.
nb::object receive_batch(gil::Held& held, PythonWorkerEnd& self) {
  nb::list samples;
  WorkerRequest request;
  do {
    request = {};
    auto* const into = &request;
    while (!gil::release(
        held, [](WorkerEnd* end, WorkerRequest* wanted) { return end->receive(*wanted); }, &self.end, into)) {
      if (self.end.has_ended()) return nb::none();
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }
    samples.append(make_request_sample(self, request));
  } while (request.more > 0);
  return samples;
}

process::WorkerResult make_result(gil::Held& held, nb::handle given) {
  process::WorkerResult result;
  nb::object value = nb::borrow(given);
  if (Py_TYPE(given.ptr()) == reinterpret_cast<PyTypeObject*>(classes().stamped)) {
    result.like = read_stamp(given.attr("like"));
    if (!given.attr("frame").is_none()) {
      throw OptionError(
          "stamped(frame=) cannot be used in a worker process: pass the frame as the value, or leave "
          "process= out");
    }
    value = given.attr("value");
  }
  auto output = from_python(held, value);
  if (output.value) {
    result.value =
        needs_python(output.value) ? encode_python(held, output.value) : encode_native(output.value);
  } else {
    result.frame = std::move(output.frame);
  }
  return result;
}

void send_all(gil::Held& held, PythonWorkerEnd& self, const std::vector<process::WorkerResult>& results) {
  gil::release(
      held, [](WorkerEnd* end, const std::vector<process::WorkerResult>& all) { end->reply_all(all); },
      &self.end, results);
}

void reply(gil::Held& held, PythonWorkerEnd& self, nb::handle result) {
  std::vector<process::WorkerResult> results;
  if (!result.is_none()) results.push_back(make_result(held, result));
  send_all(held, self, results);
}

void reply_all(gil::Held& held, PythonWorkerEnd& self, const nb::list& given) {
  std::vector<process::WorkerResult> results;
  for (const nb::handle result : given) {
    if (!result.is_none()) results.push_back(make_result(held, result));
  }
  send_all(held, self, results);
}

void report_failure(gil::Held& held, PythonWorkerEnd& self, const std::string& what,
                    const std::pair<std::string, std::string>& texts, nb::handle parts,
                    bool is_device_error) {
  using Failed = WorkerEnd::Failed;
  const auto failed = what == "call" ? Failed::Call : what == "sample" ? Failed::Request : Failed::Outside;
  self.end.fail(failed, {.text = texts.first,
                         .traceback = texts.second,
                         .error = parts.is_none() ? process::EncodedValue{} : encode_pickle(held, parts),
                         .is_device_error = is_device_error});
}

}  // namespace

void bind_worker_end(nb::module_& module) {
  nb::class_<PythonWorkerEnd>(module, "WorkerEnd", nb::is_final(),
                              "The worker's end of the socket to its parent. Private.")
      .def(nb::init<int, int>(), nb::arg("socket"), nb::arg("parent"))
      .def("init", &init,
           "Returns the worker's task, the descriptor for its stack dumps, and the name of its node.")
      .def("opened", [](PythonWorkerEnd& self) { self.end.report_open(); })
      .def("receive", gil::entry<&receive>,
           "Returns the next sample, None after the last one, or a list of sources that have ended. GIL: "
           "released while waiting")
      .def("arrivals", &arrivals, "Returns NodeArrivals.until() for each source, as of the latest on_tick().")
      .def("receive_batch", gil::entry<&receive_batch>,
           "Returns the samples of the next call, or None after the last one. GIL: released while waiting")
      .def("reply", gil::entry<&reply>, nb::arg("result").none(),
           "Sends the result for the oldest sample that has none yet. GIL: released while copying")
      .def("reply_all", gil::entry<&reply_all>, nb::arg("results"),
           "Like reply(), for all results of a call. GIL: released while copying")
      .def("fail", gil::entry<&report_failure>, nb::arg("what"), nb::arg("texts"), nb::arg("parts").none(),
           nb::arg("is_device_error"),
           "Reports that the node raised: for one \"sample\", for a whole \"call\", or \"outside\" of both.")
      .def_prop_ro(
          "parent_ended", [](const PythonWorkerEnd& self) { return self.end.parent_ended(); },
          "True if a call failed because the parent process has ended.")
      .def("closed", [](PythonWorkerEnd& self) { self.end.report_closed(); })
      .def(
          "log",
          [](PythonWorkerEnd& self, int level, const std::string& logger, const std::string& text) {
            return self.end.log(level, logger, text);
          },
          nb::arg("level"), nb::arg("logger"), nb::arg("text"),
          "Sends a log record. Returns False if it was dropped because the parent is too slow.");
}

}  // namespace freshframe::python
