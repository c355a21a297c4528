// Python bindings of the dashboard's server, of /metrics, and of a server whose pages Python provides.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil_findings.hpp"
#include "freshframe/metrics.hpp"
#include "freshframe/serve.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "gil_watch/watch/findings_table.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

namespace freshframe::python {

/// Runs on the server's thread, without the GIL.
[[nodiscard]] GilFindings read_gil_findings();

}  // namespace freshframe::python

namespace nb = nanobind;

namespace freshframe::python {

namespace {

// A function of the module _gil, which is never unloaded; null until a watch has been started.
std::atomic<const gil::FindingsTable*> findings_table{nullptr};

void take_totals(void* context, int watching, std::uint64_t stalls, double stalled) {
  auto& found = *static_cast<GilFindings*>(context);
  found.watching = watching != 0;
  found.stalls = stalls;
  found.stalled_total = stalled;
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

namespace nb = nanobind;

namespace freshframe::python {

namespace {

/// The dashboard's server and the metrics of one engine; null until requested.
struct Served final : Attachment {
  std::unique_ptr<Server> server;
  std::unique_ptr<Metrics> metrics;

  void forget_in_child() noexcept override {
    if (auto* left = server.release()) left->forget_in_child();
  }
};

Served& get_served(Engine& engine) {
  if (!engine.get_served()) engine.get_served() = std::make_unique<Served>();
  return static_cast<Served&>(*engine.get_served());
}

std::vector<std::string> serve(Engine& self, const std::string& host, std::uint16_t port,
                               std::optional<std::vector<std::string>> view, const std::string& token,
                               const std::string& picture_token, std::optional<double> away_after,
                               std::vector<std::string> looks, double looks_per_minute,
                               std::vector<std::string> origins) {
  (void)self.core();  // throws in a forked child
  auto& server = get_served(self).server;
  if (server) throw StateError("this pipeline is already served");
  server = std::make_unique<Server>(self.shared_core(), ServeOptions{.host = host,
                                                                     .port = port,
                                                                     .view = std::move(view),
                                                                     .token = token,
                                                                     .picture_token = picture_token,
                                                                     .origins = std::move(origins),
                                                                     .look = std::move(looks),
                                                                     .looks_per_minute = looks_per_minute,
                                                                     .away_after = away_after,
                                                                     .gil_findings = &read_gil_findings});
  return server->urls();
}

void close_server(gil::Held& held, Engine& self) {
  if (self.has_forked()) return;
  const auto server = std::move(get_served(self).server);
  if (server) gil::release(held, [](Server* target) { target->close(); }, server.get());
}

std::string metrics(gil::Held& held, Engine& self) {
  (void)self.core();  // throws in a forked child
  auto& metrics = get_served(self).metrics;
  if (!metrics) metrics = std::make_unique<Metrics>(self.shared_core(), &read_gil_findings);
  return gil::release(held, [](Metrics* kept) { return kept->text(); }, metrics.get());
}

void forget_server(Engine& self) {
  if (auto& server = get_served(self).server) server->forget_in_child();
}

}  // namespace

void bind_serve(nb::class_<Engine>& engine) {
  engine
      .def("serve", &serve, nb::lock_self(), nb::arg("host"), nb::arg("port"), nb::arg("view").none(),
           nb::arg("token"), nb::arg("picture_token"), nb::arg("away_after").none(), nb::arg("looks"),
           nb::arg("looks_per_minute"), nb::arg("origins"),
           "Starts the dashboard's server and returns its URLs.")
      .def("close_server", gil::entry<&close_server>, nb::lock_self(),
           "Stops the dashboard's server. GIL: released while waiting")
      .def(
          "picture_token",
          [](Engine& self) {
            const auto& server = get_served(self).server;
            return server ? server->picture_token() : std::string();
          },
          nb::lock_self(),
          "The token that permits reading images from the dashboard; empty if none is needed.")
      .def(
          "camera_tokens",
          [](Engine& self) {
            const auto& server = get_served(self).server;
            return server ? server->camera_tokens() : std::map<std::string, std::string>();
          },
          nb::lock_self(),
          "The tokens in the links of the sources to which browsers send video, keyed by name.")
      .def("metrics", gil::entry<&metrics>, nb::lock_self(),
           "Returns the text of /metrics for this pipeline. GIL: released")
      .def("forget_server", &forget_server, nb::lock_self(),
           "Closes the server's sockets in a forked child.");
}

namespace {

class Pages {
 public:
  Pages(const std::string& host, std::uint16_t port, const std::string& token)
      : documents_(std::make_shared<Documents>()),
        server_(std::make_unique<Server>(
            ServeOptions{.host = host, .port = port, .token = token, .documents = documents_})),
        urls_(server_->urls()) {}

  void set(std::string path, std::string type, const nb::bytes& body, unsigned status) {
    documents_->set(std::move(path),
                    {.type = std::move(type), .body = {body.c_str(), body.size()}, .status = status});
  }
  void set_for(std::string path, const nb::bytes& body, double seconds, const std::string& after) {
    const std::string type = "text/plain; charset=utf-8";
    documents_->set(std::move(path), {.type = type, .body = {body.c_str(), body.size()}, .status = 200},
                    seconds, {.type = type, .body = after, .status = 503});
  }
  [[nodiscard]] std::uint64_t request_count() const noexcept { return documents_->request_count(); }
  [[nodiscard]] const std::vector<std::string>& urls() const noexcept { return urls_; }
  [[nodiscard]] std::unique_ptr<Server> take_server() noexcept { return std::move(server_); }
  // The server's threads do not exist in a forked child, so only its socket is closed and the rest is leaked.
  void forget_in_child() noexcept {
    if (auto* server = server_.release()) server->forget_in_child();
  }

 private:
  std::shared_ptr<Documents> documents_;
  std::unique_ptr<Server> server_;
  std::vector<std::string> urls_;
};

void close(gil::Held& held, Pages& self) {
  if (const auto server = self.take_server()) {
    gil::release(held, [](Server* target) { target->close(); }, server.get());
  }
}

}  // namespace

void bind_pages(nb::module_& module) {
  nb::class_<Pages>(module, "Pages", nb::is_final(), "An HTTP server for the program's own pages. Private.")
      .def(nb::init<const std::string&, std::uint16_t, const std::string&>(), nb::arg("host"),
           nb::arg("port"), nb::arg("token"))
      .def("set", &Pages::set, nb::arg("path"), nb::arg("type"), nb::arg("body"), nb::arg("status"),
           "Sets the response for a path.")
      .def("set_for", &Pages::set_for, nb::arg("path"), nb::arg("body"), nb::arg("seconds"), nb::arg("after"),
           "Sets the response for a path, with status 200, for `seconds`. After that the response is "
           "`after`, with status 503.")
      .def_prop_ro("asked", &Pages::request_count, "Number of requests for these pages.")
      .def_prop_ro("urls", &Pages::urls, "The server's URLs, with the token if there is one.")
      .def("close", gil::entry<&close>, "Stops the server. GIL: released while waiting")
      .def("forget_in_child", &Pages::forget_in_child, "Closes the server's sockets in a forked child.");
}

}  // namespace freshframe::python
