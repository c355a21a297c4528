// The metrics of a pipeline in Prometheus' text format, for programs that have their own HTTP server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil_findings.hpp"

#include <functional>
#include <memory>
#include <string>

namespace freshframe::core {
class PipelineCore;
}  // namespace freshframe::core

namespace freshframe {

class Pipeline;

/// The text of /metrics without viewer counts. Thread-safe; text() waits only for another thread's text().
class Metrics {
 public:
  /// `gil_findings` is called on the thread that calls text(), without a lock. Empty means there are no
  /// findings.
  explicit Metrics(const Pipeline& pipeline, std::function<GilFindings()> gil_findings = {});
  /// For embedders.
  explicit Metrics(std::shared_ptr<core::PipelineCore> pipeline,
                   std::function<GilFindings()> gil_findings = {});
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// In Prometheus' text format 0.0.4. A stall is noticed from one call to the next.
  [[nodiscard]] std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
