// Old clips are deleted before keep_bytes is exceeded, and no other file is ever deleted.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/clip_room.hpp"

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/media.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cpp/heard_log.hpp"
#include "cpp/media/files.hpp"
#include "cpp/sinks/recording/clip_rig.hpp"
#include "media/ffmpeg/write/output_file.hpp"
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace freshframe::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLimit = 600 << 10;

ClipOptions limited(const Folder& folder, const std::string& names = "a_%d.mp4") {
  return {.before = 1,
          .after = 1,
          .codec = "mpeg4",
          .crf = 5,
          .keep_bytes = kLimit,
          .keep_names = folder.file(names)};
}

std::set<std::string> names_in(const Folder& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.file("")))
    names.insert(entry.path().filename().string());
  return names;
}

std::uint64_t size_of_clips(const Folder& folder) {
  std::uint64_t bytes = 0;
  for (const auto& name : names_in(folder)) {
    struct stat status{};
    const bool is_clip = name.starts_with("a_") && name.ends_with(".mp4");
    if (is_clip && ::lstat(folder.file(name).c_str(), &status) == 0)
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

TEST(ClipRoom, DeletesTheOldestClipsBeforeTheLimitIsExceeded) {
  const Folder folder;
  ClipRecording recording(limited(folder));
  std::uint64_t most = 0;
  std::uint64_t written = 0;
  for (int n = 0; n < 20; ++n) {
    const auto path = folder.file("a_" + std::to_string(20 - n) + ".mp4");
    recording->save(path);
    for (int i = 0; i < 60; ++i) {
      recording.feed(n * 60 + i + 1);
      most = std::max(most, size_of_clips(folder));
    }
    written += fs::file_size(path);
  }
  recording.close();
  EXPECT_GT(written, kLimit + kLimit / 2);
  EXPECT_LE(most, kLimit);
  EXPECT_GT(most, kLimit / 2);
  const auto left = names_in(folder);
  EXPECT_TRUE(left.contains("a_1.mp4"));  // the newest, although it has the lowest number
  EXPECT_FALSE(left.contains("a_20.mp4"));
}

TEST(ClipRoom, DeletesClipsOfEarlierRunsAndNothingElse) {
  const Folder folder;
  const Bytes old(400 << 10, 'x');
  for (const auto* name : {"a_7.mp4", "a_8.mp4", "a_9.mp4", "b_1.mp4", "a_x.mp4", "a_1.mkv"})
    write_bytes(folder.file(name), old);
  write_bytes(folder.file("a_8.mp4.keep"), {});
  fs::last_write_time(folder.file("a_8.mp4"), fs::file_time_type::clock::now() - std::chrono::hours(2));
  fs::create_symlink(folder.file("b_1.mp4"), folder.file("a_5.mp4"));
  ClipRecording recording(limited(folder));
  recording->save(folder.file("a_1.mp4"));
  recording.feed(60);
  recording.close();
  EXPECT_EQ(names_in(folder), (std::set<std::string>{"a_1.mp4", "a_8.mp4", "a_8.mp4.keep", "a_5.mp4",
                                                     "b_1.mp4", "a_x.mp4", "a_1.mkv"}));
}

TEST(ClipRoom, KeepsAllOpenClips) {
  const Folder folder;
  auto options = limited(folder);
  options.keep_bytes = 1;
  const HeardLog log;
  ClipRecording recording(options);
  recording->save(folder.file("a_1.mp4"));
  recording->save(folder.file("a_2.mp4"));
  recording.feed(20);
  recording->save(folder.file("a_3.mp4"));
  EXPECT_EQ(names_in(folder), (std::set<std::string>{"a_1.mp4", "a_2.mp4", "a_3.mp4"}));
  recording.feed(100);
  EXPECT_TRUE(recording->writing().empty());
  recording.close();
  EXPECT_EQ(log.count(LogLevel::Warning, "keep_bytes cannot be met in '"), 1);
  EXPECT_EQ(log.count(LogLevel::Warning, "keep_free_bytes"), 0) << "it was not given";
  EXPECT_EQ(names_in(folder), std::set<std::string>());
}

TEST(ClipRoom, AReplacedClipCountsOnce) {
  const Folder folder;
  ClipRecording recording(limited(folder));
  for (int n = 0; n < 10; ++n) {
    recording->save(folder.file("a_1.mp4"));
    recording.feed(60 * (n + 1));
    EXPECT_EQ(names_in(folder), std::set<std::string>{"a_1.mp4"});
  }
  recording.close();
}

/// A limited recording among clips of three earlier hours, whose oldest one must be deleted first.
class AmongOldClips : public testing::Test {
 protected:
  AmongOldClips() {
    for (const int n : {1, 2, 3}) {
      const auto path = folder_.file("a_" + std::to_string(n) + ".mp4");
      write_bytes(path, Bytes(100 << 10, 'x'));
      fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(4 - n));
    }
    recording_.emplace(limited(folder_));
    recorder().save(folder_.file("a_9.mp4"));  // its first flush waits until the folder has been read
    feed(90);
  }

  void feed(int count) { recording_->feed(fed_ += count); }
  ClipRecorder& recorder() { return **recording_; }
  [[nodiscard]] std::string oldest() const { return folder_.file("a_1.mp4"); }

  void expect_that_the_oldest_goes_first() {
    for (int n = 10; n < 40 && fs::exists(oldest()); ++n) {
      recorder().save(folder_.file("a_" + std::to_string(n) + ".mp4"));
      feed(60);
      EXPECT_TRUE(!fs::exists(oldest()) || fs::exists(folder_.file("a_2.mp4")));
    }
    EXPECT_FALSE(fs::exists(oldest()));
    EXPECT_TRUE(fs::exists(folder_.file("a_3.mp4")));
    recording_->close();
  }

  Folder folder_;

 private:
  std::optional<ClipRecording> recording_;
  int fed_ = 0;
};

TEST_F(AmongOldClips, OfALaterClockTheNewestStays) {
  for (const int n : {1, 2, 3}) {
    const auto path = folder_.file("a_" + std::to_string(n) + ".mp4");
    fs::last_write_time(path, fs::file_time_type::clock::now() + std::chrono::hours(9000 + n));
  }
  std::string newest;
  for (int n = 10; n < 40 && fs::exists(oldest()); ++n) {
    newest = folder_.file("a_" + std::to_string(n) + ".mp4");
    recorder().save(newest);
    feed(60);
    EXPECT_TRUE(fs::exists(newest));
  }
  EXPECT_FALSE(fs::exists(oldest()));
}

TEST_F(AmongOldClips, OneThatKeepsItsContentStaysTheOldest) {
  const HeardLog log;
  recorder().save(oldest(), -1000.0);
  feed(60);
  EXPECT_EQ(log.count(LogLevel::Warning, "keeps its old content"), 1);
  expect_that_the_oldest_goes_first();
}

TEST_F(AmongOldClips, OneThatCannotBeOpenedStaysTheOldest) {
  {
    const media::OutputFile other(oldest());
    EXPECT_THROW(recorder().save(oldest()), Error);
  }
  expect_that_the_oldest_goes_first();
}

TEST(ClipRoom, OtherNamesAreRejected) {
  const Folder folder;
  ClipRecording recording(limited(folder));
  recording.feed(10);
  for (const auto* name : {"b_1.mp4", "a_.mp4", "a_1_2.mp4", "other/a_1.mp4"}) {
    const auto text = message_of<OptionError>([&] { recording->save(folder.file(name)); });
    EXPECT_TRUE(contains(text, "matches keep_names, which is '" + folder.file("a_%d.mp4") + "'")) << text;
  }
  EXPECT_NO_THROW(recording->save(folder.file("./a_1.mp4")));
  recording.close();
}

TEST(ClipRoom, RecordersWhoseNamesCanMeetAreRejected) {
  const Folder folder;
  ClipRecording recording(limited(folder));
  EXPECT_THROW(ClipRecording(limited(folder, "a_%05d.mp4")), Error);
  recording.close();
  EXPECT_NO_THROW(ClipRecording(limited(folder, "a_%05d.mp4")));
}

TEST(ClipRoom, InvalidOptionsAreRejected) {
  const auto make = [](std::optional<std::uint64_t> bytes, const std::string& names) {
    const ClipRecorder recorder({.keep_bytes = bytes, .keep_names = names});
  };
  EXPECT_NO_THROW(make(1, "a_%d.mp4"));
  EXPECT_THROW(make(0, "a_%d.mp4"), OptionError);
  EXPECT_THROW(make(1, ""), OptionError);
  EXPECT_THROW(make({}, "a_%d.mp4"), OptionError);
  EXPECT_THROW(make(1, "a.mp4"), OptionError);
  EXPECT_THROW(make(1, "a_%Y.mp4"), OptionError);
  EXPECT_THROW(make(1, "a_%d_%d.mp4"), OptionError);
  EXPECT_THROW(make(1, "{time:%Y}/a_%d.mp4"), OptionError);
}

// Otherwise files would be deleted that no clip recorder can have written.
TEST(ClipRoom, PatternsThatNoClipCanHaveAreRejected) {
  const auto make = [](const std::string& names, const std::string& codec = {}) {
    return std::make_unique<ClipRecorder>(ClipOptions{.codec = codec, .keep_bytes = 1, .keep_names = names});
  };
  for (const auto* names : {"a_%d.jpg", "a_%d", "clips/a_%d", "a_%d.txt", "a.%d", "a_%d.ts"})
    EXPECT_THROW(make(names), OptionError) << names;
  for (const auto* names : {"a_%d.mp4", "a_%d.mov", "{time:%Y}.mkv"}) {
    const auto recorder = make(names);
    EXPECT_NO_THROW(recorder->set_input(get_type<Frame>())) << names;
    EXPECT_NO_THROW(recorder->set_input(get_type<Packet>())) << names;
  }
  const auto of_frames = make("a_%d.webm", "mpeg4");
  EXPECT_THROW(of_frames->set_input(get_type<Frame>()), OptionError);
  EXPECT_THROW(of_frames->set_input(nullptr), OptionError);
  EXPECT_NO_THROW(make("a_%d.webm")->set_input(get_type<Packet>()));
}

}  // namespace
}  // namespace freshframe::test
