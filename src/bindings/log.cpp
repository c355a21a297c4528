// Log lines of native threads for Python's logging: a bounded list, and a wait for the Python thread that empties
// it. It uses no descriptor, because a program that daemonizes closes all descriptors that it did not open.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bindings/engine.hpp"
#include "bindings/raw_call.hpp"
#include <pthread.h>

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

class LogLines {
 public:
  struct Line {
    int level;  // 0..3, or Python's number with a logger
    std::string text;
    std::string logger = {};  // of a record of a worker process; empty: the engine's
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

  /// Waits until there are lines; false: one call of end() is answered.
  bool wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !lines_.empty() || ends_ > 0; });
    if (ends_ == 0) return true;
    --ends_;
    return false;
  }

  /// Ends one wait(), of now or later.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ++ends_;
    }
    changed_.notify_one();
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
  int ends_ = 0;             // guarded by mutex_
};

// Never freed: outlives every thread. A forked child gets its own, since a thread that does not exist there may
// hold the mutex of its parent's.
std::atomic<LogLines*> current_lines{nullptr};

LogLines& log_lines() {
  return *current_lines.load(std::memory_order_acquire);
}

void renew_log_lines() {
  current_lines.store(new LogLines, std::memory_order_release);
}

PyObject* wait_log(gil::Held& held, PyObject* /*module*/, PyObject* /*unused*/) {
  return raw_call(held,
                  [&] { return PyBool_FromLong(gil::release(held, [] { return log_lines().wait(); })); });
}

PyMethodDef wait_log_method = {"wait_log", gil::entry<&wait_log>, METH_NOARGS,
                               "wait_log()\n--\n\nWaits until there are lines to take; False: end_log() was "
                               "called. GIL: released while waiting"};

void collect_log(bool on) {
  if (on) {
    set_log_sink([](LogLevel level, std::string_view line) {
      log_lines().push({static_cast<int>(level), std::string(line)});
    });
  } else {
    set_log_sink({});
  }
}

nb::object text_of(const std::string& text) {
  // Names in files need not be UTF-8.
  nb::object result =
      nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
  if (!result.is_valid()) throw nb::python_error();
  return result;
}

nb::list take_log() {
  nb::list result;
  for (const auto& line : log_lines().take()) {
    result.append(nb::make_tuple(line.level, text_of(line.text), text_of(line.logger)));
  }
  return result;
}

}  // namespace

void log_record(int level, const std::string& logger, const std::string& text) {
  log_lines().push({level, text, logger});
}

void bind_log(nb::module_& module) {
  renew_log_lines();
  pthread_atfork(nullptr, nullptr, &renew_log_lines);
  module.def("collect_log", &collect_log, nb::arg("on"),
             "Collects the log lines of the engine from now on, or drops them.");
  module.def(
      "take_log", &take_log,
      "Removes and returns the collected lines: (level 0..3, text, \"\") each, or (Python's level, text, "
      "logger) of a worker.");
  module.attr("wait_log") = nb::steal(PyCFunction_NewEx(&wait_log_method, nullptr, nullptr));
  module.def("end_log", [] { log_lines().end(); }, "Ends one wait_log(): the present one or the next.");
}

}  // namespace freshframe::python
