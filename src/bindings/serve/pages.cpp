// A server of pages without a pipeline: Python sets its answers.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/serve.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

class Pages {
 public:
  Pages(const std::string& host, std::uint16_t port, const std::string& token, const std::string& home)
      : documents_(std::make_shared<Documents>()),
        server_(std::make_unique<Server>(
            ServeOptions{.host = host, .port = port, .token = token, .documents = documents_, .home = home})),
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
  [[nodiscard]] std::uint64_t asked() const noexcept { return documents_->asked(); }
  [[nodiscard]] const std::vector<std::string>& urls() const noexcept { return urls_; }
  [[nodiscard]] std::unique_ptr<Server> take_server() noexcept { return std::move(server_); }
  // The server's threads do not exist in a child: its socket is closed, and the rest is leaked.
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
  nb::class_<Pages>(module, "Pages", nb::is_final(),
                    "An HTTP server for the program's own pages. Not an interface.")
      .def(nb::init<const std::string&, std::uint16_t, const std::string&, const std::string&>(),
           nb::arg("host"), nb::arg("port"), nb::arg("token"), nb::arg("home"))
      .def("set", &Pages::set, nb::arg("path"), nb::arg("type"), nb::arg("body"), nb::arg("status"),
           "Sets the answer at a path.")
      .def("set_for", &Pages::set_for, nb::arg("path"), nb::arg("body"), nb::arg("seconds"), nb::arg("after"),
           "Sets the answer at a path, with status 200, for `seconds`. Then the answer is the text "
           "`after`, with status 503.")
      .def_prop_ro("asked", &Pages::asked, "The number of requests for these pages.")
      .def_prop_ro("urls", &Pages::urls, "The URLs of the server, with the token if there is one.")
      .def("close", gil::entry<&close>, "Ends the server. GIL: released while waiting")
      .def("forget_in_child", &Pages::forget_in_child, "Closes the server's socket in the child of a fork.");
}

}  // namespace freshframe::python
