// The process-wide log sink.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include "freshframe/mutex.hpp"

#include <memory>
#include <utility>

namespace freshframe {
namespace {

struct Current {
  Mutex mutex;
  std::shared_ptr<const LogSink> sink FRESHFRAME_GUARDED_BY(mutex);
};

/// Never destroyed: a thread that was left behind in a call may log while the process ends.
Current& current() {
  static auto& only = *new Current();
  return only;
}

std::shared_ptr<const LogSink> sink() {
  const Lock lock(current().mutex);
  return current().sink;
}

}  // namespace

void set_log_sink(LogSink sink) {
  auto next = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  const Lock lock(current().mutex);
  current().sink.swap(next);
}

void log(LogLevel level, std::string_view line) noexcept {
  try {
    if (const auto target = sink()) (*target)(level, line);
  } catch (...) {  // a log line must never cause a failure; the sink runs no Python
  }
}

}  // namespace freshframe
