// A pipeline's metrics in the Prometheus text format, for programs with their own HTTP server.
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

/// The contents of /metrics, without viewer counts. Thread-safe; text() never blocks except on another
/// text().
class Metrics {
 public:
  /// `gil_findings` is called by text(), on the same thread and without holding a lock. May be empty.
  explicit Metrics(const Pipeline& pipeline, std::function<GilFindings()> gil_findings = {});
  /// For embedders.
  explicit Metrics(std::shared_ptr<core::PipelineCore> pipeline,
                   std::function<GilFindings()> gil_findings = {});
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Returns Prometheus text format 0.0.4. Stalls are detected by comparing with the previous call.
  [[nodiscard]] std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
