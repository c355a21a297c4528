// A node in worker processes under test: strings as values, a folder for files that control the workers, and
// a pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/device.hpp"
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <csignal>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include "cpp/temporary_folder.hpp"
#include "process/crew/crew.hpp"
#include "process/crew/embedder.hpp"
#include "process/crew/options.hpp"
#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

namespace freshframe::process {

using test::contains;
using test::wait_until;

/// Uses strings as values.
class TextEmbedder final : public Embedder {
 public:
  EncodedValue encode(const ValueRef& value) override {
    const auto* const text = value.as<std::string>();
    if (text == nullptr) throw OptionTypeError("not a string");
    if (on_encode) on_encode(*text);
    auto kept = std::make_shared<const std::string>(*text);
    return {1, {std::as_bytes(std::span(*kept))}, kept};
  }
  ValueRef decode(ReceivedValue value, const std::string& /*producer*/) override {
    if (value.kind() != 1) throw ProtocolError("not a string");
    const auto bytes = value.bytes();
    return ValueRef::make<std::string>({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  std::exception_ptr make_cause(WorkerFailure failure) override {
    return failure.is_device_error ? std::make_exception_ptr(DeviceError(failure.text))
                                   : std::make_exception_ptr(std::runtime_error(failure.text));
  }
  void log(int /*level*/, const std::string& /*logger*/, const std::string& /*text*/) override {}
  const PixelOps& pixel_ops() const override { return basic_pixel_ops(); }
  std::string version() const override { return "1"; }

  std::function<void(const std::string&)> on_encode = {};  // called on the control thread before each send
};

/// A folder for files that control the workers.
class Marks {
 public:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }
  void set(const std::string& name) const { std::ofstream(path(name)) << "set"; }

 private:
  test::Folder folder_;
};

/// A pipeline of a source, a node in worker processes, and a reader. `mode`: how the workers behave.
template <class T = std::string>
class Rig {
 public:
  explicit Rig(const CrewOptions& options = {}, const std::string& mode = {}, Pipeline::Options whole = {},
               const std::string& version = "1")
      : pipeline(std::move(whole)) {
    Recipe recipe{.arguments = {FRESHFRAME_CREW_WORKER, std::to_string(::getpid())},
                  .environment = {"VERSION=" + version},
                  .payload = {}};
    const auto bytes = std::as_bytes(std::span(mode));
    recipe.payload.assign(bytes.begin(), bytes.end());
    auto made = std::make_unique<ProcessNode>(NodeDescription{.name = "w"}, options, std::move(recipe));
    node = made.get();
    const AnyPort parents[] = {pipeline.add(test::feed_source(feed, test::Kind::File)).node};
    AddOptions add{.name = "w"};
    if (options.skips_errors) add.on_error = OnError::Skip;
    index_ = pipeline.add_any(std::move(made), parents, add);
    reader.emplace(pipeline.reader(Port<T>{index_}));
    set_log_sink([this](LogLevel, std::string_view line) { lines.add(std::string(line)); });
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() {
    stop();
    set_log_sink({});
  }

  void start() {
    pipeline.start({.start_outside = [this] {
      thread_ = std::jthread([this] {
        auto& runner = *core::PipelineAccess::core(pipeline)->runner(index_);
        runner.adopt_thread();
        Crew(*core::PipelineAccess::core(pipeline), runner, embedder).run();
      });
    }});
  }
  /// Stops the pipeline and kills workers that have not ended within `patience`. Checks that the counters balance and
  /// that no process is left.
  void stop(Seconds patience = Seconds{0}) {
    const auto before = pids();
    node->kill_by(std::chrono::steady_clock::now() + to_duration(patience));
    core::PipelineAccess::core(pipeline)->request_stop();
    if (thread_.joinable()) thread_.join();
    pipeline.stop(Seconds{60});
    const auto stats = pipeline.stats();
    const auto found = test::node_of(pipeline, "w");
    EXPECT_EQ(stats.edges.at(0).delivered, found.processed + found.dropped + found.in_flight);
    EXPECT_EQ(found.in_flight, 0U);
    for (const auto& worker : node->board().read()) EXPECT_EQ(worker.pid, 0);
    for (const int pid : before) EXPECT_EQ(::kill(pid, 0), -1) << "process " << pid << " is there";
  }
  void push(std::initializer_list<T> values) {
    for (const auto& value : values) feed.push(value);
  }
  [[nodiscard]] Port<T> port() const { return Port<T>{index_}; }
  T get() { return reader->get(Seconds{60}).value().value; }
  std::vector<T> rest() {
    std::vector<T> found;
    while (auto sample = reader->get(Seconds{60})) found.push_back(sample->value);
    return found;
  }
  [[nodiscard]] WorkerStats worker(std::size_t seat = 0) const { return node->board().read().at(seat); }
  [[nodiscard]] NodeStats stats() const { return test::node_of(pipeline, "w"); }
  [[nodiscard]] std::vector<int> pids() const {
    std::vector<int> found;
    for (const auto& each : node->board().read()) {
      if (each.pid != 0) found.push_back(each.pid);
    }
    return found;
  }
  [[nodiscard]] std::string log() const {
    std::string text;
    for (const auto& line : lines.all()) text += line + "\n";
    return text;
  }
  void await(WorkerState state) {
    wait_until([&] { return worker().state == state; });
  }

  test::Feed<T> feed;
  test::Seen<std::string> lines;
  test::CheckedPipeline pipeline;
  ProcessNode* node = nullptr;
  std::optional<Reader<T>> reader;
  TextEmbedder embedder;

 private:
  int index_ = -1;
  std::jthread thread_;
};

using Texts = std::vector<std::string>;

/// Returns the message of the error that start() throws.
inline std::string failure_of_start(Rig<>& rig) {
  return test::message_of<NodeError>([&] { rig.start(); });
}

}  // namespace freshframe::process
