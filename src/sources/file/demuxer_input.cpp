// Opens the input of a demuxer: the file itself and the segments that a playlist lists.
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <exception>
#include <string>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/read/io_text.hpp"
#include "media/ffmpeg/read/probing.hpp"
#include "media/stream/playlist.hpp"
#include "sources/file/demuxer.hpp"

namespace freshframe::media {

void Demuxer::open_file(Dictionary& options, const FfmpegErrorCapture& errors) {
  AVIOContext* io = nullptr;
  const auto callback = interrupt_.callback();
  const auto open = [&](AVIOContext*& made, const std::string& url, AVDictionary** left) {
    return avio_open2(&made, url.c_str(), AVIO_FLAG_READ, &callback, left);
  };
  const int result = access_.open(io, access_.enter(address()), options.out(), open);
  io_.reset(io);
  check_interrupt("opened", settings_.open_timeout);
  if (result < 0) fail(ffmpeg_text(result), result);
  const bool has_size = !settings_.remote || (avio_size(io_.get()) >= 0 && !access_.lacks_length());
  ends_with_error_ = !has_size && begins_as_playlist(*io_);
  check_playlist(*io_);
  check_interrupt("opened", settings_.open_timeout);
  if (!playlist_fault_.empty()) fail(playlist_fault_, AVERROR(ENOTSUP));
  unsized_.reset();
  if (has_size || ends_with_error_) return;
  const auto end = errors.met_chunks() ? UnsizedIo::End::Chunk : UnsizedIo::End::Connection;
  unsized_ = std::make_unique<UnsizedIo>(std::move(io_), end);
}

/// Opens a file that a playlist lists.
int Demuxer::open_part(AVFormatContext* input, AVIOContext** io, const char* url, int flags,
                       AVDictionary** options) noexcept {
  auto& self = *static_cast<Demuxer*>(input->opaque);
  try {
    const auto open = [&](AVIOContext*& made, const std::string& asked, AVDictionary** left) {
      return self.open_part_(input, &made, asked.c_str(), flags, left);
    };
    const int result = self.access_.open(*io, self.access_.enter(url), options, open);
    if (!self.access_.fault().empty()) self.interrupt_.end_call();
    if (result < 0) return result;
    self.check_playlist(**io);
    if (self.playlist_fault_.empty()) return result;
    avio_closep(io);
    return AVERROR_EXIT;
  } catch (const std::exception&) {
    avio_closep(io);  // null is allowed
    return AVERROR(ENOMEM);
  }
}

/// Judges a playlist, and puts its text back so that FFmpeg can read it.
void Demuxer::check_playlist(AVIOContext& io) {
  if (!begins_with(io, "#EXTM3U")) return;
  const auto text = take_text(io);
  if (!text) return;
  playlist_fault_ = find_fault(parse_playlist(*text));
  put_text(io, *text);
}

}  // namespace freshframe::media
