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
/// Once a second, also of the video's own time, all muxed packets are passed to the operating system, so a
/// process that is killed leaves a file that can be played up to the last second. After a failed write (a
/// full disk) the file is truncated to the last such point. MP4 and MOV are written in fragments for this.
/// When the file ends, a common index is added after them, and the first box is renamed so that it covers
/// all fragments. The result is like a file without fragments, in which every player and editor can seek. If the
/// index cannot be kept, as on a full disk, the file remains one of fragments.
///
/// Note [Files that are taken away]
/// After each flush and at the end, the muxer looks whether its path still leads to the file. Nobody can play a file
/// that was deleted, so its packets do not count as written. A file that was moved keeps what it has, and ends.
///
/// Note [Durations]
/// A packet waits for the next one, whose time gives its duration. With a guessed duration at the end of an
/// MP4 fragment the next fragment would begin too early or too late, and FFmpeg would shift the packets
/// there.
///
/// One thread. All throw Error naming the file.
class VideoMuxer {
 public:
  /// Opens the file without changing it. The room is also asked before each flush.
  explicit VideoMuxer(std::string path, FileOpening opening = {});

  [[nodiscard]] bool had_content() const noexcept { return file_.had_content(); }
  /// Whether a write has failed, which has ended the file at its last safe point.
  [[nodiscard]] bool has_failed() const noexcept { return failed_; }
  /// Where the file was at the last look.
  [[nodiscard]] platform::FilePlace place() const noexcept { return place_; }
  /// The packets that a failure would leave in the file: 0 once it was deleted.
  [[nodiscard]] std::uint64_t kept_count() const noexcept { return kept_; }
  /// The bytes of the file that has ended, or that a failure would leave.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return static_cast<std::uint64_t>(safe_); }
  [[nodiscard]] const AVOutputFormat& container() const noexcept { return *output_->oformat; }
  /// The time base of the muxer's ticks, once started.
  [[nodiscard]] AVRational time_base() const noexcept { return output_->streams[0]->time_base; }
  /// Empties the file. Removes the options that it knows from `options`. Below 0: the container refuses the
  /// stream, and a file that is new is removed at finish().
  [[nodiscard]] int start(const AVCodecContext& codec, Dictionary& options);
  /// Starts for packets that no encoder of this process makes. `rate`: 0/1 if it is not known. `turn`: see
  /// stores_turn().
  [[nodiscard]] int start(const AVCodecParameters& codec, AVRational time_base, AVRational rate,
                          Dictionary& options, Turn turn = {});
  /// `packet` has times in the codec's time base. Throws after a failure, too.
  void write(AVPacket& packet, AVRational time_base);
  /// Passes all packets but the last to the operating system, before a wait for the next one.
  void flush();
  /// Writes the remaining packets and closes the file, even if start() was never called. Throws if any write has
  /// failed.
  void finish();
  /// Ends the file at its last safe point, as a failed write does. The destructor closes it.
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
  std::vector<AvPacketPtr> in_fragment_;  // for the index
  AvPacketPtr last_;                      // not yet muxed
  std::int64_t last_step_ = 0;            // ticks from the packet before it
  std::int64_t shift_ = 0;                // ticks that are added to all times
  std::uint64_t put_ = 0;                 // packets
  std::int64_t safe_ = 0;                 // the file can be played up to here
  std::uint64_t kept_ = 0;                // packets up to there
  std::int64_t flushed_dts_ = 0;
  Real::time_point flushed_{};
  platform::FilePlace place_ = platform::FilePlace::Same;
};

/// Returns true if files of this container store how players rotate the frames.
[[nodiscard]] bool stores_turn(const AVOutputFormat& container);
/// Seconds: an upper limit for the time between two packets.
[[nodiscard]] double longest_pause(const AVOutputFormat& container, AVRational time_base);
/// Returns the container of the name, or nullptr. Throws OptionError for a URL.
[[nodiscard]] const AVOutputFormat* find_container(const std::string& path);

}  // namespace freshframe::media
