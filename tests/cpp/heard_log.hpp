// Collects the log lines while it exists.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/log.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freshframe::test {

/// Collects log lines from any thread. Only one may exist at a time.
class HeardLog {
 public:
  HeardLog() {
    set_log_sink([this](LogLevel level, std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(level, line);
    });
  }
  HeardLog(const HeardLog&) = delete;
  HeardLog& operator=(const HeardLog&) = delete;
  ~HeardLog() { set_log_sink({}); }

  /// Returns how many lines of this level contain `part`.
  [[nodiscard]] int count(LogLevel level, std::string_view part) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(lines_.begin(), lines_.end(), [&](const auto& line) {
      return line.first == level && line.second.find(part) != std::string::npos;
    }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_;  // guarded by mutex_
};

}  // namespace freshframe::test
