// Writes encoded packets into a container such that the file can be played at any moment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "media/ffmpeg/mp4_index.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/file/output_file.hpp"

namespace freshframe::media {

/// Note [Files that survive]
/// Once a second everything that was muxed goes to the operating system, so a process that is killed leaves a
/// file that can be played up to the last second; after a failed write (a full disk) the file is cut off at
/// the last such point. MP4 and MOV are written in fragments for this. When the file ends, a common index is
/// added behind them, and the first box is renamed so that it covers all fragments: a file as if it had never
/// had any, which every player and editor can seek in.
///
/// One thread. All throw Error naming the file.
class VideoMuxer {
 public:
  /// Opens the file and changes nothing in it.
  explicit VideoMuxer(std::string path);

  [[nodiscard]] bool had_content() const noexcept { return file_.had_content(); }
  [[nodiscard]] const AVOutputFormat& container() const noexcept { return *output_->oformat; }
  /// Empties the file. Takes what it knows out of `options`.
  [[nodiscard]] int start(const AVCodecContext& codec, Dictionary& options);
  /// `packet` with times of the codec.
  void write(AVPacket& packet, AVRational time_base);
  /// Writes what is left and closes the file, also when nothing was started.
  void finish();

 private:
  using Real = std::chrono::steady_clock;

  void flush();
  void flush_fragment();
  void end();
  void add_index();
  [[noreturn]] void fail(int result, const char* doing);
  void check(int result, const char* doing);

  std::string path_;
  OutputFile file_;  // outlives output_, which writes to it
  OutputPtr output_;
  bool started_ = false;
  bool failed_ = false;
  bool fragmented_ = false;
  std::unique_ptr<Mp4Index> index_;       // of a fragmented file in which one can seek
  std::vector<AvPacketPtr> in_fragment_;  // for the index
  std::int64_t safe_ = 0;                 // the file can be played up to here
  Real::time_point flushed_{};
};

/// The container that the name stands for, or nullptr.
[[nodiscard]] const AVOutputFormat* find_container(const std::string& path);

}  // namespace freshframe::media
