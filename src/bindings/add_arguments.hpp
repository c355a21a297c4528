// The options of add() and reader() as Python gives them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"
#include "freshframe/queue.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include <nanobind/nanobind.h>

namespace freshframe::python {

struct AddArguments {
  using QueueTuple = std::tuple<int, std::string, double, std::int64_t>;

  std::string name;
  std::optional<QueueTuple> queue;
  std::string on_error = "stop";
  std::optional<double> max_age;

  [[nodiscard]] AddOptions options() const;
};

[[nodiscard]] AddArguments add_arguments(const nanobind::dict& options);
[[nodiscard]] std::optional<Queue> parse_queue(const std::optional<AddArguments::QueueTuple>& queue);

}  // namespace freshframe::python
