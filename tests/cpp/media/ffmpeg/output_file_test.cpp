// The file that a muxer writes: what remains on disk, and the reasons in its errors.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/output_file.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <iterator>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(MediaOutputFile, IsRemovedWhenItWasMadeAndNeverBegun) {
  const Folder folder;
  const auto path = folder.file("a.mp4");
  {
    const OutputFile file(path);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    OutputFile file(path);
    EXPECT_EQ(file.close(), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    OutputFile file(path);
    file.begin_file();
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(MediaOutputFile, IsRemovedWithTheHeaderOfAStreamThatItsContainerRefused) {
  const Folder folder;
  const auto path = folder.file("a.mp4");
  {
    OutputFile file(path);
    file.begin_file();
    avio_write(file.io(), reinterpret_cast<const unsigned char*>("head"), 4);
    avio_flush(file.io());
    file.abandon();
    avio_write(file.io(), reinterpret_cast<const unsigned char*>("tail"), 4);
    EXPECT_LT(file.close(), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(MediaOutputFile, LeavesAFileThatWasThere) {
  const Folder folder;
  const auto path = folder.file("a.mp4");
  write_bytes(path, {});
  {
    const OutputFile file(path);
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove(path);
  {
    const OutputFile file(path);
    std::filesystem::rename(path, folder.file("b.mp4"));
    write_bytes(path, {});  // created by another program
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(MediaOutputFile, OfACameraThatNeverCameIsNotLeftBehind) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a.mp4"));
  file.open(hand.context());
  EXPECT_TRUE(std::filesystem::exists(folder.file("a.mp4")));  // reserves the name
  file.close();
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.mp4")));
}

TEST(MediaOutputFile, NamesTheReasonOfAShortRead) {
  const Folder folder;
  OutputFile file(folder.file("a.mp4"));
  file.begin_file();
  errno = ENOENT;  // left by an earlier call
  const auto text = message_of<Error>([&] { static_cast<void>(file.number_at(1000)); });
  EXPECT_TRUE(contains(text, "i/o error") || contains(text, "input/output error")) << text;
}

TEST(MediaOutputFile, ClosesItsDescriptorWhenAnotherWritesTheFile) {
  const Folder folder;
  const OutputFile first(folder.file("a.mp4"));
  const auto before = open_descriptors();
  EXPECT_THROW(OutputFile(folder.file("a.mp4")), Error);
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace freshframe::test
