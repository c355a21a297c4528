// Recorders during a temporary fault: each frame is either in a file or counted as lost, and afterwards
// recording continues as usual.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/packet_nodes.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/write/video_encoder.hpp"
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace freshframe::test {
namespace {

constexpr double kFaultFps = 25;
constexpr int kFaultFrames = 300;  // 12 seconds
constexpr int kFaultFrom = 80;     // the fault lasts from this frame to kFaultTo
constexpr int kFaultTo = 160;

/// Simulates a full disk: files of this process cannot grow beyond this size.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ignored_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit full{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &full);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, ignored_);
  }

 private:
  rlimit before_{};
  sighandler_t ignored_ = SIG_DFL;
};

/// Renames a folder for the lifetime of this object.
class FolderAway {
 public:
  explicit FolderAway(std::string path) : path_(std::move(path)) {
    std::filesystem::rename(path_, path_ + ".away");
  }
  FolderAway(const FolderAway&) = delete;
  FolderAway& operator=(const FolderAway&) = delete;
  ~FolderAway() { std::filesystem::rename(path_ + ".away", path_); }

 private:
  std::string path_;
};

/// A recorder, called as the engine would with on_error=skip.
class SkippingRecorder {
 public:
  SkippingRecorder(bool packets, const std::string& path, VideoFileOptions options) {
    options.reports_segments = options.segment_every.has_value();
    options.codec = packets ? "" : "mpeg4";
    file_ = std::make_unique<VideoFile>(path, options);
    if (packets) file_->set_input(get_type<Packet>());
    file_->open(hand_.context());
  }

  void put(const AnySample& sample) {
    ++in;
    try {
      static_cast<void>(file_->process_any(sample, hand_.context()));
    } catch (const Error& error) {
      ++errors;
      last_error = error.what();
    }
  }
  void close() {
    try {
      file_->close();
    } catch (const Error& error) {
      last_error = error.what();
    }
  }
  /// Must be called after close().
  std::vector<Segment> segments() {
    std::vector<Segment> all;
    while (auto segment = file_->next_segment()) all.push_back(*std::move(segment));
    return all;
  }
  /// Called when no sample has arrived for a while.
  void idle() { file_->idle(hand_.context()); }
  [[nodiscard]] std::uint64_t lost() const { return hand_.counters.drops(NodeDropCause::Lost); }

  std::uint64_t in = 0;
  std::uint64_t errors = 0;
  std::string last_error;

 private:
  Hand hand_;
  std::unique_ptr<VideoFile> file_;
};

/// A recorder of clips of a second before and after each event, called as the engine would with on_error=skip.
class SkippingClips {
 public:
  explicit SkippingClips(bool packets) : clips_({.before = 1, .after = 1, .codec = packets ? "" : "mpeg4"}) {
    if (packets) clips_.set_input(get_type<Packet>());
    clips_.open(hand_.context());
  }
  void put(const AnySample& sample) {
    try {
      static_cast<void>(clips_.process_any(sample, hand_.context()));
    } catch (const Error&) {
      ++errors;
    }
  }
  void save(const std::string& path) { clips_.save(path, {}); }
  void close() { clips_.close(); }

  int errors = 0;

 private:
  Hand hand_;
  ClipRecorder clips_;
};

std::vector<AnySample> frame_samples(int count, int source = -1, double begin = 0) {
  std::vector<AnySample> samples(static_cast<std::size_t>(count));
  for (int n = 0; n < count; ++n) {
    auto& sample = samples[static_cast<std::size_t>(n)];
    sample.frame = numbered_frame(n);
    sample.stamp.pts = begin + n / kFaultFps;
    sample.stamp.source = source;
  }
  return samples;
}

/// Returns samples with a keyframe each second.
const std::vector<AnySample>& packet_samples() {
  static const auto samples = [] {
    const Folder folder;
    return completed(write_video(folder.file("stream.ts"), kFaultFrames,
                                 {.codec = "mpeg4", .options = {{"g", "25"}, {"bf", "0"}}}));
  }();
  return samples;
}

/// Returns all files of a folder, sorted by name, with numbers in numerical order.
std::vector<std::filesystem::path> files_in(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files, [](const auto& a, const auto& b) {
    return std::pair(a.string().size(), a.string()) < std::pair(b.string().size(), b.string());
  });
  return files;
}

struct Fault {
  std::string name;
  bool packets;
  std::string file;
  std::optional<double> segment;
  bool full;  // the disk is full; otherwise the folder is renamed
};

class MediaPassingFaults : public ::testing::TestWithParam<Fault> {};

TEST_P(MediaPassingFaults, LoseOnlyWhatIsCounted) {
  const auto& fault = GetParam();
  const Folder folder;
  const auto place = folder.file("rec");
  std::filesystem::create_directory(place);
  const auto samples = fault.packets ? packet_samples() : frame_samples(kFaultFrames);
  SkippingRecorder recorder(fault.packets, place + "/" + fault.file, {.segment_every = fault.segment});
  const auto put = [&](int from, int to) {
    for (int n = from; n < to; ++n) recorder.put(samples[static_cast<std::size_t>(n)]);
  };
  put(0, kFaultFrom);
  if (fault.full) {
    const FullDisk full(8'000);
    put(kFaultFrom, kFaultTo);
  } else {
    const FolderAway away(place);
    put(kFaultFrom, kFaultTo);
  }
  put(kFaultTo, kFaultFrames);
  recorder.close();
  EXPECT_GT(recorder.errors + recorder.lost(), 0U) << "the fault was not met";
  std::set<int> found;
  std::size_t pictures = 0;
  for (const auto& file : files_in(place)) {
    const auto played = play(file.string());
    EXPECT_EQ(played.damaged, 0U) << file;
    pictures += played.numbers.size();
    found.insert(played.numbers.begin(), played.numbers.end());
  }
  EXPECT_EQ(found.size(), pictures) << "a picture is in two files";
  EXPECT_EQ(pictures + recorder.errors + recorder.lost(), recorder.in) << recorder.last_error;
  // From a second and a half after the fault on, nothing is lost.
  for (int n = kFaultTo + 38; n < kFaultFrames; ++n) ASSERT_TRUE(found.contains(n)) << n;
  for (const auto& segment : recorder.segments()) {
    const auto played = play(segment.path);
    EXPECT_EQ(segment.frames, played.numbers.size()) << segment.path;
    EXPECT_EQ(segment.size_bytes, std::filesystem::file_size(segment.path));
    EXPECT_NEAR(segment.last_pts - segment.first_pts, played.pts.back() - played.pts.front(), 0.05)
        << segment.path;
  }
}

INSTANTIATE_TEST_SUITE_P(Recorders, MediaPassingFaults,
                         ::testing::Values(Fault{"FramesMkvFull", false, "a.mkv", {}, true},
                                           Fault{"FramesMp4Full", false, "a.mp4", {}, true},
                                           Fault{"FramesTsFull", false, "a.ts", {}, true},
                                           Fault{"FramesSegmentsFull", false, "a_%d.mkv", 2.0, true},
                                           Fault{"FramesMp4SegmentsFull", false, "a_%d.mp4", 2.0, true},
                                           Fault{"FramesSegmentsAway", false, "a_%d.mkv", 2.0, false},
                                           Fault{"PacketsMkvFull", true, "a.mkv", {}, true},
                                           Fault{"PacketsMp4Full", true, "a.mp4", {}, true},
                                           Fault{"PacketsTsFull", true, "a.ts", {}, true},
                                           Fault{"PacketsSegmentsFull", true, "a_%d.mkv", 2.0, true},
                                           Fault{"PacketsMp4SegmentsFull", true, "a_%d.mp4", 2.0, true},
                                           Fault{"PacketsSegmentsAway", true, "a_%d.mkv", 2.0, false}),
                         [](const auto& tested) { return tested.param.name; });

TEST(MediaFaults, OfABeginLeaveACopyThatBeginsWithAKeyPicture) {
  const Folder folder;
  const auto place = folder.file("rec");
  std::filesystem::create_directory(place);
  SkippingRecorder recorder(true, place + "/a.mkv", {});
  {
    const FolderAway away(place);
    for (std::size_t n = 0; n < 30; ++n) recorder.put(packet_samples()[n]);
  }
  for (std::size_t n = 30; n < 100; ++n) recorder.put(packet_samples()[n]);
  recorder.close();
  EXPECT_EQ(recorder.errors, 2U);  // the key packets 0 and 25
  EXPECT_EQ(recorder.lost(), 48U);
  const auto played = play(place + "/a.mkv");
  EXPECT_EQ(played.numbers.size(), 50U);
  EXPECT_EQ(played.numbers.front(), 50);
}

TEST(MediaFaults, OfADeviceCountEachPicture) {
  for (const bool packets : {false, true}) {
    const Folder folder;
    std::filesystem::create_symlink("/dev/full", folder.file("full.mkv"));
    const auto samples = packets ? packet_samples() : frame_samples(kFaultFrames);
    SkippingRecorder recorder(packets, folder.file("full.mkv"), {});
    for (const auto& sample : samples) recorder.put(sample);
    recorder.close();
    EXPECT_EQ(recorder.errors + recorder.lost(), recorder.in) << recorder.last_error;
    EXPECT_EQ(files_in(folder.file("")).size(), 1U);
  }
}

TEST(MediaFaults, OfAMuxerAreThrownByEachLaterCall) {
  const Folder folder;
  std::filesystem::create_symlink("/dev/full", folder.file("full.mkv"));
  VideoEncoder encoder(folder.file("full.mkv"), {.codec = "mpeg4"});
  encoder.start(numbered_frame(0), kFaultFps);
  int n = 0;
  try {
    for (; n < 1000; ++n) encoder.encode(numbered_frame(n), n / kFaultFps);
  } catch (const Error&) {
    ++n;
  }
  ASSERT_TRUE(encoder.has_failed());
  EXPECT_EQ(encoder.kept_count(), 0U);
  EXPECT_THROW(encoder.encode(numbered_frame(n), n / kFaultFps), Error);
  EXPECT_THROW(encoder.pause(), Error);
  EXPECT_THROW(encoder.finish(), Error);
}

TEST(MediaFaults, OfAFlushWhileTheSourceIsAwayCountWhatItHeld) {
  for (const bool packets : {false, true}) {
    const Folder folder;
    SkippingRecorder recorder(packets, folder.file("a.mp4"), {});
    const auto samples = packets ? packet_samples() : frame_samples(kFaultFrames);
    for (std::size_t n = 0; n < 45; ++n) recorder.put(samples[n]);
    {
      const FullDisk full(0);
      recorder.idle();
    }
    for (std::size_t n = 45; n < 100; ++n) recorder.put(samples[n]);
    recorder.close();
    std::size_t pictures = 0;
    for (const auto& file : files_in(folder.file(""))) pictures += play(file.string()).numbers.size();
    EXPECT_EQ(files_in(folder.file("")).size(), 2U) << packets;
    EXPECT_GE(recorder.errors, 1U) << packets;
    EXPECT_EQ(pictures + recorder.errors + recorder.lost(), recorder.in) << recorder.last_error;
  }
}

TEST(MediaFaults, OfAClipCostThatClipOnly) {
  for (const bool packets : {false, true}) {
    const Folder folder;
    SkippingClips clips(packets);
    const auto samples = packets ? packet_samples() : frame_samples(kFaultFrames);
    const auto put = [&](std::size_t from, std::size_t to) {
      for (auto n = from; n < to; ++n) clips.put(samples[n]);
    };
    put(0, 80);
    {
      const FullDisk full(8'000);
      clips.save(folder.file("lost.mkv"));
      put(80, 130);
    }
    clips.save(folder.file("lost.mkv"));
    clips.save(folder.file("other.mkv"));
    put(130, 200);
    clips.close();
    EXPECT_EQ(clips.errors, 1) << packets;
    for (const auto* const name : {"lost.mkv", "other.mkv"}) {
      const auto played = play(folder.file(name));
      EXPECT_LE(played.numbers.front(), 105) << name;
      EXPECT_GE(played.numbers.back(), 153) << name;
      EXPECT_EQ(played.damaged, 0U);
    }
  }
}

/// What happens to a file while it is being written.
enum class Taken : std::uint8_t { Deleted, Renamed, Replaced, FolderDeleted, FolderRenamed };

bool is_gone(Taken taken) {
  return taken != Taken::Renamed && taken != Taken::FolderRenamed;
}

constexpr const char* kForeign = "of another program";

void take(Taken taken, const std::string& place) {
  const auto file = files_in(place).back();
  if (taken == Taken::Deleted) std::filesystem::remove(file);
  if (taken == Taken::Renamed) std::filesystem::rename(file, place + "/moved" + file.extension().string());
  if (taken == Taken::Replaced) {
    std::ofstream(place + "/foreign") << kForeign;
    std::filesystem::rename(place + "/foreign", file);
  }
  if (taken == Taken::FolderDeleted) std::filesystem::remove_all(place);
  if (taken == Taken::FolderRenamed) std::filesystem::rename(place, place + ".away");
  std::filesystem::create_directory(place);
}

bool is_foreign(const std::filesystem::path& file) {
  std::string text;
  std::getline(std::ifstream(file), text);
  return text == kForeign;
}

class MediaTakenFiles : public ::testing::TestWithParam<std::tuple<bool, std::string, Taken>> {
 protected:
  static std::string made(const std::string& folder) {
    std::filesystem::create_directory(folder);
    return folder;
  }
  /// Returns the numbers of the frames in all remaining files. Checks that each of these can be played.
  [[nodiscard]] std::set<int> found() const {
    std::set<int> numbers;
    std::size_t foreign = 0;
    for (const auto& folder : {place_, place_ + ".away"}) {
      if (!std::filesystem::exists(folder)) continue;
      for (const auto& file : files_in(folder)) {
        foreign += is_foreign(file) ? 1 : 0;
        if (is_foreign(file)) continue;
        const auto played = play(file.string());
        EXPECT_EQ(played.damaged, 0U) << file;
        for (const int number : played.numbers) EXPECT_TRUE(numbers.insert(number).second) << number;
      }
    }
    EXPECT_EQ(foreign, taken_ == Taken::Replaced ? 1U : 0U);
    return numbers;
  }

  Folder folder_;
  std::string place_ = made(folder_.file("rec"));
  bool packets_ = std::get<0>(GetParam());
  Taken taken_ = std::get<2>(GetParam());
  std::string fault_ = is_gone(taken_) ? "deleted or replaced" : "renamed or moved";
  std::vector<AnySample> samples_ = packets_ ? packet_samples() : frame_samples(kFaultTo);
  std::optional<double> segment_ = contains(std::get<1>(GetParam()), "%") ? std::optional(2.0) : std::nullopt;
  SkippingRecorder recorder_{packets_, place_ + "/" + std::get<1>(GetParam()), {.segment_every = segment_}};
};

TEST_P(MediaTakenFiles, CountAsLostAndTheNextOneIsMade) {
  for (std::size_t n = 0; n < kFaultFrom; ++n) recorder_.put(samples_[n]);
  take(taken_, place_);
  for (std::size_t n = kFaultFrom; n < kFaultTo; ++n) recorder_.put(samples_[n]);
  recorder_.close();
  const auto numbers = found();
  const auto finished = taken_ == Taken::FolderDeleted && segment_ ? 50U : 0U;  // a segment before the fault
  EXPECT_EQ(recorder_.errors, 1U);
  EXPECT_TRUE(contains(recorder_.last_error, fault_)) << recorder_.last_error;
  EXPECT_EQ(numbers.size() + finished + recorder_.errors + recorder_.lost(), recorder_.in);
  for (int n = kFaultFrom + 52; n < kFaultTo; ++n) ASSERT_TRUE(numbers.contains(n)) << n;
  for (const auto& segment : recorder_.segments()) {
    const bool went = taken_ == Taken::FolderDeleted || taken_ == Taken::FolderRenamed;
    if (went && segment.last_pts < 2) continue;  // complete before the fault
    EXPECT_EQ(play(segment.path).numbers.size(), segment.frames) << segment.path;
  }
}

TEST_P(MediaTakenFiles, AtTheEndAreAnError) {
  for (std::size_t n = 0; n < 30; ++n) recorder_.put(samples_[n]);
  take(taken_, place_);
  recorder_.close();
  EXPECT_TRUE(contains(recorder_.last_error, fault_)) << recorder_.last_error;
  EXPECT_EQ(found().size(), is_gone(taken_) ? 0U : 30U);
  EXPECT_EQ(recorder_.lost(), is_gone(taken_) ? 30U : 0U);
  EXPECT_TRUE(recorder_.segments().empty());
}

INSTANTIATE_TEST_SUITE_P(Recorders, MediaTakenFiles,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values("a.mkv", "a.mp4", "a_%d.mkv", "a_%d.mp4"),
                                            ::testing::Values(Taken::Deleted, Taken::Renamed, Taken::Replaced,
                                                              Taken::FolderDeleted, Taken::FolderRenamed)));

TEST(MediaTakenClips, CostThatClipOnly) {
  for (const bool packets : {false, true}) {
    for (const auto taken : {Taken::Deleted, Taken::Renamed, Taken::Replaced}) {
      const Folder folder;
      const auto place = folder.file("rec");
      std::filesystem::create_directory(place);
      SkippingClips clips(packets);
      const auto samples = packets ? packet_samples() : frame_samples(kFaultFrames);
      for (std::size_t n = 0; n < 80; ++n) clips.put(samples[n]);
      clips.save(folder.file("other.mkv"));
      clips.save(place + "/taken.mkv");
      for (std::size_t n = 80; n < 85; ++n) clips.put(samples[n]);
      take(taken, place);
      for (std::size_t n = 85; n < 140; ++n) clips.put(samples[n]);
      clips.save(place + "/taken.mkv");
      for (std::size_t n = 140; n < 200; ++n) clips.put(samples[n]);
      clips.close();
      EXPECT_EQ(clips.errors, 1) << packets;
      EXPECT_GE(play(folder.file("other.mkv")).numbers.size(), 25U);
      EXPECT_GE(play(place + "/taken.mkv").numbers.back(), 160);
    }
  }
}

struct Exchange {
  std::string name;
  bool packets;
  double begin;  // pts of the second source's first frame
};

class MediaExchangedSources : public ::testing::TestWithParam<Exchange> {
 protected:
  static std::vector<AnySample> of_source(bool packets, int source, double begin) {
    auto samples = packets ? packet_samples() : frame_samples(120, source);
    samples.resize(120);
    for (auto& sample : samples) {
      sample.stamp.source = source;
      sample.stamp.pts += begin;
      if (!packets) continue;
      auto packet = *sample.value.as<Packet>();
      packet.pts += begin;
      packet.dts += begin;
      sample.value = ValueRef::make<Packet>(std::move(packet));
    }
    return samples;
  }
};

TEST_P(MediaExchangedSources, BeginTheNextSegment) {
  const auto& [name, packets, begin] = GetParam();
  const Folder folder;
  SkippingRecorder recorder(packets, folder.file("a_%d.mkv"), {.segment_every = 100.0});
  for (const auto& sample : of_source(packets, 1, 50)) recorder.put(sample);
  for (const auto& sample : of_source(packets, 2, begin)) recorder.put(sample);
  recorder.close();
  EXPECT_EQ(recorder.errors + recorder.lost(), 0U) << recorder.last_error;
  for (const auto* const file : {"a_1.mkv", "a_2.mkv"}) {
    const auto played = play(folder.file(file));
    EXPECT_EQ(played.numbers.size(), 120U) << file;
    EXPECT_NEAR(played.pts.back(), 119 / kFaultFps, 0.01) << file;
  }
  const auto told = recorder.segments();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_NEAR(told[0].first_pts, 50, 0.01);
  EXPECT_NEAR(told[1].first_pts, begin, 0.01);
}

TEST_P(MediaExchangedSources, AreRefusedByOneFile) {
  const auto& [name, packets, begin] = GetParam();
  const Folder folder;
  SkippingRecorder recorder(packets, folder.file("a.mkv"), {});
  for (const auto& sample : of_source(packets, 1, 50)) recorder.put(sample);
  for (const auto& sample : of_source(packets, 2, begin)) recorder.put(sample);
  recorder.close();
  EXPECT_EQ(recorder.errors, 120U);
  EXPECT_TRUE(contains(recorder.last_error, "comes from another")) << recorder.last_error;
  EXPECT_EQ(play(folder.file("a.mkv")).numbers.size(), 120U);
}

TEST_P(MediaExchangedSources, EndClips) {
  const auto& [name, packets, begin] = GetParam();
  const Folder folder;
  Hand hand;
  ClipRecorder clips({.before = 3, .after = 3, .codec = packets ? "" : "mpeg4"});
  const auto put = [&](const AnySample& sample) {
    static_cast<void>(clips.process_any(sample, hand.context()));
  };
  const auto save = [&](const std::string& path, double at) { clips.save(path, at); };
  if (packets) clips.set_input(get_type<Packet>());
  clips.open(hand.context());
  for (const auto& sample : of_source(packets, 1, 50)) put(sample);
  save(folder.file("old.mkv"), 54);  // the source is replaced before its end
  const auto second = of_source(packets, 2, begin);
  for (std::size_t n = 0; n < 60; ++n) put(second[n]);
  save(folder.file("new.mkv"), begin + 1);
  for (std::size_t n = 60; n < 120; ++n) put(second[n]);
  clips.close();
  const auto old = play(folder.file("old.mkv"));
  EXPECT_EQ(old.numbers.back(), 119);
  EXPECT_TRUE(std::ranges::is_sorted(old.numbers));
  const auto later = play(folder.file("new.mkv"));
  EXPECT_EQ(later.numbers.front(), 0);
  EXPECT_GE(later.numbers.back(), 99);
}

INSTANTIATE_TEST_SUITE_P(OfAnotherCamera, MediaExchangedSources,
                         ::testing::Values(Exchange{"FramesThatRanLonger", false, 500},
                                           Exchange{"FramesThatBeginAnew", false, 0},
                                           Exchange{"PacketsThatRanLonger", true, 500},
                                           Exchange{"PacketsThatBeginAnew", true, 0}),
                         [](const auto& tested) { return tested.param.name; });

TEST(MediaSources, WhoseTimeGoesBackBeginTheNextSegment) {
  const Folder folder;
  SkippingRecorder recorder(false, folder.file("a_%d.mkv"), {.segment_every = 100.0});
  for (const auto& sample : frame_samples(50, 1, 100)) recorder.put(sample);
  for (const auto& sample : frame_samples(50, 1, 0)) recorder.put(sample);
  recorder.close();
  EXPECT_EQ(recorder.errors, 0U);
  EXPECT_EQ(play(folder.file("a_1.mkv")).numbers.size(), 50U);
  EXPECT_EQ(play(folder.file("a_2.mkv")).numbers.size(), 50U);
}

TEST(MediaSources, ThatChangeTheirSizeBeginTheNextSegment) {
  const Folder folder;
  SkippingRecorder recorder(false, folder.file("a_%d.mp4"), {.segment_every = 100.0});
  auto samples = frame_samples(90, 1);
  for (int n = 30; n < 60; ++n) samples[static_cast<std::size_t>(n)].frame = numbered_frame(n, 256, 128);
  samples[10].frame = numbered_frame(10, 193, 97);  // an odd size, which cannot be encoded
  for (const auto& sample : samples) recorder.put(sample);
  recorder.close();
  EXPECT_EQ(recorder.errors, 1U) << recorder.last_error;
  EXPECT_EQ(play(folder.file("a_1.mp4")).numbers.size(), 29U);
  EXPECT_EQ(play(folder.file("a_2.mp4")).info.width, 256);
  EXPECT_EQ(play(folder.file("a_3.mp4")).numbers.size(), 30U);
}

}  // namespace
}  // namespace freshframe::test
