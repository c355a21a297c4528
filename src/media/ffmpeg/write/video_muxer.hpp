// Writes encoded packets into a container so that the file can be played at any moment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "media/ffmpeg/write/mp4_index.hpp"
#include "media/ffmpeg/write/output_file.hpp"
#include "platform/file.hpp"

namespace freshframe::media {

/// Note [Files that survive]
/// Once a second of real time or of the video's own time, all muxed packets are passed to the operating
/// system, so a process that is killed leaves a file that can be played up to the last second. After a failed
/// write (a full disk) the file is truncated to the last such point. For this, MP4 and MOV are written in
/// fragments. When the file ends, a common index is added after them, and the first box is renamed so that it
/// covers all fragments. The result is like a file without fragments, in which every player and editor can
/// seek. If the index cannot be written, for example because the disk is full, the file stays fragmented.
///
/// Note [Files that are moved or deleted]
/// After each flush and at the end, the muxer checks whether its path still leads to the file. Nobody can
/// play a file that was deleted, so its packets do not count as written. A file that was moved keeps its
/// contents, and ends there.
///
/// Note [Durations]
/// A packet is written once the next one has arrived, whose timestamp gives its duration. If the duration at
/// the end of an MP4 fragment were guessed, the next fragment would begin too early or too late, and FFmpeg
/// would shift the packets there.
///
/// Not thread-safe. Every method throws Error with the file's name.
class VideoMuxer {
 public:
  /// Opens the file without changing it. `opening.room` is also asked before each flush.
  explicit VideoMuxer(std::string path, FileOpening opening = {});

  [[nodiscard]] bool had_content() const noexcept { return file_.had_content(); }
  /// Returns true if a write has failed. The file then ends at its last safe point.
  [[nodiscard]] bool has_failed() const noexcept { return failed_; }
  /// Where the file was when it was last checked.
  [[nodiscard]] platform::FilePlace place() const noexcept { return place_; }
  /// Number of packets that a failure would leave in the file; 0 if the file was deleted.
  [[nodiscard]] std::uint64_t kept_count() const noexcept { return kept_; }
  /// Size in bytes of the finished file, or of what a failure would leave.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return static_cast<std::uint64_t>(safe_); }
  [[nodiscard]] const AVOutputFormat& container() const noexcept { return *output_->oformat; }
  /// Time base of the muxer's timestamps. Valid after start().
  [[nodiscard]] AVRational time_base() const noexcept { return output_->streams[0]->time_base; }
  /// Empties the file. Removes the options that the muxer knows from `options`. Returns a negative error code
  /// if the container refuses the stream; finish() then removes a new file.
  [[nodiscard]] int start(const AVCodecContext& codec, Dictionary& options);
  /// Starts a file for packets that were not encoded by this process (stream copy). `rate`: frame rate, or
  /// 0/1 if unknown. `turn`: ignored unless stores_turn().
  [[nodiscard]] int start(const AVCodecParameters& codec, AVRational time_base, AVRational rate,
                          Dictionary& options, Turn turn = {});
  /// Timestamps of `packet` are in `time_base`. After a failure throws again.
  void write(AVPacket& packet, AVRational time_base);
  /// Call before a pause of the stream. Passes all packets but the last to the operating system.
  void flush();
  /// Writes the remaining packets and closes the file, even if start() was never called. Throws if any write
  /// has failed.
  void finish();
  /// Ends the file at its last safe point, like a failed write. The destructor closes it.
  void give_up() noexcept;

 private:
  using Real = std::chrono::steady_clock;

  [[nodiscard]] bool is_flush_due(std::int64_t dts) const;
  void check_sound() const;
  void put(AVPacket& packet);
  void put_last();
  [[nodiscard]] std::int64_t shift_before(const AVPacket& second) const;
  void put_through();
  void flush_fragment();
  void check_place(platform::FilePlace place);
  void end_file();
  void note_fragment(std::int64_t position);
  void lose_index(const std::string& why);
  void add_index();
  [[noreturn]] void fail(int result, const char* doing);
  void check(int result, const char* doing);

  std::string path_;
  DiskRoom* room_;
  OutputFile file_;  // outlives output_, which writes to it
  OutputPtr output_;
  bool started_ = false;
  bool failed_ = false;
  bool fragmented_ = false;
  std::unique_ptr<Mp4Index> index_;       // index of a fragmented file that is seekable
  std::vector<AvPacketPtr> in_fragment_;  // packets of the current fragment, for the index
  AvPacketPtr last_;                      // not muxed yet, because its duration is unknown
  std::int64_t last_step_ = 0;            // ticks between last_ and the packet before it
  std::int64_t shift_ = 0;                // ticks added to all timestamps
  std::uint64_t put_ = 0;                 // packets
  std::int64_t safe_ = 0;                 // bytes up to the last point at which the file can be played
  std::uint64_t kept_ = 0;                // number of packets before that byte
  std::int64_t flushed_dts_ = 0;
  Real::time_point flushed_{};
  platform::FilePlace place_ = platform::FilePlace::Same;
};

/// Returns true if files of this container store how players rotate the frames.
[[nodiscard]] bool stores_turn(const AVOutputFormat& container);
/// Returns the longest time between two packets that the container can represent, in seconds.
[[nodiscard]] double longest_pause(const AVOutputFormat& container, AVRational time_base);
/// Returns the container for a file name, or null. Throws OptionError for a URL.
[[nodiscard]] const AVOutputFormat* find_container(const std::string& path);

}  // namespace freshframe::media
