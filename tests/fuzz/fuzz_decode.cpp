// Fuzzes the loop that demuxes, decodes and makes frames: any bytes as a file.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

namespace {

using namespace freshframe;

/// A file in memory. The path leads through /proc, so that the program under test is the program that users run.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || ::write(descriptor_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void require(bool holds) {
  if (!holds) std::abort();
}

/// Reads every pixel: a plane that is shorter than it claims is found by AddressSanitizer.
std::uint64_t sum(const Frame& frame) {
  std::uint64_t total = 0;
  for (const auto& plane : frame.planes()) {
    for (int y = 0; y < plane.rows; ++y) {
      for (int x = 0; x < plane.row_bytes; ++x) total += plane.row(y)[x];
    }
  }
  return total;
}

void play(const std::string& path) {
  constexpr int kMostFrames = 100;
  NodeCounters counters;
  const auto clock = Clock::real();
  const Context context{{}, *clock, counters};
  // Large pictures are legal and only make the fuzzer slow.
  const auto source = open(path, {.decoder_threads = 1, .options = {{"max_pixels", "262144"}}});
  source->open(context);
  require(source->info().width > 0 && source->info().height > 0);
  double last = -1e300;
  volatile std::uint64_t total = 0;
  for (int n = 0; n < kMostFrames; ++n) {
    const auto item = source->read(context);
    if (!item) break;
    require(item->pts >= last);
    last = item->pts;
    total = total + sum(item->value) + sum(item->value.to(PixelFormat::Rgb));
  }
  source->close();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_log_sink([](LogLevel, std::string_view) {});
  const MemoryFile file(data, size);
  try {
    play(file.path());
  } catch (const Error&) {  // a user gets this; anything else ends the process
  }
  return 0;
}
