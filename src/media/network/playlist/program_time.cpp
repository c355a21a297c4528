// When the first picture of a playlist was taken, by the server's clock.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/playlist/program_time.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "media/network/playlist/playlist.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kMostText = 1U << 20U;  // bytes
constexpr double kLongestStep = 10;           // seconds between two packets, unless the times begin anew

std::string text_at(const std::string& url, const std::map<std::string, std::string>& options,
                    const AVIOInterruptCB& interrupt) {
  Dictionary unused(options);
  AVIOContext* opened = nullptr;
  if (avio_open2(&opened, url.c_str(), AVIO_FLAG_READ, &interrupt, unused.out()) < 0) return {};
  const IoPtr io(opened);
  std::string text;
  std::array<unsigned char, 4096> part{};
  while (text.size() < kMostText) {
    const int count = avio_read(io.get(), part.data(), static_cast<int>(part.size()));
    if (count <= 0) break;
    text.append(reinterpret_cast<const char*>(part.data()), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

std::optional<double> first_program_time(const std::vector<std::string>& opened,
                                         const std::map<std::string, std::string>& options,
                                         const AVIOInterruptCB& interrupt) {
  if (opened.size() < 2) return std::nullopt;
  auto playlist = parse_playlist(text_at(opened[0], options, interrupt));
  if (playlist.is_master) playlist = parse_playlist(text_at(opened[1], options, interrupt));
  return time_of_any(playlist, opened);
}

std::optional<double> ProgramTime::at(double time) noexcept {
  if (first_) {
    offset_ = *std::exchange(first_, std::nullopt) - time;
  } else if (offset_ && std::abs(time - last_) > kLongestStep) {
    offset_.reset();  // behind a discontinuity
  }
  last_ = time;
  return offset_ ? std::optional(*offset_ + time) : std::nullopt;
}

}  // namespace freshframe::media
