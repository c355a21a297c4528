// Files that cannot be played: the error of each names the file and the reason.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

struct Refusal {
  std::string message;
  std::string url;
  int code = 0;
};

Refusal refusal(const std::string& url) {
  Hand hand;
  const auto source = open(url);
  try {
    source->open(hand.context());
  } catch (const SourceError& error) {
    return {error.what(), error.url(), error.code()};
  }
  ADD_FAILURE() << url << " was opened";
  return {};
}

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

void append(Bytes& bytes, std::uint32_t number, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
}

/// Returns a WAV file with one second of silence.
Bytes wav() {
  constexpr int kSamples = 8000;
  Bytes bytes = bytes_of("RIFF");
  append(bytes, 36 + kSamples, 4);
  const auto format = bytes_of("WAVEfmt ");
  bytes.insert(bytes.end(), format.begin(), format.end());
  append(bytes, 16, 4);
  append(bytes, 1, 2);         // PCM
  append(bytes, 1, 2);         // channels
  append(bytes, kSamples, 4);  // per second
  append(bytes, kSamples, 4);
  append(bytes, 1, 2);
  append(bytes, 8, 2);
  const auto data = bytes_of("data");
  bytes.insert(bytes.end(), data.begin(), data.end());
  append(bytes, kSamples, 4);
  bytes.insert(bytes.end(), kSamples, static_cast<char>(128));
  return bytes;
}

Bytes start_of(const std::string& path, std::size_t parts) {
  auto bytes = read_bytes(path);
  bytes.resize(bytes.size() / parts);
  return bytes;
}

/// An invalid input: a function that writes it, and what the error message must contain.
struct Bad {
  std::string name;
  std::string file;
  std::function<void(const std::string&)> make;
  std::string says;
  int code = 0;
};

std::vector<Bad> bad_inputs() {
  const auto with = [](Bytes bytes) {
    return [bytes = std::move(bytes)](const std::string& path) { write_bytes(path, bytes); };
  };
  const auto cut = [](const std::string& path) {
    const Folder folder;
    write_bytes(path, start_of(write_video(folder.file("whole.mp4"), 20), 2));
  };
  const auto cut_picture = [](const std::string& path) {
    const Folder folder;
    const auto whole = folder.file("whole" + path.substr(path.rfind('.')));
    write_frame(numbered_frame(1), whole);
    write_bytes(path, start_of(whole, 2));
  };
  return {
      {"Missing", "nowhere.mp4", [](const std::string&) {}, "no such file", ENOENT},
      {"Directory", "folder", [](const std::string& path) { ::mkdir(path.c_str(), 0700); },
       "the folder is empty", ENOENT},
      {"Fifo", "pipe.mp4", [](const std::string& path) { ::mkfifo(path.c_str(), 0600); }, "it is a pipe",
       EINVAL},
      {"Empty", "empty.mp4", with({}), "the file is empty", 0},
      {"Text", "notes.txt", with(bytes_of("Some words,\nand a second line of them.\n")), "not a video", 0},
      {"TextNamedVideo", "notes.mp4", with(bytes_of("Some words,\nand a second line of them.\n")),
       "not a video", 0},
      {"TextNamedPicture", "notes.png", with(bytes_of("Some words,\nand a second line of them.\n")),
       "damaged", 0},
      {"Zeros", "zeros.mp4", with(Bytes(100000, '\0')), "not a video", 0},
      {"Audio", "silence.wav", with(wav()), "no video; it contains audio (pcm_u8)", 0},
      {"CutBeforeItsIndex", "cut.mp4", cut, "moov atom not found", 0},
      {"CutPng", "cut.png", cut_picture, "damaged or cut off", 0},
      {"CutJpeg", "cut.jpg", cut_picture, "damaged or cut off", 0},
      {"BehindAFile", "", [](const std::string&) {}, "ot a directory", ENOTDIR},
  };
}

class MediaBadInput : public ::testing::TestWithParam<Bad> {};

TEST_P(MediaBadInput, IsASourceErrorWithItsNameAndReason) {
  const auto& bad = GetParam();
  const Folder folder;
  auto path = folder.file(bad.file);
  if (bad.file.empty()) {
    write_bytes(folder.file("file"), bytes_of("x"));
    path = folder.file("file") + "/clip.mp4";
  }
  bad.make(path);
  const auto error = refusal(path);
  EXPECT_TRUE(contains(error.message, "'" + path + "'")) << error.message;
  EXPECT_TRUE(contains(error.message, bad.says)) << error.message;
  EXPECT_EQ(error.url, path);
  EXPECT_EQ(error.code, bad.code) << error.message;
}

INSTANTIATE_TEST_SUITE_P(Files, MediaBadInput, ::testing::ValuesIn(bad_inputs()),
                         [](const auto& bad) { return bad.param.name; });

/// Makes this thread open files as an unprivileged user, even if the test runs as root.
class Unprivileged {
 public:
  Unprivileged() : before_(::setfsuid(kNobody)) {}
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  ~Unprivileged() { ::setfsuid(static_cast<uid_t>(before_)); }

 private:
  static constexpr uid_t kNobody = 65534;
  int before_;
};

TEST(MediaBadInputs, AFileWithoutReadPermissionIsReported) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 3);
  ::chmod(path.c_str(), 0);
  ::chmod(folder.file("").c_str(), 0755);
  const Unprivileged user;
  const auto error = refusal(path);
  EXPECT_TRUE(contains(error.message, "ermission denied")) << error.message;
  EXPECT_EQ(error.code, EACCES);
}

TEST(MediaBadInputs, UnknownFfmpegOptionsAreNamed) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 3);
  Hand hand;
  const auto source = open(path, {.options = {{"probesize", "100000"}, {"fast", "1"}, {"turbo", "2"}}});
  const auto message = message_of<SourceError>([&] { source->open(hand.context()); });
  EXPECT_TRUE(contains(message, "'fast', 'turbo'")) << message;
  EXPECT_FALSE(contains(message, "probesize")) << message;
}

TEST(MediaBadInputs, KnownFfmpegOptionsReachReaderAndDecoder) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 6);
  const auto played = play(path, {.options = {{"ignore_editlist", "1"}, {"skip_frame", "nokey"}}});
  EXPECT_EQ(played.numbers, counting(1)) << "only the keyframe is decoded";
}

TEST(LeavingFramesOut, IsCountedAndTheNumbersAreThoseOfTheSource) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 40, {.codec = "mpeg4", .options = {{"g", "12"}}});
  for (const bool loop : {false, true}) {
    Hand hand;
    const auto source = open(path, {.loop = loop, .options = {{"skip_frame", "nokey"}}});
    source->open(hand.context());
    std::vector<std::int64_t> numbers;
    while (numbers.size() < 8) {
      const auto item = source->read(hand.context());
      if (!item) break;
      numbers.push_back(item->seq.value_or(-1));
      EXPECT_EQ(number_of(item->value), numbers.back() % 40);
    }
    std::vector<std::int64_t> wanted{0, 12, 24, 36};
    if (loop) wanted.insert(wanted.end(), {40, 52, 64, 76});
    EXPECT_EQ(numbers, wanted);
    EXPECT_EQ(hand.counters.drops(NodeDropCause::NotDecoded), loop ? 69U : 36U);
    EXPECT_EQ(hand.damaged(), 0U);
    source->close();
  }
}

TEST(MediaBadInputs, FpsIsForPicturesOnly) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 3);
  Hand hand;
  const auto source = open(path, {.fps = 10});
  EXPECT_THROW(source->open(hand.context()), SourceError);
}

/// Changes the working directory to the folder for the lifetime of this object.
class Inside {
 public:
  explicit Inside(const Folder& folder) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder.file(""));
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { std::filesystem::current_path(before_); }

 private:
  std::filesystem::path before_;
};

TEST(MediaBadInputs, NamesThatLookLikeProtocolsAreNames) {
  const Folder folder;
  const Inside inside(folder);
  const auto video = read_bytes(write_video("clip.mp4", 3));
  for (const std::string name :
       {"http:x.mp4", "concat:a|b.mp4", "data:,x.mp4", "50%.mp4", "with space ü.mp4"}) {
    write_bytes(name, video);
    EXPECT_EQ(play(name).numbers, counting(3)) << name;
    EXPECT_EQ(play(write_video("out-" + name, 3)).numbers, counting(3)) << name;
  }
  EXPECT_EQ(play(write_video("http:out.mp4", 3)).numbers, counting(3));
}

TEST(MediaBadInputs, APictureWhoseNameLooksLikeAPatternIsAPicture) {
  const Folder folder;
  const Inside inside(folder);
  write_frame(numbered_frame(5), "one.png");
  std::filesystem::rename("one.png", "frame%03d.png");
  EXPECT_EQ(play("frame%03d.png").numbers, std::vector<int>{5});
  // TGA is recognised by its suffix only: type 2 (plain), 24 bits, 1 x 1
  Bytes tga(18 + 3, '\0');
  tga[2] = 2;
  tga[12] = 1;
  tga[14] = 1;
  tga[16] = 24;
  tga[18] = '\x10';
  tga[19] = '\x20';
  tga[20] = '\x30';
  write_bytes("http:%03d.tga", tga);
  const auto picture = read_frame("http:%03d.tga").to(PixelFormat::Bgr);
  EXPECT_EQ(packed_luma(picture.planes()[0]), (Bytes{'\x10', '\x20', '\x30'}));
}

}  // namespace
}  // namespace freshframe::test
