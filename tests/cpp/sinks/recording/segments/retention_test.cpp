// Old segments are deleted before a limit is exceeded, and no other file is ever deleted.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/segments/retention.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <atomic>
#include <cmath>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/file_claim.hpp"
#include "cpp/media/files.hpp"
#include "media/ffmpeg/write/output_file.hpp"
#include "sinks/recording/segments/own_files.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

namespace fs = std::filesystem;
using media::Keep;
using media::KeepList;
using media::MachineClocks;
using media::Retention;
using media::SegmentPattern;

constexpr double kDaySeconds = 86400;

std::uint64_t on_disk(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

void set_time(const std::string& path, double unix_time) {
  const timespec time{.tv_sec = static_cast<time_t>(unix_time), .tv_nsec = 0};
  const timespec times[2] = {time, time};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

/// Clocks that are set by the test.
struct HandClocks {
  std::atomic<double> wall{2e9};
  std::atomic<double> running{1000};

  [[nodiscard]] MachineClocks clocks() {
    return {.wall = [this] { return wall.load(); }, .running = [this] { return running.load(); }};
  }
  void pass(double seconds) {
    wall = wall + seconds;
    running = running + seconds;
  }
};

/// Writes segments in pieces, with a flush before each piece, as a recorder does.
class Segments {
 public:
  Segments(const Folder& folder, const std::string& pattern, const Keep& keep, HandClocks* clocks = nullptr)
      : pattern_(folder.file(pattern)),
        clocks_(clocks),
        retention_(
            std::make_unique<Retention>(pattern_, keep, clocks ? clocks->clocks() : MachineClocks::real())) {}

  void write(std::int64_t number, int pieces = 1) { write_named(pattern_.make_name(0, number), pieces); }
  void write_named(const std::string& name, int pieces = 1) {
    const auto path = pattern_.base() + "/" + name;
    retention_->begin_file(name);
    for (int n = 0; n < pieces; ++n) {
      retention_->before_flush();
      std::ofstream(path, std::ios::binary | std::ios::app) << std::string(8192, 'x');
      most_ = std::max(most_, retention_->finished_bytes() + on_disk(path));
    }
    if (clocks_ != nullptr) set_time(path, clocks_->wall);
    retention_->finish();
  }
  [[nodiscard]] std::uint64_t most() const { return most_; }
  Retention* operator->() { return retention_.get(); }

 private:
  SegmentPattern pattern_;
  HandClocks* clocks_;
  std::unique_ptr<Retention> retention_;
  std::uint64_t most_ = 0;
};

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

// A new file may get the inode of a file that was just deleted.
TEST(OwnFiles, AFileThatBeginsWhileAnotherOneIsDeletedIsNotTakenForIt) {
  const Folder folder;
  const media::OwnFiles own(SegmentPattern(folder.file("a_%d.mp4")));
  std::atomic<bool> over{false};
  std::jthread deleter([&] {
    for (int n = 1; n <= 5000; ++n) {
      const auto name = "a_" + std::to_string(n) + ".mp4";
      std::ofstream(folder.file(name)) << 'x';
      EXPECT_EQ(own.remove(name), media::OwnFiles::Removal::Done);
    }
    over = true;
  });
  while (!over) {
    EXPECT_NO_THROW(media::OutputFile(folder.file("b.mp4")));
  }
}

TEST(Retention, KeepsTenThousandSmallSegmentsWithinTheLimitAtEachMoment) {
  const Folder folder;
  constexpr std::uint64_t kLimit = 4 << 20;
  Segments segments(folder, "a_%05d.mp4", {.bytes = kLimit});
  for (int n = 1; n <= 10000; ++n) segments.write(n);
  segments->catch_up();
  EXPECT_LE(segments.most(), kLimit);
  EXPECT_GT(segments.most(), kLimit / 2);
  std::uint64_t sum = 0;
  std::vector<std::string> left;
  for (const auto& name : names_in(folder.file("."))) {
    left.push_back(name);
    sum += on_disk(folder.file(name));
  }
  EXPECT_EQ(sum, segments->finished_bytes());
  ASSERT_GT(left.size(), 100U);  // checked below: the newest ones, without a gap
  EXPECT_EQ(left.back(), "a_10000.mp4");
  EXPECT_EQ(std::stoi(left.front().substr(2)), 10001 - static_cast<int>(left.size()));
}

TEST(Retention, IncludesSegmentsOfEarlierRuns) {
  const Folder folder;
  for (int n = 1; n <= 9; ++n) write_bytes(folder.file("a_" + std::to_string(n) + ".mp4"), Bytes(100000));
  Segments segments(folder, "a_%d.mp4", {.bytes = 400000});
  segments.write(10);
  segments->catch_up();
  // Four segments are exactly the limit, so a_7 is deleted only if the open segment's reserve needed its space.
  auto left = names_in(folder.file("."));
  left.erase("a_7.mp4");
  EXPECT_EQ(left, (std::set<std::string>{"a_10.mp4", "a_9.mp4", "a_8.mp4"}));
  EXPECT_LE(segments->finished_bytes(), 400000U);
}

TEST(Retention, TouchesNoOtherFile) {
  const Folder folder;
  const Folder elsewhere;
  fs::create_directory(folder.file("2001-01-01"));
  fs::create_directory(folder.file("2001-01-02"));
  fs::create_directory(folder.file("2001-1-03"));
  write_bytes(elsewhere.file("a_1.mp4"), Bytes(100000));
  write_bytes(folder.file("2001-1-03/a_1.mp4"), Bytes(100000));
  fs::create_directory_symlink(elsewhere.file("."), folder.file("2001-01-03"));
  for (const auto* name : {"a_1.mp4", "a_02.mp4", "b_1.mp4", "a_3.mkv", "a_4.mp4.part", "notes.txt"})
    write_bytes(folder.file(std::string("2001-01-01/") + name), Bytes(100000));
  fs::create_symlink(elsewhere.file("a_1.mp4"), folder.file("2001-01-02/a_5.mp4"));
  ASSERT_EQ(::mkfifo(folder.file("2001-01-02/a_6.mp4").c_str(), 0600), 0);
  fs::create_directory(folder.file("2001-01-02/a_7.mp4"));
  write_bytes(folder.file("2001-01-02/a_8.mp4"), Bytes(100000));
  Segments segments(folder, "{time:%Y-%m-%d}/a_%d.mp4", {.bytes = 1});
  fs::create_directory(folder.file("1970-01-01"));
  segments.write(9);
  segments->catch_up();
  EXPECT_EQ(names_in(folder.file("2001-01-01")),
            (std::set<std::string>{"a_02.mp4", "b_1.mp4", "a_3.mkv", "a_4.mp4.part", "notes.txt"}));
  EXPECT_EQ(names_in(folder.file("2001-01-02")), (std::set<std::string>{"a_5.mp4", "a_6.mp4", "a_7.mp4"}));
  EXPECT_TRUE(fs::exists(elsewhere.file("a_1.mp4")));
  EXPECT_TRUE(fs::exists(folder.file("2001-1-03/a_1.mp4")));
}

TEST(Retention, RemovesAFolderThatBecomesEmpty) {
  const Folder folder;
  fs::create_directories(folder.file("2001/01"));
  fs::create_directories(folder.file("2001/02"));
  write_bytes(folder.file("2001/01/a_1.mp4"), Bytes(100000));
  write_bytes(folder.file("2001/02/a_2.mp4"), Bytes(100000));
  write_bytes(folder.file("2001/02/mine.txt"), {'x'});
  Segments segments(folder, "{time:%Y/%m}/a_%d.mp4", {.bytes = 1});
  segments->catch_up();
  EXPECT_FALSE(fs::exists(folder.file("2001/01")));
  EXPECT_EQ(names_in(folder.file("2001/02")), (std::set<std::string>{"mine.txt"}));
}

TEST(Retention, LeavesAPinnedSegmentAndCountsIt) {
  const Folder folder;
  for (int n = 1; n <= 6; ++n) write_bytes(folder.file("a_" + std::to_string(n) + ".mp4"), Bytes(100000));
  write_bytes(folder.file("a_1.mp4.keep"), {});
  write_bytes(folder.file("a_3.mp4.keep"), {});
  Segments segments(folder, "a_%d.mp4", {.bytes = 350000});
  segments->catch_up();
  EXPECT_EQ(names_in(folder.file(".")),
            (std::set<std::string>{"a_1.mp4", "a_1.mp4.keep", "a_3.mp4", "a_3.mp4.keep", "a_6.mp4"}));
  segments.write(7);  // continues although the pinned and the open segment exceed the limit
  segments.write(8);
  segments->catch_up();
  EXPECT_TRUE(fs::exists(folder.file("a_1.mp4")));
}

TEST(Retention, NeverDeletesTheOpenSegmentOrOneThatIsWrittenElsewhere) {
  const Folder folder;
  write_bytes(folder.file("a_1.mp4"), Bytes(100000));
  write_bytes(folder.file("a_0.mp4"), Bytes(100000));
  int error = 0;
  const auto own = platform::File::open_or_create(folder.file("a_1.mp4"), error);
  platform::FileFacts facts;
  ASSERT_EQ(own.look(facts), 0);
  const char* why = nullptr;
  const auto claim = core::WriteClaim::try_claim({.number = own.number(), .id = facts.id},
                                                 core::WriteClaim::Purpose::Write, why);
  ASSERT_TRUE(claim);
  const auto other =
      platform::File::open_or_create(folder.file("a_0.mp4"), error);  // as if opened by another program
  ASSERT_EQ(platform::try_lock(other.number(), platform::FileLock::Exclusive), platform::Locking::Done);
  Segments segments(folder, "a_%d.mp4", {.bytes = 1});
  segments->begin_file("a_2.mp4");
  write_bytes(folder.file("a_2.mp4"), Bytes(100000));
  segments->before_flush();
  segments->catch_up();
  EXPECT_EQ(names_in(folder.file(".")), (std::set<std::string>{"a_0.mp4", "a_1.mp4", "a_2.mp4"}));
}

TEST(Retention, DeletesByAgeAgainstTheNewestSegment) {
  const Folder folder;
  HandClocks clocks;
  Segments segments(folder, "a_%d.mp4", {.days = 2}, &clocks);
  for (int n = 1; n <= 5; ++n) {
    segments.write(n);
    clocks.pass(kDaySeconds);
  }
  clocks.pass(100 * kDaySeconds);  // nothing is recorded, so nothing ages
  segments->catch_up();
  EXPECT_EQ(names_in(folder.file(".")), (std::set<std::string>{"a_3.mp4", "a_4.mp4", "a_5.mp4"}));
}

TEST(Retention, JudgesEachSegmentBehindAPinnedOneByItsOwnAge) {
  const Folder folder;
  HandClocks clocks;
  Segments segments(folder, "a_%d.mp4", {.days = 2}, &clocks);
  segments.write(1);
  write_bytes(folder.file("a_1.mp4.keep"), {});
  clocks.pass(10 * kDaySeconds);
  for (int n = 2; n <= 4; ++n) segments.write(n);
  for (int hour = 0; hour < 3; ++hour) {  // the folder is scanned again each time
    clocks.pass(3700);
    segments->catch_up();
  }
  EXPECT_EQ(names_in(folder.file(".")),
            (std::set<std::string>{"a_1.mp4", "a_1.mp4.keep", "a_2.mp4", "a_3.mp4", "a_4.mp4"}));
}

TEST(Retention, DeletesNothingMoreWhenTheClockIsSet) {
  for (const double step : {10 * 365 * kDaySeconds, -kDaySeconds, -10 * 365 * kDaySeconds}) {
    const Folder folder;
    HandClocks clocks;
    Segments segments(folder, "{time:%H%M%S}.mp4", {.days = 3}, &clocks);
    for (int n = 1; n <= 3; ++n) {
      segments.write_named("00000" + std::to_string(n) + ".mp4");
      clocks.pass(kDaySeconds / 2);
    }
    clocks.wall = clocks.wall + step;
    for (int n = 4; n <= 6; ++n) {
      segments.write_named("00000" + std::to_string(n) + ".mp4");
      segments->catch_up();
      EXPECT_EQ(names_in(folder.file(".")).size(), static_cast<std::size_t>(n)) << step;
      clocks.pass(kDaySeconds / 2);
    }
    for (int n = 7; n <= 9; ++n) {  // more than a day later
      segments.write_named("00000" + std::to_string(n) + ".mp4");
      clocks.pass(kDaySeconds / 2);
    }
    segments->catch_up();
    EXPECT_EQ(names_in(folder.file(".")).count("000001.mp4"), 0U) << step;
    EXPECT_EQ(names_in(folder.file(".")).count("000004.mp4"), 1U) << step;
  }
}

TEST(Retention, DeletesNothingByAgeBehindAClockThatStartsTooEarly) {
  const Folder folder;
  HandClocks clocks;
  write_bytes(folder.file("000001.mp4"), Bytes(1000));
  set_time(folder.file("000001.mp4"), clocks.wall - 10);
  clocks.wall = 0;  // as without a clock battery
  Segments segments(folder, "{time:%H%M%S}.mp4", {.days = 1}, &clocks);
  segments.write_named("000002.mp4");
  segments.write_named("000003.mp4");
  segments->catch_up();
  EXPECT_EQ(names_in(folder.file(".")).size(), 3U);
}

TEST(Retention, LeavesFreeBytes) {
  const Folder folder;
  for (int n = 1; n <= 4; ++n) write_bytes(folder.file("a_" + std::to_string(n) + ".mp4"), Bytes(100000));
  Segments segments(folder, "a_%d.mp4", {.free_bytes = std::uint64_t{1} << 60});  // more than any disk has
  segments->catch_up();
  EXPECT_TRUE(names_in(folder.file(".")).empty());
}

TEST(Retention, OnAFullDiskDeletesOneAndLogsThat) {
  const Folder folder;
  for (int n = 1; n <= 3; ++n) write_bytes(folder.file("a_" + std::to_string(n) + ".mp4"), Bytes(1000));
  Segments segments(folder, "a_%d.mp4", {.days = 1});
  EXPECT_TRUE(segments->after_full());
  EXPECT_EQ(names_in(folder.file(".")), (std::set<std::string>{"a_2.mp4", "a_3.mp4"}));
  EXPECT_TRUE(segments->after_full());
  EXPECT_TRUE(segments->after_full());
  EXPECT_FALSE(segments->after_full());
}

TEST(Retention, ForgetsSegmentsDeletedByAnotherProgram) {
  const Folder folder;
  Segments segments(folder, "in/a_%d.mp4", {.bytes = 300000});
  fs::create_directory(folder.file("in"));
  for (int n = 1; n <= 5; ++n) segments.write(n, 4);
  fs::remove_all(folder.file("in"));
  fs::create_directory(folder.file("in"));
  for (int n = 6; n <= 40; ++n) segments.write(n, 4);
  EXPECT_LE(segments.most(), 300000U);
  EXPECT_TRUE(fs::exists(folder.file("in/a_40.mp4")));
}

TEST(KeepList, HasTheOrderInWhichTheyWereFinishedWhateverTheClockSays) {
  KeepList list;
  list.merge({{.name = "b", .bytes = 10, .written = 200}, {.name = "a", .bytes = 10, .written = 100}});
  list.add({.name = "c", .bytes = 10, .written = 50});  // the clock was set back
  EXPECT_EQ(list.oldest()->name, "a");
  list.merge({{.name = "c", .bytes = 30, .written = 50}, {.name = "b", .bytes = 10, .written = 200}});
  EXPECT_EQ(list.oldest()->name, "b");
  EXPECT_EQ(list.bytes(), 40U);
  list.leave("b");
  EXPECT_EQ(list.oldest()->name, "c");
  EXPECT_EQ(list.bytes(), 40U);
}

TEST(KeepList, PutsAFileThatWasNotChangedWhereItWas) {
  KeepList list;
  list.merge({{.name = "a", .bytes = 10, .written = 100}, {.name = "b", .bytes = 10, .written = 200}});
  list.forget("a");
  list.begin_scan();
  list.add_in_order({.name = "a", .bytes = 10, .written = 100});
  list.merge({{.name = "b", .bytes = 10, .written = 200}});
  EXPECT_EQ(list.oldest()->name, "a");
  EXPECT_EQ(list.bytes(), 20U);
  list.add_in_order({.name = "a", .bytes = 30, .written = 300});
  EXPECT_EQ(list.oldest()->name, "b");
  EXPECT_EQ(list.bytes(), 40U);
}

TEST(KeepList, ASegmentThatIsFinishedDuringAScanIsNotForgotten) {
  KeepList list;
  list.add({.name = "a", .bytes = 10, .written = 100});
  list.begin_scan();
  list.add({.name = "b", .bytes = 20, .written = 200});
  list.merge({{.name = "a", .bytes = 10, .written = 100}});
  EXPECT_EQ(list.bytes(), 30U);
  EXPECT_EQ(list.newest(), 200);
  list.begin_scan();
  list.merge({{.name = "a", .bytes = 10, .written = 100}});
  EXPECT_EQ(list.bytes(), 10U) << "it was deleted since";
}

TEST(KeepOptions, AreAbove0AndNeedSegments) {
  EXPECT_THROW(VideoFile("a_%d.mp4", {.segment_every = 1.0, .keep_days = 0.0}), OptionError);
  EXPECT_THROW(VideoFile("a_%d.mp4", {.segment_every = 1.0, .keep_days = std::nan("")}), OptionError);
  EXPECT_THROW(VideoFile("a_%d.mp4", {.segment_every = 1.0, .keep_bytes = 0}), OptionError);
  EXPECT_THROW(VideoFile("a_%d.mp4", {.segment_every = 1.0, .keep_free_bytes = 0}), OptionError);
  EXPECT_THROW(VideoFile("a.mp4", {.keep_days = 1}), OptionError);
}

}  // namespace
}  // namespace freshframe::test
