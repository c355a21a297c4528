// Opening and closing repeatedly leaks no file descriptors, threads or memory.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cpp/media/files.hpp"
#include "cpp/sources/network/live_server.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

std::ptrdiff_t entries(const std::string& folder) {
  const std::filesystem::directory_iterator all(folder);
  return std::distance(begin(all), end(all));
}

struct Usage {
  std::ptrdiff_t descriptors = entries("/proc/self/fd");
  std::ptrdiff_t threads = entries("/proc/self/task");
  long resident = [] {
    std::ifstream file("/proc/self/statm");
    long size = 0;
    long pages = 0;
    file >> size >> pages;
    return pages * ::sysconf(_SC_PAGESIZE);
  }();
};

void expect_no_growth(const Usage& before, const Usage& after) {
  EXPECT_EQ(after.descriptors, before.descriptors);
  // A joined thread may linger there.
  wait_until([&] { return entries("/proc/self/task") <= before.threads; });
  constexpr long kNoise = 16L << 20U;  // bytes; one leaked decoder per round would be several times that
  if (!kSanitized) {                   // sanitizers keep freed memory, and look for leaks themselves
    EXPECT_LT(after.resident, before.resident + kNoise);
  }
}

constexpr int kRounds = 200;
constexpr int kWarmUp = 20;

TEST(MediaLeak, TwoHundredSourcesLeaveNothingBehind) {
  extend_watchdog(120);
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 8);
  Usage before;
  for (int round = 0; round < kRounds; ++round) {
    if (round == kWarmUp) before = Usage();
    Hand hand;
    const auto source = open(path, {.decoder_threads = 2});
    source->open(hand.context());
    for (int n = 0; n < round % 9; ++n) static_cast<void>(source->read(hand.context()));
    if (round % 2 == 0) source->close();
  }
  expect_no_growth(before, Usage());
}

TEST(MediaLeak, TwoHundredFailuresToOpenLeaveNothingBehind) {
  extend_watchdog(120);
  const Folder folder;
  auto bytes = read_bytes(write_video(folder.file("clip.mp4"), 8));
  bytes.resize(bytes.size() / 2);
  write_bytes(folder.file("clip.mp4"), bytes);
  Usage before;
  for (int round = 0; round < kRounds; ++round) {
    if (round == kWarmUp) before = Usage();
    Hand hand;
    const auto source = open(folder.file("clip.mp4"));
    EXPECT_THROW(source->open(hand.context()), SourceError);
  }
  expect_no_growth(before, Usage());
}

TEST(MediaLeak, AHundredNetworkSourcesLeaveNothingBehindInWhateverStateTheyEnd) {
  extend_watchdog(120);
  const Folder folder;
  const auto bytes = read_bytes(write_video(folder.file("clip.ts"), 8));
  Usage before;
  for (int round = 0; round < kRounds / 2; ++round) {
    if (round == kWarmUp) before = Usage();
    // The server sends all and waits, sends all and closes, sends half and closes, or sends nothing and closes.
    const auto size = round % 4 < 2 ? bytes.size() : round % 4 == 2 ? bytes.size() / 2 : 0;
    const ByteServer server(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)),
                            round % 4 == 0 ? ByteServer::Then::Hold : ByteServer::Then::Close);
    Hand hand;
    const auto source = open(server.url(), {.reconnect = false});
    try {
      source->open(hand.context());
      for (int n = 0; n < round % 5; ++n) static_cast<void>(source->read(hand.context()));
    } catch (const SourceError&) {  // the server sends no more frames
    }
    if (round % 3 != 0) source->close();
  }
  expect_no_growth(before, Usage());
}

TEST(MediaLeak, AHundredVideoFilesLeaveNothingBehind) {
  extend_watchdog(120);
  const Folder folder;
  Usage before;
  for (int round = 0; round < kRounds / 2; ++round) {
    if (round == kWarmUp) before = Usage();
    Hand hand;
    VideoFile file(folder.file("clip.mp4"));
    file.open(hand.context());
    for (int n = 0; n < round % 4; ++n) write_frame(file, hand, numbered_frame(n), n / 25.0);
    if (round % 2 == 0) file.close();
  }
  expect_no_growth(before, Usage());
}

}  // namespace
}  // namespace freshframe::test
