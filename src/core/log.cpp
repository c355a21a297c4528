// The process-wide log sink.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include "freshframe/mutex.hpp"

#include <memory>
#include <utility>

#include "core/fork_hold.hpp"

namespace freshframe {
namespace {

struct Current {
  Mutex mutex;
  core::ForkHold hold{mutex};
  std::shared_ptr<const LogSink> sink FRESHFRAME_GUARDED_BY(mutex);
};

Current& current() {
  return forks::ProcessWide<Current>::get();
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
