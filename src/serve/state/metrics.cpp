// Metrics without a server: a sampler with its own mutex.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/metrics.hpp"

#include <chrono>
#include <mutex>
#include <utility>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "serve/state/metrics_text.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe {

struct Metrics::Impl {
  Impl(std::shared_ptr<core::PipelineCore> pipeline, std::function<GilFindings()> read)
      : gil_findings(std::move(read)), sampler(std::move(pipeline)) {}

  const std::function<GilFindings()> gil_findings;
  std::mutex mutex;
  serve::Sampler sampler;  // guarded by mutex: it keeps the previous sample
};

Metrics::Metrics(const Pipeline& pipeline, std::function<GilFindings()> gil_findings)
    : Metrics(core::PipelineAccess::core(pipeline), std::move(gil_findings)) {}

Metrics::Metrics(std::shared_ptr<core::PipelineCore> pipeline, std::function<GilFindings()> gil_findings)
    : impl_(std::make_unique<Impl>(std::move(pipeline), std::move(gil_findings))) {}

Metrics::~Metrics() = default;

std::string Metrics::text() {
  auto gil = impl_->gil_findings ? impl_->gil_findings() : GilFindings();
  const std::lock_guard lock(impl_->mutex);
  impl_->sampler.sample(std::chrono::steady_clock::now(), std::move(gil));
  return serve::metrics_text(impl_->sampler.snapshot(), serve::Viewers::Unknown);
}

}  // namespace freshframe
