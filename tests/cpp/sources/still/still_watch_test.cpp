// Which keyframes of a source count, and what its counters and the log say of them.
// SPDX-License-Identifier: Apache-2.0
#include "sources/still/still_watch.hpp"

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/stats.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/heard_log.hpp"
#include "cpp/media/paced.hpp"
#include "cpp/temporary_folder.hpp"
#include "sources/still/picture_digest.hpp"
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>

namespace freshframe::test {
namespace {

constexpr int kStillWidth = 320;
constexpr int kStillHeight = 192;

// A picture of bars whose noise no other one has.
Frame noisy(std::uint32_t number) {
  std::mt19937 random(number);
  FrameBuilder builder({.width = kStillWidth, .height = kStillHeight, .format = PixelFormat::Gray});
  for (int y = 0; y < kStillHeight; ++y) {
    auto* row = builder.plane(0) + y * builder.stride(0);
    for (int x = 0; x < kStillWidth; ++x)
      row[x] = static_cast<std::uint8_t>(2 * (x / 32) * 10 + random() % 4);
  }
  return std::move(builder).publish();
}

class StillWatchTest : public ::testing::Test {
 protected:
  /// A picture, `seconds` after the one before.
  void see(StillWatch& watch, const Frame& picture, double seconds) {
    watch.note_picture(picture, time_, rig_.context);
    pass(seconds);
  }
  void pass(double seconds) { time_ += std::chrono::duration_cast<TimePoint::duration>(Seconds(seconds)); }
  [[nodiscard]] SourceStats stats() const { return rig_.counters.source().snapshot(time_); }

  Rig rig_;
  TimePoint time_ = rig_.start;
  HeardLog log_;
};

TEST_F(StillWatchTest, APictureThatStaysIsToldAfterTheTimeAndEndsWithOtherPictures) {
  StillWatch watch("camera 'door'", 10);
  const auto hung = noisy(1);
  for (int i = 0; i < 5; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "") << "8 s";
  see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_for, 10);
  EXPECT_EQ(stats().frozen_frames, 6U);
  EXPECT_EQ(stats().frozen_contents, 1U);
  EXPECT_TRUE(stats().frozen_is_ill);
  see(watch, hung, 2);
  EXPECT_EQ(stats().frozen_for, 12);
  EXPECT_EQ(
      log_.count(LogLevel::Warning, "camera 'door' has shown one picture for 10 s: 6 keyframes, 1 content"),
      1);
  for (std::uint32_t i = 2; i < 5; ++i) see(watch, noisy(i), 2);
  EXPECT_EQ(stats().frozen, "");
  EXPECT_EQ(stats().frozen_for, 0);
  EXPECT_FALSE(stats().frozen_is_ill);
  EXPECT_EQ(log_.count(LogLevel::Warning, ""), 2);
  EXPECT_EQ(log_.count(LogLevel::Warning, "camera 'door' shows other pictures again"), 1);
}

TEST_F(StillWatchTest, WithoutATimeItIsAMinuteAndNoReasonForHealthToFail) {
  StillWatch watch("x", std::nullopt);
  const auto hung = noisy(1);
  for (int i = 0; i < 30; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "");
  see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_for, 60);
  EXPECT_FALSE(stats().frozen_is_ill);
}

TEST_F(StillWatchTest, ZeroLooksAtNothing) {
  StillWatch watch("x", 0);
  const auto hung = noisy(1);
  for (int i = 0; i < 100; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "");
}

TEST_F(StillWatchTest, OfPicturesThatAreAllKeyPicturesOneEachSecondCounts) {
  StillWatch watch("x", 10);
  const auto hung = noisy(1);
  for (int i = 0; i < 25 * 20; ++i) see(watch, hung, 0.04);
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_frames, 20U);
}

TEST_F(StillWatchTest, EachKeyPictureOfASlowStreamCounts) {
  StillWatch watch("x", 4);
  const auto hung = noisy(1);
  for (int i = 0; i < 20; ++i) see(watch, hung, 0.5);
  EXPECT_EQ(stats().frozen_frames, 17U)
      << "without the first three: what is equal to younger ones only is no proof";
}

TEST_F(StillWatchTest, ASourceThatDecodesNothingNeedsAPictureEachQuarterOfTheTimeAndMoreInDoubt) {
  StillWatch watch("x", 20);
  std::vector<double> needed;
  std::vector<std::uint8_t> packet(1000, 7);
  const auto hung = noisy(1);
  for (int i = 0; i < 60; ++i) {
    packet[500] = static_cast<std::uint8_t>(i);  // as an encoder that counts its pictures
    watch.note_packet(packet, time_, rig_.context);
    if (watch.needs_picture(time_)) {
      needed.push_back(Seconds(time_ - rig_.start).count());
      watch.ask_picture(time_);
      EXPECT_FALSE(watch.needs_picture(time_)) << "also where the picture does not come";
      watch.note_seen(i < 40 ? hung : noisy(static_cast<std::uint32_t>(i)), time_, rig_.context);
    }
    const double seconds = Seconds(time_ - rig_.start).count();
    EXPECT_EQ(stats().frozen, seconds >= 20 && seconds < 42 ? "frozen" : "") << seconds;
    pass(1);
  }
  std::vector<double> expected{0, 5};
  for (int second = 6; second < 42; ++second) expected.push_back(second);
  expected.insert(expected.end(), {42, 47, 52, 57});
  EXPECT_EQ(needed, expected);
  EXPECT_FALSE(StillWatch("x", 0).needs_picture(time_));
  see(watch, noisy(2), 1);
  EXPECT_FALSE(watch.needs_picture(time_)) << "it has one";
}

// A hung camera whose frames are wanted now and then. The packets come again, as from a relay.
TEST_F(StillWatchTest, ASourceThatDecodesNowAndThenIsStillAllTheTime) {
  StillWatch watch("x", 10);
  const std::vector<std::uint8_t> packet(1000, 7);
  const auto hung = noisy(1);
  for (int second = 0; second < 120; second += 2) {
    const bool is_wanted = second < 20 || (second >= 40 && second < 46) || second > 80;
    if (is_wanted) {
      watch.note_picture(hung, time_, rig_.context);
    } else {
      watch.note_packet(packet, time_, rig_.context);
      if (watch.needs_picture(time_)) {
        watch.ask_picture(time_);
        watch.note_seen(hung, time_, rig_.context);
      }
    }
    EXPECT_EQ(stats().frozen, second < 10 ? "" : "frozen") << second;
    EXPECT_TRUE(second < 10 || stats().frozen_for == second) << stats().frozen_for;
    pass(2);
  }
  for (std::uint32_t i = 0; i < 6; ++i) see(watch, noisy(100 + i), 2);
  EXPECT_EQ(stats().frozen, "");
}

TEST_F(StillWatchTest, PicturesThatComeNoLongerProveNothing) {
  StillWatch watch("x", 10);
  const auto hung = noisy(1);
  for (int i = 0; i < 10; ++i) see(watch, hung, 2);
  EXPECT_EQ(stats().frozen, "frozen");
  std::vector<std::uint8_t> packet(1000, 7);
  for (int i = 0; i < 10; ++i) {  // it moves, and no keyframe can be decoded by itself
    packet[500] = static_cast<std::uint8_t>(i);
    watch.note_packet(packet, time_, rig_.context);
    if (watch.needs_picture(time_)) watch.ask_picture(time_);
    pass(2);
  }
  EXPECT_EQ(stats().frozen, "");
}

TEST_F(StillWatchTest, PacketsThatAreNotDecodedAreKnownByTheirBytes) {
  StillWatch watch("x", 10);
  std::vector<std::uint8_t> packet(1000, 7);
  for (int i = 0; i < 20; ++i) {
    packet[500] = static_cast<std::uint8_t>(i);
    watch.note_packet(packet, time_, rig_.context);
    pass(2);
  }
  EXPECT_EQ(stats().frozen, "");
  for (int i = 0; i < 6; ++i) {
    watch.note_packet(packet, time_, rig_.context);
    pass(2);
  }
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_for, 12) << "since the last one that was new";
}

class RememberTest : public StillWatchTest {
 protected:
  /// The source of a program that runs until `run` ends.
  template <class Run>
  void program(const Run& run, const std::string& node = "door/1") {
    rig_.clock.advance(time_ - rig_.clock.now());
    StillWatch watch("camera 'door'", 10, folder_.string());
    const Context context{rig_.stop.get_token(), rig_.clock, rig_.counters, node};
    watch.open(context);
    run(watch);
    watch.close();
  }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "door%2F1.frozen"; }
  [[nodiscard]] std::string bytes() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Changes the machine that the file knows.
  void start_machine_anew() {
    auto all = bytes();
    constexpr std::size_t kBoot = 24;
    const std::size_t end = all.size() - sizeof(std::uint64_t);
    all[kBoot] = static_cast<char>(all[kBoot] ^ 1);
    const auto sum = compute_digest(reinterpret_cast<const std::uint8_t*>(all.data()), end);
    std::memcpy(all.data() + end, &sum, sizeof(sum));
    std::ofstream(file(), std::ios::binary) << all;
  }

  const test::Folder parent_;
  const std::filesystem::path folder_ = parent_.path() / "still_memory";
};

TEST_F(RememberTest, ThePictureOfBeforeARestartIsToldAtOnce) {
  rig_.clock.set_wall_clock(1.7e9);
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
  });
  pass(3600);
  program([this](StillWatch& watch) { see(watch, noisy(39), 2); });
  EXPECT_EQ(stats().frozen, "frozen");
  EXPECT_EQ(stats().frozen_for, 3602) << "since the last one before the restart";
  EXPECT_EQ(stats().frozen_frames, 2U);
  EXPECT_EQ(log_.count(LogLevel::Warning,
                       "camera 'door' has shown one picture for 3602 s: 2 keyframes, 1 content; it is one "
                       "from before the restart"),
            1);
}

TEST_F(RememberTest, APictureFromBeforeTheNewestMotionIsStillSinceItIsBack) {
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
  });
  pass(3600);
  program([this](StillWatch& watch) {
    for (int i = 0; i < 5; ++i) see(watch, noisy(5), 2);
    EXPECT_EQ(stats().frozen, "") << "8 s";
    see(watch, noisy(5), 2);
    EXPECT_EQ(stats().frozen_for, 10);
  });
}

TEST_F(RememberTest, OtherPicturesAfterARestartAreNotStill) {
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
  });
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 40; i < 80; ++i) see(watch, noisy(i), 2);
  });
  EXPECT_EQ(stats().frozen, "");
  EXPECT_EQ(log_.count(LogLevel::Warning, ""), 0);
}

TEST_F(RememberTest, TheFileIsWrittenOnceAMinuteAndHasTheNewestThousand) {
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 30; ++i) see(watch, noisy(i), 2);
    EXPECT_FALSE(std::filesystem::exists(file()));
    for (std::uint32_t i = 30; i < 40; ++i) see(watch, noisy(i), 2);
    while (!std::filesystem::exists(file())) std::this_thread::yield();
    for (std::uint32_t i = 40; i < 1100; ++i) see(watch, noisy(i), 2);
  });
  EXPECT_EQ(std::filesystem::file_size(file()), 1024U * 16 + 48);
  program([this](StillWatch& watch) {
    see(watch, noisy(1099), 2);
    see(watch, noisy(75), 2);
  });
  EXPECT_EQ(stats().frozen, "");
}

TEST_F(RememberTest, AFileThatIsDamagedIsToldAndIsNothing) {
  const auto last = [this](StillWatch& watch) { see(watch, noisy(39), 2); };
  for (const auto damage : {0, 1, 2, 3}) {
    program([this](StillWatch& watch) {
      for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
    });
    pass(60);
    if (damage == 0) std::filesystem::resize_file(file(), 100);
    if (damage == 1) std::filesystem::resize_file(file(), 0);
    if (damage == 2) std::ofstream(file(), std::ios::binary | std::ios::app) << "more";
    if (damage == 3) {
      std::fstream bytes(file(), std::ios::binary | std::ios::in | std::ios::out);
      bytes.seekp(200);
      bytes.put('x');
    }
    program(last);
    EXPECT_EQ(stats().frozen, "") << damage;
    EXPECT_EQ(log_.count(LogLevel::Warning, "is damaged or of another version"), damage + 1);
    std::filesystem::remove(file());
  }
}

TEST_F(RememberTest, AClockThatIsSetBetweenTwoProgramsMakesNoPictureOlder) {
  for (const double unix_time : {1.8e9, 1.6e9, 1e6}) {
    rig_.clock.set_wall_clock(1.7e9);
    program([this](StillWatch& watch) {
      for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 1);
    });
    rig_.clock.set_wall_clock(unix_time);
    program([this](StillWatch& watch) {
      see(watch, noisy(39), 2);
      EXPECT_EQ(stats().frozen, "") << "it is a second old: a page's clock may not have gone on";
      for (int i = 0; i < 5; ++i) see(watch, noisy(39), 2);
      EXPECT_EQ(stats().frozen_for, 11);
    });
    rig_.counters.source().set_frozen({});
    std::filesystem::remove(file());
  }
}

TEST_F(RememberTest, AfterAStartOfTheMachineAPictureOfAWrongClockIsAsNewAsThat) {
  struct Case {
    double kept;  // the Unix time then
    double now;   // the machine's time
    bool right;   // both are right
  };
  for (const auto& each : {
           Case{1.7e9, 1.7e9 + 1e6, true},
           Case{1.7e9, 1.7e9 + 600, true},    // another machine, which runs longer
           Case{1e6, 1.7e9, false},           // the clock was not set then
           Case{1.7e9, 1e6, false},           // it isn't now
           Case{1.7e9, 1.7e9 - 7200, false},  // it has the time of its last end
           Case{4e9, 1.7e9, false},           // it was wrong by decades
       }) {
    rig_.clock.advance(time_ - rig_.clock.now());
    rig_.clock.set_wall_clock(each.kept);
    program([this](StillWatch& watch) {
      for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
    });
    start_machine_anew();
    pass(3600);
    rig_.clock.advance(time_ - rig_.clock.now());
    rig_.clock.set_wall_clock(each.now);
    program([this](StillWatch& watch) { see(watch, noisy(39), 0); });
    EXPECT_EQ(stats().frozen, "frozen");
    const double since_start = Seconds(time_.time_since_epoch()).count();  // the simulated clock began at 0
    EXPECT_NEAR(stats().frozen_for, each.right ? each.now - each.kept - 78 : since_start, 1)
        << each.kept << " " << each.now;
    std::filesystem::remove(file());
  }
}

TEST_F(RememberTest, AFolderThatDoesNotAnswerHoldsNoCameraUpAndIsReadWhenItDoes) {
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
  });
  const auto kept = bytes();
  std::filesystem::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600),
            0);  // opening it waits for a writer, as for a server that is away
  pass(3600);
  program([&](StillWatch& watch) {
    EXPECT_EQ(
        log_.count(LogLevel::Warning, "frozen' does not answer; pictures from before the restart are known"),
        1);
    for (int i = 0; i < 100; ++i) see(watch, noisy(39), 0.5);
    EXPECT_EQ(stats().frozen_for, 48) << "of this run";
    EXPECT_TRUE(std::filesystem::is_fifo(file())) << "it's not written before it was read";
    std::ofstream(file(), std::ios::binary) << kept;
    const auto is_known = [&] { return stats().frozen_for > 3600; };
    for (int i = 0; i < 2000 && !is_known(); ++i) {
      see(watch, noisy(39), 2);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(is_known());
  });
  EXPECT_TRUE(std::filesystem::is_regular_file(file()));
}

TEST_F(RememberTest, AFolderThatNeverAnswersIsLeftBehind) {
  std::filesystem::create_directories(folder_);
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 100; ++i) see(watch, noisy(i), 2);
    const auto files = std::filesystem::directory_iterator(folder_);
    EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "what proves that it can be written is gone";
  });
  EXPECT_TRUE(std::filesystem::is_fifo(file()));
  std::ofstream(file(), std::ios::binary) << "";  // lets the reader go
}

TEST_F(RememberTest, ASourceThatStartsOnceMoreReadsWhatItCouldNotAtFirst) {
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
  });
  const auto kept = bytes();
  std::filesystem::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  pass(3600);
  program([&](StillWatch& watch) {
    for (std::uint32_t i = 40; i < 50; ++i) see(watch, noisy(i), 2);
    watch.close();
    std::ofstream(file(), std::ios::binary) << "";  // lets the reader go
    std::filesystem::remove(file());
    std::ofstream(file(), std::ios::binary) << kept;
    rig_.clock.advance(time_ - rig_.clock.now());
    const Context context{rig_.stop.get_token(), rig_.clock, rig_.counters, "door/1"};
    watch.open(context);
    for (int i = 0; i < 7; ++i) see(watch, noisy(39), 2);
  });
  EXPECT_EQ(log_.count(LogLevel::Warning, "it is one from before the restart"), 0) << "others came between";
  EXPECT_EQ(bytes().size(), (40U + 10 + 7) * 16 + 48);
}

/// While it lives, no thread starts.
class NoThreads {
 public:
  NoThreads() {
    pthread_attr_t huge;
    EXPECT_EQ(::pthread_getattr_default_np(&before_), 0);
    EXPECT_EQ(::pthread_attr_init(&huge), 0);
    EXPECT_EQ(::pthread_attr_setstacksize(&huge, std::size_t{1} << 50), 0);  // no thread has this size
    EXPECT_EQ(::pthread_setattr_default_np(&huge), 0);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;
  ~NoThreads() { EXPECT_EQ(::pthread_setattr_default_np(&before_), 0); }

 private:
  pthread_attr_t before_{};
};

TEST_F(RememberTest, AFileThatCouldNotBeReadAtTheStartIsReadBeforeItIsWritten) {
  program([this](StillWatch& watch) {
    for (std::uint32_t i = 0; i < 40; ++i) see(watch, noisy(i), 2);
  });
  pass(3600);
  std::optional<NoThreads> none(std::in_place);
  program([&](StillWatch& watch) {
    none.reset();
    const auto is_known = [&] { return stats().frozen_for > 3600; };
    for (int i = 0; i < 300 && !is_known(); ++i) {
      see(watch, noisy(39), 2);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_TRUE(is_known());
  });
}

TEST_F(RememberTest, AMachineWithoutThreadsLosesNoCamera) {
  std::optional<NoThreads> none;
  program([&](StillWatch& watch) {
    none.emplace();
    for (std::uint32_t i = 0; i < 100; ++i) see(watch, noisy(i), 2);
    for (int i = 0; i < 6; ++i) see(watch, noisy(99), 2);
  });
  EXPECT_EQ(stats().frozen, "frozen");
  program([&](StillWatch& watch) { see(watch, noisy(200), 2); });
  none.reset();
  EXPECT_EQ(log_.count(LogLevel::Warning, "cannot remember its pictures: "), 2) << "each program tells it";
}

TEST_F(RememberTest, TwoWritersOfOneFileLeaveOneOfTheirsWhole) {
  const auto write = [this](std::uint32_t first) {
    Rig rig;
    for (int turn = 0; turn < 50; ++turn) {
      constexpr double kNever = 1e9;
      StillWatch watch("camera 'door'", kNever, folder_.string());
      const Context context{rig.stop.get_token(), rig.clock, rig.counters, "door/1"};
      watch.open(context);
      auto time = rig.clock.now() + std::chrono::seconds(1);
      for (std::uint32_t i = 0; i < 4; ++i)
        watch.note_picture(noisy(first + i), time += std::chrono::seconds(2), context);
      rig.clock.advance(time - rig.clock.now());
      watch.close();
    }
  };
  std::thread other([&] { write(100); });
  write(200);
  other.join();
  EXPECT_EQ(log_.count(LogLevel::Warning, ""), 0) << "neither finds a damaged file, nor fails to write";
  const auto files = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing is left behind";
}

TEST_F(RememberTest, AFolderThatCannotBeWrittenIsAnError) {
  std::ofstream(folder_) << "a file";
  StillWatch watch("camera 'door'", 10, folder_.string());
  try {
    watch.open(rig_.context);
    FAIL();
  } catch (const SourceError& error) {
    EXPECT_EQ(std::string(error.what()).find("cannot open camera 'door': remember: cannot read or write '"),
              0U)
        << error.what();
  }
}

TEST_F(RememberTest, AWriteThatFailsIsToldOnceAndTheSourceGoesOn) {
  program([this](StillWatch& watch) {
    std::filesystem::remove_all(folder_);
    for (std::uint32_t i = 0; i < 200; ++i) {
      see(watch, noisy(i), 2);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    for (int i = 0; i < 6; ++i) see(watch, noisy(200), 2);
    EXPECT_EQ(stats().frozen, "frozen");
  });
  EXPECT_EQ(log_.count(LogLevel::Warning, "camera 'door': cannot remember its pictures: "), 1);
}

TEST_F(StillWatchTest, ALoopIsToldWithItsPeriod) {
  StillWatch watch("x", 4);
  for (std::uint32_t i = 0; i < 30; ++i) see(watch, noisy(i % 5), 2);
  EXPECT_EQ(stats().frozen, "loop");
  EXPECT_EQ(stats().frozen_period, 10);
  EXPECT_EQ(log_.count(LogLevel::Warning, "has shown the same pictures again and again for"), 1);
}

}  // namespace
}  // namespace freshframe::test
