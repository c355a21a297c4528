// The effects of a node's exceptions: the pipeline ends, or the node continues and they are counted and logged.
// The first one that ends the pipeline is not logged here, because a call throws it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

bool Runner::wants_traceback(const AnySample* sample) const {
  const bool first = errors_.total() == 0;
  return first || sample == nullptr || outlet_.is_last() || facts_.stops_on_error() ||
         core_.errors().has_time_for_traceback();
}

bool Runner::fail(Caught caught, const FailedOn& where) {
  const auto samples = where.samples;
  errors_.count(caught.what);
  const bool in_finish = where.is_own(facts_.index) && outlet_.is_last();
  const bool goes_on = !samples.empty() && !in_finish && !facts_.stops_on_error();
  if (goes_on) {
    errors_.log_skipped(core_.failure_text(*this, caught.what, where), samples.front().stamp.pts,
                        caught.traceback);
  }
  core_.errors().add({.node = facts_.name,
                      .text = caught.what,
                      .traceback = caught.traceback,
                      .fatal = !goes_on && !facts_.removes_itself() && !life_.is_outside_the_run()});
  if (goes_on) {
    if (!where.is_own(facts_.index)) place_.counters().drop(NodeDropCause::Error, samples.size());
    return true;
  }
  life_.set_failed();
  const bool is_thrown = core_.fail(*this, std::move(caught.cause), caught.what, where);
  if (!is_thrown)
    log(LogLevel::Error, with_traceback(core_.failure_text(*this, caught.what, where), caught.traceback));
  return false;
}

}  // namespace freshframe::core
