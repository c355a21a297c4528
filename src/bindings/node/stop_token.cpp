// The StopToken class.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "bindings/node/stop_token.hpp"

#include "freshframe/error.hpp"

#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "core/pacer.hpp"

namespace nb = nanobind;

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::core::Pacer> = true;

namespace freshframe::python {
namespace {

double seconds_of(nb::handle given, const char* who) {
  double seconds = 0;
  const std::string wanted = std::string(who) + " needs a number of seconds, got ";
  if (!nb::try_cast(given, seconds)) throw OptionTypeError(wanted + describe_object(given));
  if (std::isnan(seconds)) throw OptionError(wanted + "nan");
  return seconds;
}

bool stop_wait(gil::Held& held, StopToken& self, nb::handle given) {
  const double seconds = seconds_of(given, "wait()");
  if (self.token.stop_requested() || seconds <= 0) return self.token.stop_requested();
  gil::release(
      held,
      [](const std::stop_token* token, const Clock* clock, double span) {
        clock->sleep_until(clock->now() + to_duration(Seconds(span)), *token);
      },
      &self.token, self.clock.get(), seconds);
  return self.token.stop_requested();
}

/// The iterator of StopToken.every().
struct Ticks {
  StopToken stop;
  double seconds;
  core::Pacer pacer;
  // Atomic for Python without a GIL; behind a pointer, so that Ticks can be moved.
  std::unique_ptr<std::atomic_flag> is_waited_for = std::make_unique<std::atomic_flag>();
};

/// The one thread that waits for the next tick. Taken before the GIL is released, since a Pacer is not
/// thread-safe.
class Turn {
 public:
  explicit Turn(std::atomic_flag* taken) : taken_(taken) {
    if (taken_->test_and_set()) {
      throw StateError(
          "another thread is waiting for the next tick of this iterator: call stop_token.every() once in "
          "each thread");
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { taken_->clear(); }

 private:
  std::atomic_flag* taken_;
};

Ticks make_ticks(const StopToken& self, nb::handle given) {
  constexpr double kShortest = 1e-6;  // the pacer counts the ticks since the start in 64 bits
  const double seconds = seconds_of(given, "every()");
  if (!(seconds >= kShortest) || std::isinf(seconds)) {
    throw OptionError(
        "every() needs a finite number of seconds, at least 0.000001, for example 1 / 30, got " +
        describe_object(given));
  }
  return {.stop = self, .seconds = seconds, .pacer = core::Pacer(1 / seconds)};
}

double next_tick(gil::Held& held, Ticks& self) {
  const Turn turn(self.is_waited_for.get());
  std::optional<core::Pacer::Tick> tick;
  gil::release(
      held,
      [](core::Pacer* pacer, const Clock* clock, const std::stop_token* token,
         std::optional<core::Pacer::Tick>* next) { *next = pacer->next(*clock, *token); },
      &self.pacer, self.stop.clock.get(), &self.stop.token, &tick);
  if (!tick) throw nb::stop_iteration();
  return static_cast<double>(tick->n) * self.seconds;
}

void bind_ticks(nb::module_& module) {
  nb::class_<Ticks>(module, "Ticks", nb::is_final(), "The iterator of StopToken.every().")
      .def(
          "__iter__", [](nb::handle_t<Ticks> self) { return nb::borrow(self); },
          nb::sig("def __iter__(self) -> Ticks"))
      .def("__next__", gil::entry<&next_tick>, nb::sig("def __next__(self) -> float"),
           "Waits for the next tick.\n\nRaises:\n    StateError: Another thread is already waiting.\nGIL: "
           "released");
}

}  // namespace

void bind_stop_token(nb::module_& module) {
  bind_ticks(module);
  module.def(
      "unset_stop_token", [] { return StopToken{{}, Clock::real()}; },
      "The stop token of a node without a pipeline, which is never set.");
  nb::class_<StopToken>(module, "StopToken", nb::is_final(),
                        "The stop signal of a node or source: its `stop_token`.")
      .def_prop_ro(
          "stopped", [](const StopToken& self) { return self.token.stop_requested(); },
          "True once the pipeline stops or the node is removed.")
      .def(
          "__bool__", [](const StopToken& self) { return self.token.stop_requested(); }, "Same as `stopped`.")
      .def(
          "__reduce__",
          [](const StopToken&) {
            return nb::make_tuple(nb::module_::import_("freshframe._graph.node").attr("unset_stop_token"),
                                  nb::make_tuple());
          },
          "A copy, including a pickled one, is never set, because the signal belongs to one run.")
      .def("wait", gil::entry<&stop_wait>, nb::arg("seconds").none(),
           nb::sig("def wait(self, seconds: float) -> bool"),
           "Sleeps for `seconds`, or until the signal is set; returns `stopped`. Use it instead of "
           "time.sleep(). "
           "GIL: released while waiting")
      .def("every", &make_ticks, nb::arg("seconds").none(),
           nb::sig("def every(self, seconds: float) -> collections.abc.Iterator[float]"),
           "Paces a loop: ``for pts in self.stop_token.every(1 / 30)`` runs 30 times per second, until the "
           "signal is set.\n\nYields 0.0 immediately, then each multiple of `seconds` when it is due, "
           "counted from the first. So the loop does not drift, however long its body takes. If the body "
           "took longer than `seconds`, the latest tick that is due follows immediately, and earlier ones "
           "are skipped.\n\nArgs:\n    seconds: At least 0.000001.\n\nRaises:\n    OptionError: seconds is "
           "out of range.\n    OptionTypeError: seconds is not a number.\nGIL: released while waiting");
}

}  // namespace freshframe::python
