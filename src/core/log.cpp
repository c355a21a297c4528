// The process-wide log sink.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <memory>
#include <mutex>
#include <utility>

namespace freshframe {
namespace {

std::mutex sink_mutex;
std::shared_ptr<const LogSink> current_sink;  // guarded by sink_mutex

std::shared_ptr<const LogSink> sink() {
  const std::lock_guard lock(sink_mutex);
  return current_sink;
}

}  // namespace

void set_log_sink(LogSink sink) {
  auto next = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  const std::lock_guard lock(sink_mutex);
  current_sink.swap(next);
}

void log(LogLevel level, std::string_view line) noexcept {
  try {
    if (const auto target = sink()) (*target)(level, line);
  } catch (...) {  // a log line is never worth a failure; the sink runs no Python
  }
}

}  // namespace freshframe
