// The module call_guard: one expensive function with the GIL held, released around it, released inside.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstdint>
#include <vector>

#include "expensive.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

namespace gil = freshframe::gil;
namespace nb = nanobind;

namespace {

using Numbers = std::vector<std::int64_t>;

// No other thread can run Python in the meantime, so five calls take five times as long as one.
std::int64_t held(const Numbers& numbers, double seconds, bool compute) {
  return expensive(numbers, seconds, compute);
}

// The call guard: bound with gil::entry, a function whose first parameter is gil::Released runs without the GIL from
// its first line to its last. nanobind converts the arguments to plain data before the call.
std::int64_t released(gil::Released& /*released*/, const Numbers& numbers, double seconds, bool compute) {
  return expensive(numbers, seconds, compute);
}

// Handles Python objects before and after, and releases the GIL only for the expensive part.
nb::dict scoped(gil::Held& held, const nb::list& numbers, double seconds, bool compute) {
  Numbers plain;
  plain.reserve(numbers.size());
  for (const nb::handle number : numbers) {
    if (!nb::try_cast(number, plain.emplace_back()))
      throw nb::type_error("numbers must be integers of 64 bits");
  }

  const std::int64_t sum = gil::release(
      held, [](const Numbers& n, double s, bool c) { return expensive(n, s, c); }, plain, seconds, compute);

  nb::dict result;
  result["count"] = plain.size();
  result["sum"] = sum;
  return result;
}

}  // namespace

NB_MODULE(call_guard, module) {
  const nb::arg numbers("numbers");
  const nb::arg seconds("seconds");
  const auto compute = nb::arg("compute") = false;
  module.def("held", &held, numbers, seconds, compute, "The sum, with the GIL.\n\nGIL: held");
  module.def("released", gil::entry<&released>, numbers, seconds, compute,
             "The sum, without the GIL from the first line to the last.\n\nGIL: released");
  module.def("scoped", gil::entry<&scoped>, numbers, seconds, compute,
             "A dict with count and sum; without the GIL where they are summed up.\n\nGIL: released");
  module.def(
      "take_most_inside", [] { return presence.take_most(); },
      "The most calls that were in the expensive part at once, since the last time.\n\nGIL: held");
}
