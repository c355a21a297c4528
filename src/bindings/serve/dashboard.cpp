// The dashboard's server for Python: its start and its end, and the text of /metrics.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/look.hpp"
#include "freshframe/metrics.hpp"
#include "freshframe/serve.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "bindings/serve/gil_findings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

/// The name and the node of each served look.
using Looks = std::vector<std::pair<std::string, const NodeHandle*>>;

std::vector<ServedLook> served(const Looks& looks) {
  std::vector<ServedLook> out;
  for (const auto& [name, handle] : looks) {
    auto look = std::dynamic_pointer_cast<LookBack>(handle->added);
    if (!look) throw OptionError("look must contain Looks that were added, got '" + name + "'");
    out.push_back({name, std::move(look)});
  }
  return out;
}

std::vector<std::string> serve(Engine& self, const std::string& host, std::uint16_t port,
                               std::optional<std::vector<std::string>> view, const std::string& token,
                               const std::string& picture_token, std::optional<double> source_timeout,
                               const Looks& looks, double look_rate) {
  (void)self.core();  // refuses in a forked child
  if (self.server()) throw StateError("this pipeline is served already");
  self.server() =
      std::make_unique<Server>(self.shared_core(), ServeOptions{.host = host,
                                                                .port = port,
                                                                .view = std::move(view),
                                                                .token = token,
                                                                .picture_token = picture_token,
                                                                .look = served(looks),
                                                                .look_rate = look_rate,
                                                                .source_timeout = source_timeout,
                                                                .gil_findings = &read_gil_findings});
  return self.server()->urls();
}

void close_server(gil::Held& held, Engine& self) {
  if (self.forked() || !self.server()) return;
  const auto server = std::move(self.server());
  gil::release(held, [](Server* target) { target->close(); }, server.get());
}

std::string metrics(gil::Held& held, Engine& self) {
  (void)self.core();  // refuses in a forked child
  if (!self.metrics()) self.metrics() = std::make_unique<Metrics>(self.shared_core(), &read_gil_findings);
  return gil::release(held, [](Metrics* metrics) { return metrics->text(); }, self.metrics().get());
}

void forget_server(Engine& self) {
  if (self.server()) self.server()->forget_in_child();
}

}  // namespace

void bind_serve(nb::class_<Engine>& engine) {
  engine
      .def("serve", &serve, nb::lock_self(), nb::arg("host"), nb::arg("port"), nb::arg("view").none(),
           nb::arg("token"), nb::arg("picture_token"), nb::arg("source_timeout").none(), nb::arg("looks"),
           nb::arg("look_rate"), "Starts the dashboard's server; returns its URLs.")
      .def("close_server", gil::entry<&close_server>, nb::lock_self(),
           "Ends the dashboard's server. GIL: released while waiting")
      .def(
          "picture_token",
          [](Engine& self) { return self.server() ? self.server()->picture_token() : std::string(); },
          nb::lock_self(), "The token for pictures of the dashboard; empty: none is needed.")
      .def("metrics", gil::entry<&metrics>, nb::lock_self(),
           "The text of /metrics for this pipeline. GIL: released")
      .def("forget_server", &forget_server, nb::lock_self(),
           "Closes the server's socket in the child of a fork.");
}

}  // namespace freshframe::python
