// Events, found by comparing each snapshot with the previous one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// Keeps at most 100 events and counts repetitions. When full, it drops the oldest event that is neither an
/// outage nor a first drop or loss. Not thread-safe.
class EventLog {
 public:
  static constexpr std::size_t kKept = 100;

  void follow(const Snapshot& seen, const core::PipelineCore& core);
  /// Sorted by the time of their last repetition, oldest first.
  [[nodiscard]] std::vector<Event> events() const;

 private:
  struct SourceSeen {
    std::uint64_t outages = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t clock_steps = 0;
    std::uint64_t stalls = 0;
    double away_total = 0;
    std::string frozen = {};
    std::uint64_t decoder_changes = 0;
    std::string decoder_reason = {};
  };

  struct Repeated {
    std::string detail = {};  // identifies an event together with kind and subject
    std::uint64_t count = 1;
  };
  struct Entry {
    Event event;
    std::string detail;
  };
  struct NodeErrors {
    std::uint64_t counted = 0;
    std::string text;  // newest message, with its traceback
  };

  void add(double time, std::string_view kind, const std::string& subject, std::string text);
  void add(double time, std::string_view kind, const std::string& subject, std::string text,
           const Repeated& repeated);
  void make_room();
  void follow_changes(const Snapshot& seen);
  void follow_phase(const Snapshot& seen);
  void follow_errors(const Snapshot& seen, const core::PipelineCore& core);
  void follow_edges(const Snapshot& seen);
  void follow_sources(const Snapshot& seen);
  void follow_stall(const Snapshot& seen);
  void follow_gil(const Snapshot& seen);

  std::deque<Entry> entries_;
  std::uint64_t count_ = 0;
  std::optional<core::LifePhase> phase_;
  std::uint64_t last_error_ = 0;
  std::map<std::string, NodeErrors> errors_;  // by node name
  /// Drops reported so far, by edge and cause.
  std::map<std::pair<std::int64_t, DropCause>, std::uint64_t> drops_;
  std::map<std::string, SourceSeen> sources_;
  std::map<std::string, int> numbers_;  // node numbers by name
  bool stalled_ = false;
  std::optional<std::uint64_t> last_gil_stall_;  // nullopt before the first sample
};

}  // namespace freshframe::serve
