// Errors of a live source's connection, which cameras and network streams handle in the same way.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/reconnecting_source.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "cpp/core/test_frames.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/stream/reconnect.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

/// A clock that jumps to the deadline of each wait.
class JumpingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  bool wait_until(std::unique_lock<std::mutex>& /*lock*/, std::condition_variable& /*condition*/,
                  TimePoint deadline, const std::function<bool()>& ready) const override {
    if (!ready()) now_ = std::max(now_, deadline);
    return ready();
  }

 private:
  mutable TimePoint now_{};
};

/// A source that follows a script. Each step is one attempt to connect or one frame.
class Scripted final : public ReconnectingSource {
 public:
  using Step = std::function<void()>;

  explicit Scripted(std::deque<Step> script, Reconnect reconnect = Reconnect::Always)
      : ReconnectingSource("source 'x'", reconnect), script_(std::move(script)) {}

  [[nodiscard]] std::string url() const override { return "x"; }
  int attempts = 0;
  bool is_connected = false;
  AvFramePtr undecodable = nullptr;

 protected:
  void connect(const Context& /*context*/) override {
    ++attempts;
    step();
    is_connected = true;
  }
  std::optional<SourceItem<Frame>> next(const Context& context) override {
    step();
    if (undecodable) {
      FrameMaker maker;
      if (auto frame = make(maker, std::move(undecodable), context)) return SourceItem<Frame>{*frame};
      return std::nullopt;
    }
    note_packet(context.clock.now());
    note_frame(context);
    return SourceItem<Frame>{gray_frame(1)};
  }
  void disconnect() override { is_connected = false; }

 private:
  void step() {
    if (script_.empty()) return;
    const auto next = std::move(script_.front());
    script_.pop_front();
    next();
  }

  std::deque<Step> script_;
};

struct Surroundings {
  JumpingClock clock;
  std::stop_source stop;
  NodeCounters counters;
  Context context{stop.get_token(), clock, counters};

  [[nodiscard]] SourceStats stats() const { return counters.source().snapshot(clock.now()); }
};

/// Returns a frame in GPU memory, which cannot be converted in software.
AvFramePtr undecodable_frame() {
  auto frame = make_av_frame();
  frame->format = AV_PIX_FMT_VAAPI;
  frame->width = frame->height = 16;
  return frame;
}

const auto kWorks = [] {};
const auto kRefuses = [] { throw SourceRefused("not this one", "x", EINVAL); };
const auto kFails = [] { throw SourceError("it is gone", "x", ENODEV); };

TEST(ReconnectingSource, ARefusalIsThrownBeforeTheFirstConnectionOnly) {
  Surroundings run;
  Scripted refused({kRefuses});
  EXPECT_THROW(refused.open(run.context), SourceRefused);
  Scripted later({kFails, kRefuses});
  later.open(run.context);
  EXPECT_THROW(static_cast<void>(later.read(run.context)), SourceRefused);
  Scripted replaced({kWorks, kFails, kRefuses, kWorks});
  replaced.open(run.context);
  EXPECT_TRUE(replaced.read(run.context)) << "another device may have been there for a while";
  EXPECT_EQ(replaced.attempts, 3);
}

TEST(ReconnectingSource, AShortLackOfResourcesIsAnOutage) {
  Surroundings run;
  Scripted source({[] { throw std::bad_alloc(); }, kWorks, [] { throw std::runtime_error("no thread"); }});
  source.open(run.context);
  EXPECT_EQ(run.stats().last_error, "cannot open source 'x': not enough memory");
  EXPECT_TRUE(source.read(run.context));
  EXPECT_EQ(run.stats().last_error, "lost source 'x': no thread");
  EXPECT_EQ(run.stats().outages, 1U) << "one outage until a frame comes";
  EXPECT_EQ(run.stats().reconnects, 1U);
}

TEST(ReconnectingSource, ThatMustOpenConnectsAgainOnlyAfterItsFirstFrame) {
  Surroundings run;
  Scripted absent({kFails}, Reconnect::AfterItsFirstFrame);
  EXPECT_THROW(absent.open(run.context), SourceError);
  Scripted silent({kWorks, kFails}, Reconnect::AfterItsFirstFrame);
  silent.open(run.context);
  EXPECT_THROW(static_cast<void>(silent.read(run.context)), SourceError);
  Scripted shaky({kWorks, kWorks, kFails, kFails}, Reconnect::AfterItsFirstFrame);
  shaky.open(run.context);
  EXPECT_TRUE(shaky.read(run.context));
  EXPECT_TRUE(shaky.read(run.context));
  EXPECT_EQ(shaky.attempts, 3);
  EXPECT_EQ(run.stats().reconnects, 1U);
}

TEST(ReconnectingSource, WithoutReconnectEveryErrorIsThrown) {
  Surroundings run;
  Scripted source({kWorks, kFails}, Reconnect::Never);
  source.open(run.context);
  EXPECT_THROW(static_cast<void>(source.read(run.context)), SourceError);
  Scripted closed({kFails}, Reconnect::Never);
  EXPECT_THROW(closed.open(run.context), SourceError);
  EXPECT_FALSE(closed.is_connected);
  EXPECT_EQ(run.stats().outages, 0U);
}

TEST(ReconnectingSource, AnErrorCausedByAStopIsNotAnOutage) {
  Surroundings run;
  Scripted source({kWorks, [&] {
                     run.stop.request_stop();
                     kFails();
                   }});
  source.open(run.context);
  EXPECT_FALSE(source.read(run.context));
  EXPECT_FALSE(source.is_connected);
  EXPECT_EQ(run.stats().outages, 0U);
}

TEST(ReconnectingSource, AFrameThatCannotBeMadeIsCountedAndTheConnectionStays) {
  Surroundings run;
  Scripted source({});
  source.open(run.context);
  source.undecodable = undecodable_frame();
  EXPECT_TRUE(source.read(run.context));
  EXPECT_EQ(run.counters.drops(NodeDropCause::Decode), 1U);
  EXPECT_EQ(source.attempts, 1);
  EXPECT_EQ(run.stats().outages, 0U);
  Scripted strict({}, Reconnect::Never);
  strict.open(run.context);
  strict.undecodable = undecodable_frame();
  EXPECT_THROW(static_cast<void>(strict.read(run.context)), std::exception);
}

}  // namespace
}  // namespace freshframe::test
