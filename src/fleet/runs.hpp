// The runs of cameras that an agent has.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/flow.hpp"
#include "fleet/records.hpp"

namespace freshframe::core {

class PipelineCore;

}  // namespace freshframe::core

namespace freshframe::fleet {

/// Losses count on the way to the outputs of the fleet: what side branches leave out by design does not count.
struct PipelineCounts {
  std::uint64_t frames = 0;
  std::array<std::uint64_t, kLosses> drops{};
  bool is_away = false;
  std::string why;  // reason of the camera that is away, without passwords
};

/// Counts what a pipeline that has started has sent and lost. Takes some microseconds, waits for nothing and never
/// takes the GIL.
[[nodiscard]] PipelineCounts count_pipeline(const core::PipelineCore& pipeline);

/// A sum over the nodes of a pipeline that never falls, although nodes are removed.
class RisingSum {
 public:
  /// Returns the value to show for the sum over the nodes that are there.
  std::uint64_t update(std::uint64_t present) noexcept {
    if (present < present_) past_ += present_ - present;
    present_ = present;
    return present + past_;
  }

 private:
  std::uint64_t present_ = 0;
  std::uint64_t past_ = 0;
};

/// The counts of the pipeline of one run, read from time to time.
class Watched {
 public:
  void watch_pipeline(std::shared_ptr<const core::PipelineCore> pipeline) noexcept {
    pipeline_ = std::move(pipeline);
  }
  [[nodiscard]] bool is_due(BootTime now) const noexcept;
  void read(BootTime now);
  void write_to(CameraRecord& record, BootTime now) const;
  /// Why its camera is away; empty means it is not, or it has not said why.
  [[nodiscard]] const std::string& why() const noexcept { return seen_.why; }
  /// The pipeline, which its user destroys: that may take long.
  [[nodiscard]] std::shared_ptr<const core::PipelineCore> stop_watching() noexcept {
    return std::move(pipeline_);
  }

 private:
  std::shared_ptr<const core::PipelineCore> pipeline_;
  PipelineCounts seen_;
  RisingSum frames_;
  std::array<RisingSum, kLosses> drops_;
  BootTime read_at_{};
  std::optional<BootTime> gave_;  // when the number of frames was last seen to grow
  std::optional<BootTime> away_;  // when it was first seen to be away
  double fps_ = 0;
};

/// Thread-safe.
class Runs {
 public:
  void open(Run run);
  /// Watches the run's pipeline, which has started: records have its counts from now on.
  void watch(Run run, std::shared_ptr<const core::PipelineCore> pipeline);
  /// Reads the counts that it has not read for a second.
  void read(BootTime now);
  void close(Run run);
  /// Counts a result. Returns false if the run was closed.
  [[nodiscard]] bool note_result(Run run, TimePoint captured);

  [[nodiscard]] std::vector<CameraRecord> records() const;
  /// The last answers of the cameras that are away.
  struct Answer {
    Run run;
    std::string why;
  };
  [[nodiscard]] std::vector<Answer> answers() const;

 private:
  [[nodiscard]] std::vector<Run> due(BootTime now) const;

  struct State {
    Watched watched;
    std::uint64_t results = 0;
    TimePoint captured{};
  };

  mutable Mutex mutex_;
  std::map<Run, State> states_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::fleet
