// The public faces: Pipeline and AnyReader.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"

#include "freshframe/error.hpp"

#include <utility>

#include "core/pipeline_core.hpp"
#include "core/text.hpp"

namespace freshframe {

std::optional<AnySample> AnyReader::latest() {
  return core_->latest();
}

std::optional<AnySample> AnyReader::poll() {
  return core_->poll(ReaderCore::Keep::Last);
}

AnySample AnyReader::get(std::optional<Seconds> timeout) {
  const auto deadline = timeout ? core_->clock().now() + to_duration(*timeout) : TimePoint::max();
  auto sample = core_->wait_until(deadline, ReaderCore::Keep::Last);
  if (!sample) {
    throw ReadTimeout("reader '" + core_->name() + "': no sample within " + seconds_text(timeout->count()));
  }
  return *std::move(sample);
}

bool AnyReader::ended() const {
  return core_->ended();
}
void AnyReader::close() {
  core_->close();
}

Pipeline::Pipeline() : Pipeline(Options{}) {}
Pipeline::Pipeline(Options options) : core_(std::make_shared<PipelineCore>(std::move(options))) {}

Pipeline::~Pipeline() {
  core_->request_stop();
  core_->join(Seconds::max());
}

int Pipeline::add_any(std::unique_ptr<NodeBase> node, std::span<const int> parents, AddOptions options) {
  return core_->add(std::move(node), parents, std::move(options));
}

std::shared_ptr<ReaderCore> Pipeline::reader_any(std::span<const int> parents, ReaderOptions options) {
  return core_->add_reader(parents, std::move(options));
}

void Pipeline::start() {
  core_->launch();
  try {
    core_->wait_opened(std::nullopt);
  } catch (const Error&) {
    core_->join(Seconds::max());
    throw;
  }
  core_->go();
}

bool Pipeline::wait(std::optional<Seconds> timeout) {
  return core_->wait(timeout);
}

Report Pipeline::run() {
  if (!core_->started()) start();
  try {
    core_->wait(std::nullopt);
  } catch (const Error&) {
    core_->request_stop();
    throw;
  }
  core_->join(Seconds::max());
  return core_->report();
}

void Pipeline::stop(Seconds timeout) {
  core_->request_stop();
  if (core_->called_from_worker()) return;
  if (core_->join(timeout)) return;
  auto nodes = core_->busy_nodes();
  std::string list;
  for (const auto& node : nodes) list += (list.empty() ? "'" : ", '") + node + "'";
  throw StopTimeout("still busy " + seconds_text(timeout.count()) + " after stop(): " + list,
                    std::move(nodes));
}

Stats Pipeline::stats() const {
  return core_->stats();
}
Report Pipeline::report() const {
  return core_->report();
}
std::string Pipeline::node_name(int index) const {
  return core_->worker(index).name();
}
std::string Pipeline::to_string() const {
  return core_->describe();
}

}  // namespace freshframe
