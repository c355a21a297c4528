// All inputs that FFmpeg's demuxer opens: a stream's own gets its filter, a playlist is asked for when it has
// changed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/network/filter/early_ends.hpp"
#include "media/network/playlist/live_playlists.hpp"

namespace freshframe::media {

/// One thread; outlives the demuxer.
class OpenedInputs {
 public:
  OpenedInputs(EarlyEnds& ends, Interrupt& interrupt) : ends_(ends), playlists_(interrupt) {}
  OpenedInputs(const OpenedInputs&) = delete;
  OpenedInputs& operator=(const OpenedInputs&) = delete;

  /// Before `input` is opened. `waits`: FFmpeg asks for a playlist again by opening it.
  void install(AVFormatContext& input, bool waits);
  /// Whether the stream was given up because its playlists name playlists, and these others: FFmpeg would ask
  /// for them without an end.
  [[nodiscard]] bool names_itself() const noexcept { return playlists_.name_themselves(); }
  /// The stream is open. From now on, a playlist that is opened again is waited for: before, it is one that
  /// another lists twice.
  void begin() noexcept { is_open_ = true; }
  /// Unix time of the first segment that was opened; nullopt: its playlist does not have it.
  [[nodiscard]] std::optional<double> first_time() const { return playlists_.time_of(opened_); }
  /// How often a playlist has had new segments.
  [[nodiscard]] std::uint64_t reloads() const noexcept { return reloads_; }

 private:
  static constexpr std::size_t kMostOpened = 32;

  using Open = int (*)(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**);
  static int open(AVFormatContext* input, AVIOContext** io, const char* url, int flags,
                  AVDictionary** options) noexcept;
  [[nodiscard]] int open(AVFormatContext& input, AVIOContext*& io, const std::string& url, int flags,
                         AVDictionary** options);
  [[nodiscard]] int look_at(AVFormatContext& input, AVIOContext*& io, const std::string& url,
                            TimePoint asked);

  EarlyEnds& ends_;
  LivePlaylists playlists_;
  bool waits_ = false;
  bool is_open_ = false;
  Open open_ = nullptr;              // FFmpeg's own
  std::vector<std::string> opened_;  // the first URLs
  std::uint64_t reloads_ = 0;
};

}  // namespace freshframe::media
