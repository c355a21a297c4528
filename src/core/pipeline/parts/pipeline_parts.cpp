// The parts of a pipeline, and the errors that it throws.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/parts/pipeline_parts.hpp"

#include "freshframe/error.hpp"

#include <memory>
#include <span>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/unit_text.hpp"

namespace freshframe::core {

PipelineParts::PipelineParts(Pipeline::Options options) : options_(std::move(options)) {
  if (const auto timeout = options_.stall_timeout; timeout && !(*timeout > 0)) {
    throw OptionError("stall_timeout must be more than 0 seconds, got " + seconds_text(*timeout));
  }
  if (const auto most = options_.max_device_bytes) {
    if (*most == 0) throw OptionError("max_device_bytes must be at least 1, got 0");
    budget_->set_device_limit(*most);
  }
}

PipelineParts::~PipelineParts() = default;

bool PipelineParts::called_from_runner() const {
  return Runner::get_current(*this) != nullptr;
}

namespace {

// Returns a copy of a source's own error that names the source, or nullptr if `error` is of another kind.
// Never called beneath a Python call: it only inspects an exception that was already caught.
std::exception_ptr named_source_error(const std::exception_ptr& error, const std::string& source) {
  try {
    std::rethrow_exception(error);
  } catch (const SourceError& known) {
    if (typeid(known) == typeid(SourceTimeoutError)) {
      return std::make_exception_ptr(SourceTimeoutError(known.what(), known.url(), known.code(), source));
    }
    if (typeid(known) == typeid(SourceError)) {
      return std::make_exception_ptr(SourceError(known.what(), known.url(), known.code(), source));
    }
    return error;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

std::exception_ptr make_error(const PipelineParts& parts, const Runner& runner, std::exception_ptr cause,
                              const std::string& what, const FailedOn& where) {
  if (auto error = runner.is_source() ? named_source_error(cause, runner.name()) : nullptr) return error;
  std::vector<BatchSample> batch;
  for (const auto& sample : where.batch ? where.samples : std::span<const AnySample>()) {
    batch.push_back({find_stream(runner, *parts.names(), {std::span(&sample, 1)}), sample.stamp.seq});
  }
  NodeFailure failure{.node = runner.name(),
                      .source = find_stream(runner, *parts.names(), where),
                      .cause = std::move(cause),
                      .batch = std::move(batch)};
  if (!where.samples.empty() && !where.is_own(runner.index())) {
    failure.seq = where.samples.front().stamp.seq;
    failure.sample = std::make_shared<const AnySample>(where.samples.front());
    failure.nodes = std::make_shared<const std::vector<std::string>>(parts.names()->all());
  }
  return std::make_exception_ptr(
      NodeError(failure_text(runner, *parts.names(), what, where), std::move(failure)));
}

}  // namespace freshframe::core
