// Log lines of native threads on their way to Python's logging: a bounded list that the interpreter is asked
// to empty. SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "python/python_engine.hpp"
#include <pthread.h>

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

class LogLines {
 public:
  struct Line {
    LogLevel level;
    std::string text;
  };

  void push(LogLevel level, std::string_view text) {
    bool call = false;
    {
      const std::lock_guard lock(mutex_);
      if (lines_.size() >= kMaxLines) {
        ++lost_;
        return;
      }
      lines_.push_back({level, std::string(text)});
      call = !std::exchange(called_, true);
    }
    if (call && Py_AddPendingCall(&drain_pending, nullptr) != 0) {
      const std::lock_guard lock(mutex_);
      called_ = false;  // the interpreter's list was full; the next line tries again
    }
  }

  std::vector<Line> take() {
    std::vector<Line> lines;
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
    called_ = false;
    if (lost_ > 0) {
      lines.push_back(
          {LogLevel::Warning, std::to_string(lost_) + " log lines were lost: they came too fast"});
      lost_ = 0;
    }
    return lines;
  }

  static int drain_pending(void* unused);

 private:
  static constexpr std::size_t kMaxLines = 1024;

  std::mutex mutex_;
  std::vector<Line> lines_;  // guarded by mutex_
  std::uint64_t lost_ = 0;   // guarded by mutex_
  bool called_ = false;      // guarded by mutex_: the interpreter was asked to drain
};

// Never freed: outlives every thread. A forked child gets its own, since a thread that it does not have may
// hold the mutex of its parent's.
std::atomic<LogLines*> current_lines{nullptr};

LogLines& log_lines() {
  return *current_lines.load(std::memory_order_acquire);
}

void renew_log_lines() {
  current_lines.store(new LogLines, std::memory_order_release);
}

PyObject*& handler() {
  static PyObject* function = nullptr;  // set once, kept for the process
  return function;
}

// Calls handler(level, text) for each line; false with an exception set when it raised.
bool drain() {
  for (const auto& line : log_lines().take()) {
    // "N" takes the string over, also a null one; names in files need not be UTF-8.
    PyObject* text =
        PyUnicode_DecodeUTF8(line.text.data(), static_cast<Py_ssize_t>(line.text.size()), "replace");
    PyObject* result = PyObject_CallFunction(handler(), "iN", static_cast<int>(line.level), text);
    if (result == nullptr) return false;
    Py_DECREF(result);
  }
  return true;
}

int LogLines::drain_pending(void* /*unused*/) {
  if (handler() == nullptr) return 0;
  if (!drain()) PyErr_WriteUnraisable(handler());  // never into whatever code runs now
  return 0;
}

void set_log_handler(nb::object function) {
  Py_XDECREF(std::exchange(handler(), nullptr));
  if (function.is_none()) {
    set_log_sink({});
    return;
  }
  handler() = function.release().ptr();
  set_log_sink([](LogLevel level, std::string_view line) { log_lines().push(level, line); });
}

void drain_log() {
  if (handler() != nullptr && !drain()) throw nb::python_error();
}

}  // namespace

void bind_log(nb::module_& module) {
  renew_log_lines();
  pthread_atfork(nullptr, nullptr, &renew_log_lines);
  module.def(
      "set_log_handler", &set_log_handler, nb::arg("handler").none(),
      "Sends log lines to handler(level 0..3, text), on the main thread, soon; None: nowhere. GIL: held");
  module.def("drain_log", &drain_log, "Sends what waits now. GIL: held");
}

}  // namespace freshframe::python
