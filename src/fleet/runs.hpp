// The camera runs of an agent.
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

/// Losses are counted upstream of the fleet's outputs only, so drops by design in side branches do not count.
struct PipelineCounts {
  std::uint64_t frames = 0;
  std::array<std::uint64_t, kLosses> drops{};
  bool is_away = false;
  std::string why;  // why the camera is away, without passwords
};

/// Reads the counts of a running pipeline. Takes some microseconds, never blocks and never takes the GIL.
[[nodiscard]] PipelineCounts count_pipeline(const core::PipelineCore& pipeline);

/// A total over the nodes of a pipeline that never decreases, even if nodes are removed.
class RisingSum {
 public:
  /// `present`: the total over the current nodes. Returns the total to report.
  std::uint64_t update(std::uint64_t present) noexcept {
    if (present < present_) past_ += present_ - present;
    present_ = present;
    return present + past_;
  }

 private:
  std::uint64_t present_ = 0;
  std::uint64_t past_ = 0;
};

/// The counts of one run's pipeline, read periodically.
class Watched {
 public:
  void watch_pipeline(std::shared_ptr<const core::PipelineCore> pipeline) noexcept {
    pipeline_ = std::move(pipeline);
  }
  [[nodiscard]] bool is_due(BootTime now) const noexcept;
  void read(BootTime now);
  void write_to(CameraRecord& record, BootTime now) const;
  /// Why its camera is away; empty if it is not away, or the reason is unknown.
  [[nodiscard]] const std::string& why() const noexcept { return seen_.why; }
  /// Releases the pipeline. The caller should destroy it without a lock, because that may take long.
  [[nodiscard]] std::shared_ptr<const core::PipelineCore> stop_watching() noexcept {
    return std::move(pipeline_);
  }

 private:
  std::shared_ptr<const core::PipelineCore> pipeline_;
  PipelineCounts seen_;
  RisingSum frames_;
  std::array<RisingSum, kLosses> drops_;
  BootTime read_at_{};
  std::optional<BootTime> gave_;  // when the frame count last increased
  std::optional<BootTime> away_;  // when its source was first seen to be disconnected
  double fps_ = 0;
};

/// Thread-safe.
class Runs {
 public:
  void open(Run run);
  /// Adds the run's pipeline, which has started, to the records.
  void watch(Run run, std::shared_ptr<const core::PipelineCore> pipeline);
  /// Reads the counts of pipelines not read for a second.
  void read(BootTime now);
  void close(Run run);
  /// Counts a result. Returns false if the run is closed.
  [[nodiscard]] bool note_result(Run run, TimePoint captured);

  [[nodiscard]] std::vector<CameraRecord> records() const;
  /// The latest error message of a camera that is away.
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
