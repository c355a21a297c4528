// Parsing of options.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/add_arguments.hpp"

#include "freshframe/error.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

WhenFull parse_when_full(const std::string& name) {
  if (name == "drop_oldest") return WhenFull::DropOldest;
  if (name == "drop_newest") return WhenFull::DropNewest;
  if (name == "block") return WhenFull::Block;
  throw OptionError("when_full must be drop_oldest, drop_newest or block, got '" + name + "'");
}

OnError parse_on_error(const std::string& name) {
  if (name == "stop") return OnError::Stop;
  if (name == "skip") return OnError::Skip;
  throw OptionError("on_error must be 'stop' or 'skip', got '" + name + "'");
}

}  // namespace

std::optional<Queue> parse_queue(const std::optional<AddArguments::QueueTuple>& queue) {
  if (!queue) return std::nullopt;
  const auto& [depth, when_full, max_seconds, max_bytes] = *queue;
  return Queue{depth, parse_when_full(when_full), max_seconds, max_bytes};
}

AddOptions AddArguments::options() const {
  return {name, parse_queue(queue), parse_on_error(on_error), max_age};
}

AddArguments add_arguments(const nb::dict& options) {
  AddArguments result;
  result.name = nb::cast<std::string>(options["name"]);
  result.queue = nb::cast<std::optional<AddArguments::QueueTuple>>(options["queue"]);
  result.on_error = nb::cast<std::string>(options["on_error"]);
  if (const nb::object max_age = options["max_age"]; !nb::try_cast(max_age, result.max_age)) {
    throw OptionTypeError("max_age must be a number of seconds or None, got " +
                          std::string(nb::repr(max_age).c_str()));
  }
  return result;
}

}  // namespace freshframe::python
