// Log lines of native threads on their way to Python's logging: a bounded list and a descriptor that wakes
// the Python thread which empties it. SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "python/python_engine.hpp"
#include "python/wake_up.hpp"
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
    {
      const std::lock_guard lock(mutex_);
      if (lines_.size() >= kMaxLines) {
        ++lost_;
        return;
      }
      lines_.push_back({level, std::string(text)});
    }
    wake_up_.set();
  }

  std::vector<Line> take() {
    wake_up_.reset();
    std::vector<Line> lines;
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
    if (lost_ > 0) {
      lines.push_back(
          {LogLevel::Warning, std::to_string(lost_) + " log lines were lost: they came too fast"});
      lost_ = 0;
    }
    return lines;
  }

  WakeUp& wake_up() { return wake_up_; }

 private:
  static constexpr std::size_t kMaxLines = 1024;

  WakeUp wake_up_;
  std::mutex mutex_;
  std::vector<Line> lines_;  // guarded by mutex_
  std::uint64_t lost_ = 0;   // guarded by mutex_
};

// Never freed: outlives every thread. A forked child gets its own, since a thread that it does not have may
// hold the mutex of its parent's, and the parent's descriptor would wake both.
std::atomic<LogLines*> current_lines{nullptr};

LogLines& log_lines() {
  return *current_lines.load(std::memory_order_acquire);
}

void renew_log_lines() {
  current_lines.store(new LogLines, std::memory_order_release);
}

void collect_log(bool on) {
  if (on) {
    set_log_sink([](LogLevel level, std::string_view line) { log_lines().push(level, line); });
  } else {
    set_log_sink({});
  }
}

nb::list take_log() {
  nb::list result;
  for (const auto& line : log_lines().take()) {
    // Names in files need not be UTF-8.
    nb::object text = nb::steal(
        PyUnicode_DecodeUTF8(line.text.data(), static_cast<Py_ssize_t>(line.text.size()), "replace"));
    if (!text.is_valid()) throw nb::python_error();
    result.append(nb::make_tuple(static_cast<int>(line.level), text));
  }
  return result;
}

}  // namespace

void bind_log(nb::module_& module) {
  renew_log_lines();
  pthread_atfork(nullptr, nullptr, &renew_log_lines);
  module.def("collect_log", &collect_log, nb::arg("on"),
             "Collects the log lines of the engine from now on, or drops them. GIL: held");
  module.def("take_log", &take_log, "Takes what was collected: (level 0..3, text) each. GIL: held");
  module.def(
      "log_fd", [] { return log_lines().wake_up().fd(); },
      "Readable when there are lines to take. Another one after a fork. GIL: held");
}

}  // namespace freshframe::python
