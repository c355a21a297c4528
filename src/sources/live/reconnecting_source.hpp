// A live source that connects again when its connection is lost: cameras and network streams.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"
#include "freshframe/media.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <string>

#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/stream/reconnect.hpp"

namespace freshframe::media {

/// docs/reference/network-sources.md shows its states and their transitions. open() makes one attempt. After it,
/// and after each loss, read() backs off and makes another. Where `reconnect` has none, and for a
/// SourceRefused before the first connection, the error is thrown. All but url() and info() on one thread.
class ReconnectingSource : public VideoSource {
 public:
  [[nodiscard]] VideoInfo info() const final;
  [[nodiscard]] bool live() const noexcept final { return true; }
  [[nodiscard]] NodeAbilities abilities() noexcept final { return abilities_; }

  /// Makes a source that may reconnect fail unless its first frame comes. Call it before open().
  void need_first_frame() noexcept {
    if (reconnect_ == Reconnect::Always) reconnect_ = Reconnect::AfterItsFirstFrame;
  }
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) final;
  void close() override { disconnect(); }

 protected:
  /// `title` is its name in messages: "camera '/dev/video0'". `abilities`: of the derived class.
  ReconnectingSource(std::string title, Reconnect reconnect, NodeAbilities abilities = {});

  /// One attempt. Throws any std::exception; SourceRefused when another attempt would fail as well.
  virtual void connect(const Context& context) = 0;
  /// The next frame of the connection. nullopt means the pipeline stops, the source has an end (after
  /// finish()), or the frame could not be made. Throws when the connection is lost.
  virtual std::optional<SourceItem<Frame>> next(const Context& context) = 0;
  /// Ends the connection, even if connect() has made it only in part.
  virtual void disconnect() = 0;

  [[nodiscard]] const std::string& title() const noexcept { return title_; }
  void set_info(VideoInfo info);
  /// An outage is counted from the last packet.
  void note_packet(TimePoint arrived) noexcept { last_packet_ = arrived; }
  /// The source has an end, and has reached it: no other attempt follows.
  void finish() noexcept { finished_ = true; }
  /// Counts and logs a change of the stream's size.
  void note_size(FrameSize size, const Context& context);
  /// Ends an outage: the connection has delivered a frame.
  void note_frame(const Context& context);
  /// Returns nullopt if the frame could not be made. That counts as `decode`, and the reason is logged once. Throws
  /// with Reconnect::Never.
  [[nodiscard]] std::optional<Frame> make(FrameMaker& maker, AvFramePtr frame, const Context& context);

 private:
  void try_to_connect(const Context& context);
  void back_off(const Context& context);
  void lose(const std::string& doing, const std::exception& error, const Context& context);
  void report_outage(const std::string& why, bool first, TimePoint now);

  const std::string title_;
  NodeAbilities abilities_;
  Reconnect reconnect_;
  bool connected_ = false;
  bool finished_ = false;
  bool had_frame_ = false;
  bool was_connected_ = false;  // at least once: a camera that refuses then may be another one
  BackOff back_off_;
  TimePoint last_packet_{};  // time of the last packet, or of the first attempt's begin
  SizeWatch sizes_;
  Seconds reminder_after_{};  // of an outage: since the last packet
  std::string complaint_;     // the reason why frames could not be made

  mutable std::mutex info_mutex_;
  forks::Hold<std::mutex> info_hold_{info_mutex_};  // info() answers in a forked child, too
  VideoInfo info_;                                  // guarded by info_mutex_
};

}  // namespace freshframe::media
