// Shared by the tests of cameras: a source on a fake camera, and the frames that it delivered.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cpp/media/paced.hpp"
#include "cpp/sources/camera/fake_camera.hpp"
#include "cpp/support.hpp"
#include "sources/camera/v4l2_source.hpp"

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

using Step = FakeCamera::Step;

/// A clock whose waits take no real time. A stop requested by the camera's script interrupts them.
class PassingClock final : public Clock {
 public:
  PassingClock(SimulatedClock& clock, FakeCamera& camera) : clock_(clock), camera_(camera) {}

  [[nodiscard]] TimePoint now() const override { return clock_.now(); }
  [[nodiscard]] double unix_time(TimePoint time) const override { return clock_.unix_time(time); }
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& /*condition*/,
                  TimePoint deadline, const std::function<bool()>& ready) const override {
    lock.unlock();  // a stop callback needs it
    camera_.pass_until(deadline);
    lock.lock();
    return ready();
  }

 private:
  SimulatedClock& clock_;
  FakeCamera& camera_;
};

/// A source of a fake camera. The source is destroyed first, and then the fake checks that nothing is open or mapped.
struct CameraRig : Rig {
  FakeCamera camera{clock, stop};
  PassingClock waits{clock, camera};
  Context context{stop.get_token(), waits, counters};
  std::unique_ptr<V4l2Source> source;
  std::string path = "/dev/video7";

  /// Opens the source. The fake stops the pipeline at the end of its script.
  void open(const OpenOptions& options = {}) {
    source = std::make_unique<V4l2Source>(path, v4l2_options(options), camera);
    source->open(context);
  }
  /// Reads until the source ends.
  std::vector<SourceItem<Frame>> read_all() {
    std::vector<SourceItem<Frame>> items;
    while (auto item = source->read(context)) items.push_back(*std::move(item));
    return items;
  }
  std::vector<SourceItem<Frame>> run(const OpenOptions& options = {}) {
    open(options);
    auto items = read_all();
    source->close();
    return items;
  }
  [[nodiscard]] std::uint64_t lost() const { return counters.drops(NodeDropCause::Device); }
  [[nodiscard]] std::uint64_t damaged() const { return counters.drops(NodeDropCause::Decode); }
  [[nodiscard]] SourceStats stats() const { return counters.source().snapshot(clock.now()); }
};

inline std::vector<std::int64_t> seqs(const std::vector<SourceItem<Frame>>& items) {
  std::vector<std::int64_t> result;
  for (const auto& item : items) result.push_back(item.seq.value_or(-1));
  return result;
}

}  // namespace freshframe::test
