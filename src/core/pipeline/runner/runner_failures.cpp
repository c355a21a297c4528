// The effects of a node's exceptions: the pipeline ends, or the node continues and they are counted and logged.
// The first one that ends the pipeline is not logged here, because a call throws it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <charconv>
#include <string>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

std::string with_traceback(std::string text, const std::string& traceback) {
  if (!traceback.empty()) text += "\n" + traceback;
  return text;
}

}  // namespace

bool Runner::wants_traceback(const AnySample* sample) const {
  const bool first = errors_.load(std::memory_order_relaxed) == 0;
  return first || sample == nullptr || outlet_.is_last() || on_error_ != OnError::Skip ||
         core_.errors().has_time_for_traceback();
}

bool Runner::fail(std::exception_ptr cause, const std::string& what, const AnySample* sample,
                  std::string traceback) {
  return fail({std::move(cause), what, std::move(traceback)},
              sample != nullptr ? std::span(sample, 1) : std::span<const AnySample>(), false);
}

bool Runner::fail_batch(std::exception_ptr cause, const std::string& what, std::span<const AnySample> samples,
                        std::string traceback) {
  return fail({std::move(cause), what, std::move(traceback)}, samples, true);
}

bool Runner::fail(Failed failed, std::span<const AnySample> samples, bool whole_batch) {
  auto& [cause, what, traceback] = failed;
  errors_.fetch_add(1, std::memory_order_relaxed);
  {
    const Lock lock(error_mutex_);
    last_error_ = what;
  }
  const FailedOn where{samples, whole_batch};
  const bool in_finish = where.is_own(index_) && outlet_.is_last();
  const bool goes_on = !samples.empty() && !in_finish && on_error_ == OnError::Skip;
  if (goes_on) log_skipped(core_.failure_text(*this, what, where), samples.front().stamp.pts, traceback);
  core_.errors().add({.node = name_,
                      .text = what,
                      .traceback = traceback,
                      .fatal = !goes_on && !removes_itself() && !is_outside_the_run()});
  if (goes_on) {
    if (!where.is_own(index_)) counters().drop(NodeDropCause::Error, samples.size());
    return true;
  }
  closed_cleanly_.store(false, std::memory_order_relaxed);
  const bool is_thrown = core_.fail(*this, std::move(cause), what, where);
  if (!is_thrown) log(LogLevel::Error, with_traceback(core_.failure_text(*this, what, where), traceback));
  return false;
}

// The first failure with its traceback, then one line a minute: a node may fail on every sample.
void Runner::log_skipped(const std::string& failure, double pts, const std::string& traceback) {
  const auto text = failure + " (pts " + number_text(pts, std::chars_format::fixed, 3) + " s)";
  constexpr Seconds kEvery{60};
  const auto now = core_.clock()->now();
  if (!skip_logged_) {
    log(LogLevel::Warning, with_traceback(text + " (on_error=\"skip\": the node goes on)", traceback));
  } else if (++skips_unlogged_; now - *skip_logged_ < kEvery) {
    return;
  } else {
    log_skips(text);
  }
  skip_logged_ = now;
  skips_unlogged_ = 0;
}

void Runner::log_skips(const std::string& latest) const {
  log(LogLevel::Warning, "node '" + name_ + "' failed on " + std::to_string(skips_unlogged_) +
                             " more samples (on_error=\"skip\"); the latest: " + latest);
}

}  // namespace freshframe::core
