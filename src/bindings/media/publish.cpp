// Publish: streams to media servers.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/publish.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

/// The options that the package has checked.
PublishOptions publish_options(const nb::dict& given) {
  PublishOptions options;
  options.codec = nb::cast<std::string>(given["codec"]);
  options.quality = nb::cast<int>(given["quality"]);
  options.speed = encoder_speed_of(nb::cast<std::string>(given["speed"]));
  options.options = nb::cast<std::map<std::string, std::string>>(given["options"]);
  options.key_interval = nb::cast<double>(given["key_interval"]);
  options.max_age = nb::cast<double>(given["max_age"]);
  options.timeout = nb::cast<double>(given["timeout"]);
  return options;
}

std::unique_ptr<NodeHandle> make_publish(const std::string& url, const nb::dict& given, bool copies) {
  const auto options = publish_options(given);
  if (copies) return handle_of(std::make_unique<PacketPublish>(url, options));
  return handle_of(std::make_unique<Publish>(url, options));
}

/// Calls `deed` with the Publish or PacketPublish.
template <class Deed>
auto with_publish(const NodeHandle& self, const Deed& deed) {
  self.guard.check("the Publish");
  if (auto* const packets = dynamic_cast<PacketPublish*>(&self.get())) return deed(*packets);
  if (auto* const frames = dynamic_cast<Publish*>(&self.get())) return deed(*frames);
  throw OptionTypeError("not a Publish");
}

/// The arguments of the package's class PublishStats.
using PublishCounters =
    std::tuple<std::string, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::string>;
PublishCounters publish_stats(const NodeHandle& self) {
  const auto stats = with_publish(self, [](const auto& node) { return node.stats(); });
  return {std::string(to_string(stats.state)),
          stats.connections,
          stats.sent,
          stats.away,
          stats.slow,
          stats.error};
}

}  // namespace

void bind_publish(nb::module_& module) {
  module.def("make_publish", &make_publish, nb::arg("url"), nb::arg("options"), nb::arg("copies"),
             "`copies`: it takes packets and encodes nothing.");
  module.def("publish_stats", &publish_stats, nb::arg("node"));
  module.def(
      "publish_url",
      [](const NodeHandle& self) { return with_publish(self, [](const auto& n) { return n.url(); }); },
      nb::arg("node"), "With its password masked.");
}

}  // namespace freshframe::python
