// The dashboard's server for Python: its start, its end, and its access to the findings of the GIL watch.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/serve.hpp"

#include "freshframe/metrics.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/engine.hpp"
#include "bindings/python_free_types.hpp"
#include "gil_watch/watch/findings_table.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// A function of the module _gil, which is never unloaded; null until a watch has been started.
std::atomic<const gil::FindingsTable*> findings_table{nullptr};

void take_totals(void* context, int watching, std::uint64_t stalls, double stalled) {
  auto& found = *static_cast<GilFindings*>(context);
  found.watching = watching != 0;
  found.stalls = stalls;
  found.stalled = stalled;
}

void take_culprit(void* context, const char* native, const char* python, const char* program,
                  std::uint64_t count, const double* times) {
  static_cast<GilFindings*>(context)->culprits.push_back(
      {native, python, program, count, times[0], times[1], times[2]});
}

void take_stall(void* context, std::uint64_t id, double seconds, const char* thread, const char* native,
                const char* python, const char* program) {
  auto& found = *static_cast<GilFindings*>(context);
  GilFindings::Stall stall{id, seconds, thread, native, python, program};
  if (id == 0) {
    found.now = std::move(stall);
  } else {
    found.recent.push_back(std::move(stall));
  }
}

// On the server's thread, without the GIL.
GilFindings read_findings() {
  GilFindings found;
  if (const auto* table = findings_table.load(std::memory_order_acquire)) {
    const gil::FindingsSink sink{&found, &take_totals, &take_culprit, &take_stall};
    table->read(&sink);
  }
  return found;
}

void set_findings(const nb::capsule& capsule) {
  const auto* table =
      static_cast<const gil::FindingsTable*>(PyCapsule_GetPointer(capsule.ptr(), gil::kFindingsCapsule));
  if (table == nullptr) throw nb::python_error();
  findings_table.store(table, std::memory_order_release);
}

std::vector<std::string> serve(Engine& self, const std::string& host, std::uint16_t port,
                               std::optional<std::vector<std::string>> view, const std::string& token,
                               std::optional<double> source_timeout) {
  (void)self.core();  // refuses in a forked child
  if (self.server()) throw StateError("this pipeline is served already");
  self.server() = std::make_unique<Server>(self.shared_core(), ServeOptions{.host = host,
                                                                            .port = port,
                                                                            .view = std::move(view),
                                                                            .token = token,
                                                                            .source_timeout = source_timeout,
                                                                            .gil_findings = &read_findings});
  return self.server()->urls();
}

void close_server(gil::Held& held, Engine& self) {
  if (self.forked() || !self.server()) return;
  auto server = std::move(self.server());
  gil::release(held, [](Server* target) { target->close(); }, server.get());
}

std::string metrics(gil::Held& held, Engine& self) {
  (void)self.core();  // refuses in a forked child
  if (!self.metrics()) self.metrics() = std::make_unique<Metrics>(self.shared_core(), &read_findings);
  return gil::release(held, [](Metrics* metrics) { return metrics->text(); }, self.metrics().get());
}

void forget_server(Engine& self) {
  if (self.server()) self.server()->forget_in_child();
}

}  // namespace

void bind_serve(nb::module_& module, nb::class_<Engine>& engine) {
  engine
      .def("serve", &serve, nb::lock_self(), nb::arg("host"), nb::arg("port"), nb::arg("view").none(),
           nb::arg("token"), nb::arg("source_timeout").none(),
           "Starts the dashboard's server; returns its URLs.")
      .def("close_server", gil::entry<&close_server>, nb::lock_self(),
           "Ends the dashboard's server. GIL: released while waiting")
      .def("metrics", gil::entry<&metrics>, nb::lock_self(),
           "The text of /metrics for this pipeline. GIL: released")
      .def("forget_server", &forget_server, nb::lock_self(),
           "Closes the server's socket in the child of a fork.");
  module.def("set_gil_findings", &set_findings, nb::arg("capsule"),
             "Sets the table from which the server reads the GIL watch's findings without the GIL.");
}

}  // namespace freshframe::python
