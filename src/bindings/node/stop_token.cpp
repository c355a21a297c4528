// The StopToken class.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "bindings/node/stop_token.hpp"

#include "freshframe/error.hpp"

#include <cmath>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

bool stop_wait(gil::Held& held, StopToken& self, nb::handle given) {
  double seconds = 0;
  if (!nb::try_cast(given, seconds)) {
    throw OptionTypeError("wait() needs a number of seconds, got " + describe_object(given));
  }
  if (std::isnan(seconds)) throw OptionError("wait() needs a number of seconds, got nan");
  if (self.token.stop_requested() || seconds <= 0) return self.token.stop_requested();
  gil::release(
      held,
      [](const std::stop_token* token, const Clock* clock, double span) {
        clock->sleep_until(clock->now() + to_duration(Seconds(span)), *token);
      },
      &self.token, self.clock.get(), seconds);
  return self.token.stop_requested();
}

}  // namespace

void bind_stop_token(nb::module_& module) {
  module.def(
      "unset_stop_token", [] { return StopToken{{}, Clock::real()}; },
      "The stop signal of a node without a pipeline: it is never set.");
  nb::class_<StopToken>(module, "StopToken", nb::is_final(),
                        "The stop signal of a node or source, its `stop_token`.")
      .def_prop_ro(
          "stopped", [](const StopToken& self) { return self.token.stop_requested(); },
          "True once the pipeline stops or the node is removed.")
      .def(
          "__bool__", [](const StopToken& self) { return self.token.stop_requested(); }, "As `stopped`.")
      .def(
          "__reduce__",
          [](const StopToken&) {
            return nb::make_tuple(nb::module_::import_("freshframe._graph.node").attr("unset_stop_token"),
                                  nb::make_tuple());
          },
          "A copy, even one by pickle, is never set: another run has another signal.")
      .def("wait", gil::entry<&stop_wait>, nb::arg("seconds").none(),
           nb::sig("def wait(self, seconds: float) -> bool"),
           "Sleeps for `seconds`, or until the signal is set; returns `stopped`. Use it instead of "
           "time.sleep(). "
           "GIL: released while waiting");
}

}  // namespace freshframe::python
