// The public class Pipeline, and the calls of Reader<T>.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/mutex.hpp"

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/fork_hold.hpp"
#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/let_go.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/statistics.hpp"

namespace freshframe {

OnError parse_on_error(std::string_view name) {
  if (name == "stop") return OnError::Stop;
  if (name == "skip") return OnError::Skip;
  if (name == "remove") return OnError::Remove;
  throw OptionError("on_error must be one of stop, skip, remove, got '" + std::string(name) + "'");
}

std::optional<AnySample> reader_verbs::latest(core::ReaderCore& reader, std::optional<Seconds> max_age) {
  return reader.latest(max_age);
}
std::optional<AnySample> reader_verbs::poll(core::ReaderCore& reader) {
  auto handed = reader.poll(core::ReaderCore::Keep::Last);
  if (!handed) return std::nullopt;
  return std::move(handed->sample);
}
AnySample reader_verbs::get(core::ReaderCore& reader, std::optional<Seconds> timeout) {
  return reader.get(timeout, core::ReaderCore::Keep::Last);
}
bool reader_verbs::has_ended(const core::ReaderCore& reader) {
  return reader.has_ended();
}
void reader_verbs::close(core::ReaderCore& reader) {
  core::close_reader(reader);
}

Pipeline::Pipeline() : Pipeline(Options{}) {}
Pipeline::Pipeline(Options options) : core_(std::make_shared<core::PipelineCore>(std::move(options))) {}

namespace {

struct LetGo {
  Mutex mutex;
  core::ForkHold hold{mutex};
  std::vector<std::shared_ptr<core::PipelineCore>> kept FRESHFRAME_GUARDED_BY(mutex);
};

void log_busy(const core::PipelineCore& pipeline, const std::vector<std::string>& nodes) {
  log(LogLevel::Warning, "these nodes are still busy after the end of pipeline '" + pipeline.options().name +
                             "': " + core::list_busy(nodes) + "; the program no longer waits for them");
}

// Logs a failure that no call has thrown, since there will be no later call to throw it.
void log_unthrown(core::PipelineCore& pipeline) {
  const auto error = pipeline.failure().take_unreported();
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& failure) {
    log(LogLevel::Error, "pipeline '" + pipeline.options().name + "' failed: " + failure.what());
  }
}

}  // namespace

void core::let_go(std::shared_ptr<PipelineCore> pipeline) {
  auto& all = forks::ProcessWide<LetGo>::get();
  const Lock lock(all.mutex);
  all.kept.push_back(std::move(pipeline));
}

Pipeline::~Pipeline() {
  constexpr Seconds kPatience{5};
  core_->request_stop();
  const auto busy = core_->join(kPatience);
  log_unthrown(*core_);
  if (busy.empty()) return;
  log_busy(*core_, busy);
  core::let_go(std::move(core_));
}

int Pipeline::add_any(std::unique_ptr<NodeBase> node, std::span<const AnyPort> parents,
                      const AddOptions& options) {
  const int index = core::add_node(*core_, std::move(node), parents, options);
  core::finish_add(*core_, index);
  return index;
}

std::shared_ptr<core::ReaderCore> Pipeline::reader_any(std::span<const AnyPort> parents,
                                                       const ReaderOptions& options) {
  return core::add_reader(*core_, parents, options);
}

Stats Pipeline::remove_any(int node, const RemoveOptions& options) {
  return core::remove_node(*core_, node, options);
}

void Pipeline::replace_any(int node, std::unique_ptr<NodeBase> next) {
  constexpr Seconds kTimeout{5};
  core::finish_replace(*core_, *core::begin_replace(*core_, node, std::move(next)), kTimeout);
}

void Pipeline::connect_any(int child, const AnyPort& parent, const ConnectOptions& options) {
  core::connect(*core_, child, parent, options);
}

void Pipeline::disconnect_any(int child, const AnyPort& parent) {
  core::disconnect(*core_, child, parent);
}

void Pipeline::set_max_wait_any(int node, double max_wait) {
  core::set_max_wait(*core_, node, max_wait);
}

void Pipeline::start(const Embedder& embedder) {
  core_->start(embedder);
}

bool Pipeline::wait(std::optional<Seconds> timeout, const WaitHook& hook) {
  return core_->wait(timeout, hook);
}

Report Pipeline::run() {
  if (!core_->life().has_started()) start();
  try {
    core_->wait(std::nullopt);
  } catch (const Error&) {
    core_->request_stop();
    throw;
  }
  core_->join(Seconds::max());
  return core::make_report(*core_);
}

void Pipeline::stop(Seconds timeout, const WaitHook& hook) {
  core_->stop(timeout, hook);
}

Stats Pipeline::stats() const {
  return core::collect_stats(*core_);
}
Report Pipeline::report() const {
  return core::make_report(*core_);
}
std::string Pipeline::node_name(int index) const {
  return core_->names()->find_name(index);
}
std::string Pipeline::to_string() const {
  return core::describe(*core_);
}

}  // namespace freshframe
