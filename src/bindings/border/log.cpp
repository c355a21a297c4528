// Passes log lines of native threads to Python's logging: a bounded list, and a wait for the Python thread
// that empties it. Does not wake that thread through a file descriptor, because a program that daemonizes
// closes all of them.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/border/log.hpp"

#include "freshframe/clock.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/log.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

class LogLines {
 public:
  struct Line {
    int level;  // a LogLevel, or one of Python's levels if `logger` is not empty
    std::string text;
    std::string logger = {};  // the logger of a worker process's record; empty for the engine's logger
  };

  void push(Line line) {
    {
      const std::lock_guard lock(mutex_);
      if (lines_.size() >= kMaxLines) {
        ++lost_;
        return;
      }
      lines_.push_back(std::move(line));
    }
    changed_.notify_one();
  }

  /// Waits until there are lines, until wake() was called more than `seen` times, or until the timeout.
  /// Returns the number of calls of wake() so far, so that each waiting thread sees every call, including
  /// those before its wait.
  std::uint64_t wait(std::optional<Seconds> timeout, std::uint64_t seen) {
    std::unique_lock lock(mutex_);
    const auto ready = [&] { return !lines_.empty() || wakes_ != seen; };
    if (timeout) {
      changed_.wait_for(lock, *timeout, ready);
    } else {
      changed_.wait(lock, ready);
    }
    return wakes_;
  }

  void wake() {
    {
      const std::lock_guard lock(mutex_);
      ++wakes_;
    }
    changed_.notify_all();
  }

  std::vector<Line> take() {
    std::vector<Line> lines;
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
    if (lost_ > 0) {
      lines.push_back({static_cast<int>(LogLevel::Warning),
                       std::to_string(lost_) + " log lines were lost: they arrived too fast"});
      lost_ = 0;
    }
    return lines;
  }

 private:
  static constexpr std::size_t kMaxLines = 1024;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Line> lines_;  // guarded by mutex_
  std::uint64_t lost_ = 0;   // guarded by mutex_
  std::uint64_t wakes_ = 0;  // guarded by mutex_
};

LogLines& log_lines() {
  return forks::PerProcess<LogLines>::get();
}

PyObject* wait_log(gil::Held& held, PyObject* /*module*/, PyObject* arguments) {
  return raw_call(held, [&]() -> PyObject* {
    PyObject* seconds = nullptr;
    unsigned long long seen = 0;
    if (PyArg_ParseTuple(arguments, "OK:wait_log", &seconds, &seen) == 0) return nullptr;
    std::optional<Seconds> timeout;
    if (seconds != Py_None) {
      timeout = Seconds(PyFloat_AsDouble(seconds));
      if (PyErr_Occurred() != nullptr) return nullptr;
    }
    const auto wakes = gil::release(
        held,
        [](std::optional<Seconds> limit, std::uint64_t before) { return log_lines().wait(limit, before); },
        timeout, static_cast<std::uint64_t>(seen));
    return PyLong_FromUnsignedLongLong(wakes);
  });
}

PyMethodDef wait_log_method = {
    "wait_log", gil::entry<&wait_log>, METH_VARARGS,
    "wait_log(seconds, seen, /)\n--\n\nWaits until there are log lines, until the total of wake_log() calls "
    "and pipeline failures exceeds `seen`, or for `seconds` (None means no limit). Returns that total. GIL: "
    "released while waiting"};

void collect_log(bool on) {
  if (on) {
    set_log_sink([](LogLevel level, std::string_view line) {
      log_lines().push({static_cast<int>(level), std::string(line)});
    });
  } else {
    set_log_sink({});
  }
}

nb::list take_log() {
  nb::list result;
  for (const auto& line : log_lines().take()) {
    result.append(nb::make_tuple(line.level, python_text(line.text), python_text(line.logger)));
  }
  return result;
}

}  // namespace

void wake_log() {
  log_lines().wake();
}

void log_record(int level, const std::string& logger, const std::string& text) {
  log_lines().push({level, text, logger});
}

void bind_log(nb::module_& module) {
  module.def("collect_log", &collect_log, nb::arg("on"),
             "Collects the engine's log lines from now on, or drops them.");
  module.def(
      "take_log", &take_log,
      "Removes and returns the collected lines: (level 0 to 3, text, \"\") for the engine, (Python's level, "
      "text, logger) for a worker.");
  module.attr("wait_log") = nb::steal(PyCFunction_NewEx(&wait_log_method, nullptr, nullptr));
  module.def("wake_log", &wake_log, "Ends the current or next wait_log() of every thread.");
}

}  // namespace freshframe::python
