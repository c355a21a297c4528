// The effects of a failure: the pipeline ends, or the call that adds or removes the node throws it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <memory>
#include <span>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/pipeline/changes/changes.hpp"

namespace freshframe::core {
namespace {

// A source's own error with the source's name in it, or nullptr when `error` is of another kind. Never
// beneath a Python call: it only inspects an exception that was caught before.
std::exception_ptr named_source_error(const std::exception_ptr& error, const std::string& source) {
  try {
    std::rethrow_exception(error);
  } catch (const SourceError& known) {
    if (typeid(known) == typeid(SourceTimeout)) {
      return std::make_exception_ptr(SourceTimeout(known.what(), known.url(), known.code(), source));
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

std::exception_ptr error_of(const PipelineCore& core, const Runner& runner, std::exception_ptr cause,
                            const std::string& what, const FailedOn& where) {
  if (auto error = runner.is_source() ? named_source_error(cause, runner.name()) : nullptr) return error;
  std::vector<BatchSample> batch;
  for (const auto& sample : where.batch ? where.samples : std::span<const AnySample>()) {
    batch.push_back({stream_of(runner, *core.names(), {std::span(&sample, 1)}), sample.stamp.seq});
  }
  NodeFailure failure{.node = runner.name(),
                      .source = stream_of(runner, *core.names(), where),
                      .cause = std::move(cause),
                      .batch = std::move(batch)};
  if (!where.samples.empty() && !where.is_own(runner.index())) {
    failure.seq = where.samples.front().stamp.seq;
    failure.sample = std::make_shared<const AnySample>(where.samples.front());
    failure.nodes = std::make_shared<const std::vector<std::string>>(core.names()->all());
  }
  return std::make_exception_ptr(
      NodeError(failure_text(runner, *core.names(), what, where), std::move(failure)));
}

bool PipelineCore::fail(Runner& runner, std::exception_ptr cause, const std::string& what,
                        const FailedOn& where) {
  if (runner.facts().removes_itself() && runner.life().removal() == nullptr && runner.life().connected() &&
      !life_.is_starting()) {
    remove_failed(*this, runner, failure_text(runner, *names_, what, where));
    return false;
  }
  auto error = error_of(*this, runner, std::move(cause), what, where);
  const auto removal = runner.life().removal();
  if (runner.life().is_late() && !runner.life().connected()) {  // the failure is add()'s
    runner.life().begin_removal(std::make_shared<Removal>());   // unless it is being removed already
    return runner.life().keep_for_add(std::move(error));
  }
  if (removal) {  // the failure is remove()'s
    return life_.locked([&] {
      if (!removal->error) removal->error = std::move(error);
      return removal->awaited;
    });
  }
  // Samples that a source has read before it fails are delivered. A node within the graph leaves a gap.
  const bool delivers_rest = runner.is_source() && !life_.is_starting();
  const bool first =
      failure().set(std::move(error), delivers_rest ? Failure::Due::AfterRest : Failure::Due::Now);
  if (delivers_rest) {
    source_stop_.request_stop();
  } else {
    request_stop();
  }
  if (first && failure_hook_) failure_hook_();
  return first;
}

void PipelineCore::refuse(std::exception_ptr error) {
  failure().set(std::move(error));
  request_stop();
}

}  // namespace freshframe::core
