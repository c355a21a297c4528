// The loop of Python sources.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"
#include "freshframe/queue.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/node/loop.hpp"
#include "bindings/node/results.hpp"
#include "bindings/results/value.hpp"
#include "core/edge/edge.hpp"
#include "core/edge/inbox.hpp"
#include "core/unit_text.hpp"

namespace nb = nanobind;
namespace freshframe::python {
namespace {

/// Logs a WARNING once if a live source yields samples faster than their timestamps, and full queues have
/// dropped some: it generates its samples and could wait. Sources that give `captured` are left alone, since
/// a device may deliver what it has buffered. Used on the source's thread.
class SourcePace {
 public:
  explicit SourcePace(core::Runner& runner) : runner_(runner) {}

  /// Call before a sample is published.
  void note(const SourceItem<Emitted>& item);
  /// Call when the source has ended by itself.
  void end() { check(0); }

 private:
  void check(double least_ahead);

  core::Runner& runner_;
  bool is_done_ = false;
  bool has_begun_ = false;
  TimePoint begin_{};
  double first_pts_ = 0;
  double last_pts_ = 0;
  double limit_ = 1;  // seconds by which pts may run ahead before the queues are checked
};

std::uint64_t count_full_drops(core::Runner& runner) {
  std::uint64_t dropped = 0;
  for (const auto& output : runner.outlet().outputs().newest()->edges) {
    const auto stats = output.inbox->inspect([&](const auto&) { return core::read_counts(*output.edge); });
    const auto found = stats.drops.find(DropCause::QueueFull);
    if (found != stats.drops.end()) dropped += found->second;
  }
  return dropped;
}

void SourcePace::note(const SourceItem<Emitted>& item) {
  if (is_done_) return;
  if (!has_begun_) {
    has_begun_ = true;
    begin_ = runner_.place().context().clock.now();
    first_pts_ = item.pts;
    is_done_ = !runner_.place().own_source()->live();
  }
  if (item.captured != TimePoint{}) is_done_ = true;
  last_pts_ = item.pts;
  check(limit_);
}

void SourcePace::check(double least_ahead) {
  if (is_done_ || !has_begun_) return;
  const double took = Seconds(runner_.place().context().clock.now() - begin_).count();
  const double span = last_pts_ - first_pts_;
  if (span <= 2 * took || span - took <= least_ahead) return;
  limit_ = std::max(limit_, 2 * (span - took));  // so that the queues are checked only a few times
  const auto dropped = count_full_drops(runner_);
  if (dropped == 0) return;
  is_done_ = true;
  log(LogLevel::Warning,
      "source '" + std::string(runner_.name()) + "' yields samples faster than their timestamps, " +
          core::measured_seconds_text(span) + " of them in " + core::measured_seconds_text(took) +
          ", and full queues have dropped " + std::to_string(dropped) +
          ": it is live, which is the default. Set live = False in its class to make it wait for slow "
          "consumers, or pace its read() with self.stop_token.every(1 / 30)");
}

constexpr const char* kYields = "Source.read() must yield (value, pts) or (value, pts, captured)";

bool publish(core::Runner& runner, SourceItem<Emitted>* item) {
  return runner.publish(std::move(*item), runner.place().context().clock.now(), core::waited_for_room());
}

// Returns true if publish() might wait, for an edge or for room in the frame budget.
bool would_wait(core::Runner& runner, const SourceItem<Emitted>& item) {
  return (item.value.frame && !runner.place().own_source()->live()) || runner.outlet().would_wait();
}

// Publishes with the GIL held, if nothing has to wait.
bool publish_next(gil::Held& held, Loop& loop, SourceItem<Emitted>& item) {
  if (loop.turn.has_time() && !would_wait(loop.runner, item)) return publish(loop.runner, &item);
  return without_gil<&publish>(held, loop, &item);
}
bool wait_for_go(core::Runner& runner) {
  return runner.wait_for_go();
}

double number(PyObject* object, const char* what) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw OptionTypeError(std::string(kYields) + "; " + what + " must be a number of seconds, got " +
                          describe_object(object));
  }
  if (!std::isfinite(value)) {
    throw OptionError(std::string("Source.read() yielded ") + what + " = " + describe_object(object) +
                      "; it must be a finite number of seconds");
  }
  return value;
}

// Describes an invalid item, and how to fix it.
std::string found_item(nb::handle item) {
  const bool is_array = nb::hasattr(item, "dtype") && nb::hasattr(item, "shape");
  if (is_array) {
    const nb::object shape = item.attr("shape");
    return "an array of shape " + describe_object(shape) + ": yield freshframe.Frame.from_array(array), pts";
  }
  const std::string found = describe_object(item);
  return found + (PyTuple_Check(item.ptr()) ? "" : ": yield the value and its time in seconds, value, pts");
}

// Parses an item of a source: (value, pts) or (value, pts, captured).
SourceItem<Emitted> parse_item(gil::Held& held, PyObject* item, std::span<const TypeInfo* const> wanted) {
  const auto size = PyTuple_Check(item) ? PyTuple_Size(item) : 0;
  if (size != 2 && size != 3) {
    throw OptionTypeError(std::string(kYields) + ", got " + found_item(item));
  }
  SourceItem<Emitted> output;
  output.value = from_python(held, PyTuple_GetItem(item, 0), wanted);
  output.pts = number(PyTuple_GetItem(item, 1), "pts");
  if (size == 3)
    output.captured = TimePoint(to_duration(Seconds(number(PyTuple_GetItem(item, 2), "captured"))));
  return output;
}

// Returns the next item, or nullopt at the end or with an exception set.
std::optional<SourceItem<Emitted>> next_item(gil::Held& held, Loop& loop, PyObject* iterator) {
  loop.runner.meter().begin_work();
  PyObject* item = PyIter_Next(iterator);
  leave_forked_child(loop);
  if (item == nullptr) {
    loop.runner.meter().set_state(NodeState::Waiting);
    return std::nullopt;
  }
  loop.runner.meter().end_read();
  std::optional<SourceItem<Emitted>> output;
  PyObject* converted = raw_call(held, [&] {
    output = parse_item(held, item, loop.runner.outlet().demand().types);
    check_demand(loop, output->value, PyTuple_GetItem(item, 0));
    return Py_NewRef(Py_None);
  });
  if (converted == nullptr) output.reset();
  Py_XDECREF(converted);
  Py_DECREF(item);
  return output;
}

PyObject* open_iterator(const Loop& loop) {
  PyObject* iterable = PyObject_CallMethod(loop.node, "read", nullptr);
  if (iterable == nullptr) return nullptr;
  PyObject* iterator = PyObject_GetIter(iterable);
  if (iterator == nullptr && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
    PyErr_Format(classes().option_type_error, "%s, as a generator does; it returned %R", kYields, iterable);
  }
  Py_DECREF(iterable);
  return iterator;
}

// Returns true for those of the package's own sources that get their values from the program, of which none
// may have the wanted type.
bool may_be_empty(const Loop& loop) {
  return nb::hasattr(nb::handle(loop.node), "_may_be_empty");
}

void source_loop(gil::Held& held, Loop& loop, PyObject* iterator) {
  bool has_given = false;
  SourcePace pace(loop.runner);
  while (true) {
    auto item = next_item(held, loop, iterator);
    if (!item) {
      if (PyErr_Occurred() != nullptr) {
        fail(held, loop, nullptr);
      } else if (!has_given && !loop.runner.life().stopping() && !may_be_empty(loop)) {
        log(LogLevel::Warning, "source '" + loop.runner.name() +
                                   "' ended without a sample: its read() yielded nothing. A generator that "
                                   "was used up yields nothing: create a new one in read()");
      } else if (!loop.runner.life().stopping()) {
        pace.end();
      }
      return;
    }
    has_given = true;
    pace.note(*item);
    if (!publish_next(held, loop, *item)) return;
    gil::DeferredFree::instance().drain(held);
  }
}

}  // namespace

void run_source(gil::Held& held, Loop& loop) {
  if (!without_gil<&wait_for_go>(held, loop)) return;
  PyObject* iterator = open_iterator(loop);
  if (iterator == nullptr) {
    fail(held, loop, nullptr);
    return;
  }
  source_loop(held, loop, iterator);
  PyObject* closed = call_if_there(iterator, "close");  // a generator's finally clauses run on this thread
  leave_forked_child(loop);
  Py_XDECREF(closed);
  if (closed == nullptr) fail(held, loop, nullptr);
  Py_DECREF(iterator);
}

}  // namespace freshframe::python
