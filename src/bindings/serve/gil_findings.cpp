// Reads the findings of the GIL watch from the table that the module _gil has given.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/serve/gil_findings.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

#include "bindings/parts.hpp"
#include "gil_watch/watch/findings_table.hpp"

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

void set_findings(const nb::capsule& capsule) {
  const auto* table =
      static_cast<const gil::FindingsTable*>(PyCapsule_GetPointer(capsule.ptr(), gil::kFindingsCapsule));
  if (table == nullptr) throw nb::python_error();
  findings_table.store(table, std::memory_order_release);
}

}  // namespace

GilFindings read_gil_findings() {
  GilFindings found;
  if (const auto* table = findings_table.load(std::memory_order_acquire)) {
    const gil::FindingsSink sink{&found, &take_totals, &take_culprit, &take_stall};
    table->read(&sink);
  }
  return found;
}

void bind_gil_findings(nb::module_& module) {
  module.def("set_gil_findings", &set_findings, nb::arg("capsule"),
             "Sets the table from which the server reads the GIL watch's findings without the GIL.");
}

}  // namespace freshframe::python
