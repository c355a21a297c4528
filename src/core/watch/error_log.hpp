// The latest errors of a pipeline as text, for tools that observe it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/utf8.hpp"

namespace freshframe::core {

struct ErrorNote {
  std::uint64_t id = 0;  // from 1
  double time = 0;       // Unix time
  std::string node;
  std::string text;
  std::string traceback;  // traceback in the node's language, or ""
  bool fatal = false;     // whether the error ended the pipeline
  bool counted = true;    // whether it is one of the node's errors; false for e.g. the death of a worker
};

/// Thread-safe.
class ErrorLog {
 public:
  static constexpr std::size_t kKept = 32;
  static constexpr std::size_t kMaxText = 16384;  // maximum length of a message in bytes

  void add(ErrorNote note) {
    if (note.text.size() > kMaxText) note.text = first_letters(note.text, kMaxText);
    const Lock lock(mutex_);
    note.id = ++count_;
    note.time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (note.fatal && !first_fatal_) first_fatal_ = note;
    if (notes_.size() == kKept) notes_.pop_front();
    notes_.push_back(std::move(note));
  }
  /// Returns the stored errors after the one with this id, oldest first.
  [[nodiscard]] std::vector<ErrorNote> since(std::uint64_t id) const {
    const Lock lock(mutex_);
    std::vector<ErrorNote> result;
    for (const auto& note : notes_) {
      if (note.id > id) result.push_back(note);
    }
    return result;
  }
  [[nodiscard]] std::optional<ErrorNote> first_fatal() const {
    const Lock lock(mutex_);
    return first_fatal_;
  }
  /// Returns true at most once per second, because tracebacks are slow and a node may fail on every sample.
  [[nodiscard]] bool claim_traceback() {
    const Lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (last_traceback_ && now - *last_traceback_ < std::chrono::seconds(1)) return false;
    last_traceback_ = now;
    return true;
  }

 private:
  mutable Mutex mutex_;
  std::deque<ErrorNote> notes_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<ErrorNote> first_fatal_ FRESHFRAME_GUARDED_BY(mutex_);
  std::uint64_t count_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  std::optional<std::chrono::steady_clock::time_point> last_traceback_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
