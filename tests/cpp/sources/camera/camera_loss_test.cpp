// V4l2Source on a fake camera: stalls, losses, returns and stops.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <filesystem>
#include <thread>
#include <vector>

#include "cpp/heard_log.hpp"
#include "cpp/sources/camera/camera_rig.hpp"
#include "cpp/temporary_folder.hpp"
#include "sources/camera/camera_finder.hpp"
#include "sources/camera/capture.hpp"
#include "sources/camera/controls.hpp"
#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using test::CameraRig;
using test::contains;
using test::message_of;
using test::seqs;
using test::Step;
using StepKind = Step::Kind;
using Seqs = std::vector<std::int64_t>;

TEST(CameraSource, EndsImmediatelyWhenStoppedWhileReading) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.script.push_back({.kind = StepKind::Stop});
  rig.camera.pictures(2);
  EXPECT_EQ(rig.run().size(), 2U);
  EXPECT_EQ(rig.camera.script.size(), 2U);
}

TEST(CameraSource, IsStalledAfterASecondAndReadsOnWhenPicturesCome) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.script.push_back({.kind = StepKind::Silence, .seconds = 3});
  rig.camera.pictures(2);
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  ASSERT_TRUE(rig.source->read(rig.context));
  ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_EQ(rig.stats().state, SourceState::Reading);
  EXPECT_EQ(rig.stats().stalls, 1U);
  EXPECT_EQ(rig.stats().outages, 0U);
  EXPECT_EQ(rig.camera.opens, 1);
}

TEST(CameraSource, EndsImmediatelyWhenStoppedWhileStalled) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = StepKind::Silence, .seconds = 2});
  rig.camera.script.push_back({.kind = StepKind::Stop});
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_FALSE(rig.source->read(rig.context));
  EXPECT_EQ(rig.stats().state, SourceState::Stalled);
  EXPECT_LT(rig.since_start(rig.clock.now()), 2.2);
}

TEST(CameraSource, AStallIsATimeoutAtItsDeadlineWithoutReconnect) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = StepKind::Silence, .seconds = 60});
  rig.open({.open_timeout = 1, .read_timeout = 2.5, .reconnect = false});
  ASSERT_TRUE(rig.source->read(rig.context));
  const auto began = rig.clock.now();
  const auto message =
      message_of<SourceTimeoutError>([&] { static_cast<void>(rig.source->read(rig.context)); });
  EXPECT_PRED2(contains, message, "camera '/dev/video7' has delivered nothing for 2.5 s");
  EXPECT_NEAR(Seconds(rig.clock.now() - began).count(), 2.5, 0.01);
}

TEST(CameraSource, AStalledCameraIsOpenedAnewAndComesBack) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.script.push_back({.kind = StepKind::Silence, .seconds = 2.05});
  rig.camera.pictures(3);
  const auto items = rig.run({.read_timeout = 2});
  EXPECT_EQ(seqs(items), (Seqs{0, 1, 2, 3, 4}));
  const auto stats = rig.stats();
  EXPECT_EQ(stats.stalls, 1U);
  EXPECT_EQ(stats.outages, 1U);
  EXPECT_EQ(stats.reconnects, 1U);
  EXPECT_GE(stats.away_total, 2.5);
  EXPECT_LE(stats.away_total, 2.75);
  EXPECT_PRED2(contains, stats.last_error, "nothing for 2 s");
  EXPECT_EQ(rig.camera.opens, 3);  // opened twice to reconnect, to check that it is the same camera
}

TEST(CameraSource, ComesBackAfterItWasUnplugged) {
  CameraRig rig;
  rig.camera.pictures(3);
  rig.camera.script.push_back({.kind = StepKind::Unplugged, .seconds = 3});
  rig.camera.pictures(3);
  const auto items = rig.run();
  ASSERT_EQ(seqs(items), (Seqs{0, 1, 2, 3, 4, 5}));
  EXPECT_GT(items[3].pts, items[2].pts + 3);
  const auto stats = rig.stats();
  EXPECT_EQ(stats.outages, 1U);
  EXPECT_EQ(stats.reconnects, 1U);
  EXPECT_GE(stats.away_total, 3);
  EXPECT_LE(stats.away_total, 3 + 4.9);  // the fourth wait is at most 4.8 s
  EXPECT_EQ(rig.lost(), 0U);
}

TEST(CameraSource, ACameraThatIsBackUnderAnotherNumberIsFound) {
  CameraRig rig;
  rig.camera.pictures(3);
  rig.camera.script.push_back({.kind = StepKind::Unplugged, .path = "/dev/video9"});
  rig.camera.pictures(3);
  rig.camera.script.push_back({.kind = StepKind::Unplugged, .path = "/dev/video7"});
  rig.camera.pictures(3);
  rig.camera.has(V4L2_CID_GAIN, "Gain", 0, 100, 10);
  rig.open();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_EQ(rig.source->setting("gain"), "10");  // of the camera under its new path
  EXPECT_EQ(rig.source->url(), "/dev/video7");
  EXPECT_EQ(seqs(rig.read_all()), (Seqs{4, 5, 6, 7, 8}));
  EXPECT_EQ(rig.stats().reconnects, 2U);
}

TEST(CameraSource, AnotherCameraThatHasItsNumberNowIsNotTakenForIt) {
  CameraRig rig;
  rig.camera.pictures(3);
  rig.camera.script.push_back({.kind = StepKind::Unplugged, .path = "/dev/video9"});
  rig.camera.pictures(3);
  rig.open();
  rig.camera.others = {{"/dev/video7", "usb-fake-2"}};
  EXPECT_EQ(seqs(rig.read_all()), (Seqs{0, 1, 2, 3, 4, 5}));
}

TEST(CameraSource, TheSameCameraInAnotherPlugIsTakenAtTheSecondAttempt) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = StepKind::Unplugged});
  rig.camera.pictures(1);
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  rig.camera.bus = "usb-fake-3";
  ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_PRED2(contains, rig.stats().last_error,
               "it is a different camera now, and Fake Camera (fake at usb-fake-1), which");
  EXPECT_GE(rig.stats().away_total, 1.2);
}

TEST(CameraFinder, NeitherOfTwoIndistinguishableCamerasIsUsed) {
  CameraRig rig;
  CameraFinder place("/dev/video7", rig.camera);
  place.remember(V4l2Handle(rig.camera, "/dev/video7"));
  rig.camera.at = "/dev/video9";
  rig.camera.others = {{"/dev/video8", "usb-fake-1"}};
  place.find();
  EXPECT_EQ(place.path(), "/dev/video7");
  rig.camera.others.clear();
  place.find();
  EXPECT_EQ(place.path(), "/dev/video9");
}

TEST(CameraFinder, ACameraThatCannotBeReadIsNotTheOne) {
  CameraRig rig;
  CameraFinder place("/dev/video7", rig.camera);
  place.remember(V4l2Handle(rig.camera, "/dev/video7"));
  rig.camera.at = "/dev/video9";
  rig.camera.others = {{"/dev/video7", "usb-fake-2"}};
  CameraControls controls(place, {}, rig.camera);
  EXPECT_THROW(V4l2Capture(rig.camera, place, {}, 4, controls), SourceError);
  place.find();
  EXPECT_EQ(place.path(), "/dev/video9");
}

TEST(CameraFinder, ACameraThatIsBackAtItsOwnNumberIsLogged) {
  test::HeardLog log;
  CameraRig rig;
  CameraFinder place("/dev/video7", rig.camera);
  place.remember(V4l2Handle(rig.camera, "/dev/video7"));
  for (const auto* path : {"/dev/video9", "/dev/video7"}) {
    rig.camera.at = path;
    place.find();
    EXPECT_EQ(place.path(), path);
  }
  EXPECT_EQ(
      log.count(LogLevel::Warning, "camera '/dev/video7' is '/dev/video9' since it was plugged in again"), 1);
  EXPECT_EQ(log.count(LogLevel::Warning, "camera '/dev/video7' has its own number again"), 1);
}

TEST(CameraFinder, ALinkIsNeverLeft) {
  const test::Folder folder;
  const auto link = folder.file("video7");
  std::filesystem::create_symlink("a-camera", link);
  CameraRig rig;
  rig.camera.at = link;
  CameraFinder place(link, rig.camera);
  place.remember(V4l2Handle(rig.camera, link));
  rig.camera.at = "/dev/video9";
  place.find();
  EXPECT_EQ(place.path(), link);
}

TEST(CameraSource, EachOutageBeginsWithTheShortestWait) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = StepKind::Unplugged, .seconds = 6});
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = StepKind::Unplugged, .seconds = 0.1});
  rig.camera.pictures(1);
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  ASSERT_TRUE(rig.source->read(rig.context));
  const double before = rig.stats().away_total;
  ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_EQ(rig.stats().outages, 2U);
  EXPECT_LT(rig.stats().away_total - before, 0.7);
}

TEST(CameraSource, APictureIsGoodThoughItsBufferCannotBeGivenBack) {
  CameraRig rig;
  rig.camera.pictures(3);
  rig.open({.reconnect = false});
  rig.camera.ioctl_code[VIDIOC_QBUF] = EIO;
  EXPECT_TRUE(rig.source->read(rig.context));
  EXPECT_THROW(static_cast<void>(rig.source->read(rig.context)), SourceError);
}

TEST(CameraSource, IsLostWithoutReconnect) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = StepKind::Unplugged, .seconds = 3});
  rig.open({.reconnect = false});
  ASSERT_TRUE(rig.source->read(rig.context));
  try {
    static_cast<void>(rig.source->read(rig.context));
    FAIL() << "nothing was thrown";
  } catch (const SourceError& error) {
    EXPECT_EQ(error.code(), ENODEV);
    EXPECT_PRED2(contains, error.what(), "cannot read camera '/dev/video7': it was unplugged");
  }
}

TEST(CameraSource, AnInputOutputErrorIsAnOutage) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = StepKind::Failed, .code = EIO});
  rig.camera.pictures(1);
  EXPECT_EQ(rig.run().size(), 2U);
  EXPECT_EQ(rig.stats().outages, 1U);
  EXPECT_PRED2(contains, rig.stats().last_error, "Input/output error");
}

TEST(CameraSource, BacksOffLongerEachTimeAndEndsImmediatelyWhenStopped) {
  CameraRig rig;
  rig.camera.open_code = ENOENT;
  rig.open();
  EXPECT_EQ(rig.stats().state, SourceState::BackingOff);
  EXPECT_EQ(rig.stats().outages, 1U);
  rig.camera.stop_while_waiting = true;
  const auto began = rig.clock.now();
  EXPECT_FALSE(rig.source->read(rig.context));
  EXPECT_EQ(rig.clock.now(), began);
  EXPECT_EQ(rig.camera.opens, 1);
}

TEST(CameraSource, ACameraThatIsPluggedInLaterIsFound) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.open_code = ENOENT;
  rig.open();
  rig.camera.open_code = 0;
  EXPECT_EQ(rig.read_all().size(), 2U);
  EXPECT_EQ(rig.source->info().width, 64);
  EXPECT_EQ(rig.stats().reconnects, 1U);
}

TEST(CameraSource, CarriesOnThroughSignalsAndEmptyWakeUps) {
  CameraRig rig;
  rig.camera.interrupt_every = 3;
  rig.camera.pictures(2);
  rig.camera.pictures(20, {.kind = StepKind::Spurious});
  rig.camera.script.push_back({.kind = StepKind::Interrupted});
  rig.camera.pictures(2);
  EXPECT_EQ(rig.run().size(), 4U);
  EXPECT_EQ(rig.stats().outages, 0U);
}

TEST(CameraSource, ADriverThatIsReadyForEverAndHasNothingIsLost) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.pictures(100, {.kind = StepKind::Spurious});
  rig.camera.pictures(1);
  EXPECT_EQ(rig.run().size(), 2U);
  EXPECT_EQ(rig.stats().outages, 1U);
}

TEST(CameraSource, SurvivesAnUnplugAtAnyCall) {
  int calls = 0;
  {
    CameraRig whole;
    whole.camera.pictures(6);
    EXPECT_EQ(whole.run().size(), 6U);
    calls = whole.camera.ioctls;
  }
  ASSERT_GT(calls, 20);
  for (int at = 0; at < calls; ++at) {
    SCOPED_TRACE(at);
    for (const bool reconnect : {true, false}) {
      CameraRig rig;
      rig.camera.unplug_at_ioctl = at;
      rig.camera.pictures(6);
      try {
        const auto items = rig.run({.reconnect = reconnect});
        EXPECT_TRUE(reconnect || items.size() == 6);
        EXPECT_GE(items.size(), 5U);  // one may have been lost in the driver
        for (std::size_t i = 1; i < items.size(); ++i) EXPECT_EQ(items[i].seq, *items[i - 1].seq + 1);
      } catch (const SourceError& error) {
        EXPECT_FALSE(reconnect);
        EXPECT_EQ(error.code(), ENODEV);
      }
    }
  }
}

TEST(CameraSource, IsStoppedAndAskedByOtherThreadsWhileItBacksOff) {
  for (int round = 0; round < 10; ++round) {
    test::CheckedPipeline pipeline;
    const auto camera = pipeline.add(open("/dev/video987"), {.name = "camera"});
    auto reader = pipeline.reader(camera);
    pipeline.start();
    std::thread asker([&] {
      const auto source = pipeline.stats().nodes.at(0).source;
      ASSERT_TRUE(source);
      EXPECT_EQ(source->outages, 1U);
      EXPECT_PRED2(contains, source->last_error, "there is no such camera");
    });
    asker.join();
    const auto state = pipeline.stats().nodes.at(0).source->state;
    EXPECT_TRUE(state == SourceState::BackingOff || state == SourceState::Connecting) << to_string(state);
    pipeline.stop();
    EXPECT_EQ(pipeline.stats().nodes.at(0).source->state, SourceState::Closed);
  }
}

TEST(CameraSource, AWaitEndsWhenAnotherThreadStops) {
  std::stop_source stop;
  const core::StopEvent event(stop.get_token());
  pollfd waiting{event.descriptor(), POLLIN, 0};
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(V4l2System::kernel().poll({&waiting, 1}, -1), 1);
  stopper.join();
}

}  // namespace
}  // namespace freshframe::media
