// All inputs that FFmpeg's demuxer opens: a stream's own gets its filter, a playlist is asked for when it has
// changed.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/input/opened_inputs.hpp"

#include <cerrno>
#include <chrono>
#include <exception>

namespace freshframe::media {

void OpenedInputs::install(AVFormatContext& input, bool waits) {
  waits_ = waits;
  open_ = input.io_open;
  input.opaque = this;
  input.io_open = &OpenedInputs::open;
}

int OpenedInputs::open(AVFormatContext* input, AVIOContext** io, const char* url, int flags,
                       AVDictionary** options) noexcept {
  auto& self = *static_cast<OpenedInputs*>(input->opaque);
  try {
    return self.open(*input, *io, url, flags, options);
  } catch (const std::exception&) {
    avio_closep(io);  // null is allowed
    return AVERROR(ENOMEM);
  }
}

int OpenedInputs::open(AVFormatContext& input, AVIOContext*& io, const std::string& url, int flags,
                       AVDictionary** options) {
  if (is_open_ && playlists_.knows(url)) {
    const auto again = [&](AVIOContext*& made) {
      Dictionary same;
      if (options != nullptr && av_dict_copy(same.out(), *options, 0) < 0) throw std::bad_alloc();
      return open_(&input, &made, url.c_str(), flags, same.out());
    };
    ++reloads_;
    return playlists_.reload(url, again, io);
  }
  playlists_.note_opened(url);
  const auto asked = std::chrono::steady_clock::now();
  const int result = open_(&input, &io, url.c_str(), flags, options);
  if (result < 0 || opened_.size() >= kMostOpened) return result;
  opened_.push_back(url);
  const int looked = look_at(input, io, url, asked);
  if (looked < 0) avio_closep(&io);
  return looked < 0 ? looked : result;
}

/// The first call opens the stream. Later ones are a playlist's, whose input must be FFmpeg's own.
int OpenedInputs::look_at(AVFormatContext& input, AVIOContext*& io, const std::string& url, TimePoint asked) {
  if (opened_.size() == 1 && ends_.put_filter(input, io)) return 0;
  return playlists_.add(url, *io, asked, waits_);
}

}  // namespace freshframe::media
