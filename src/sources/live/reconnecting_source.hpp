// Base class of live sources (cameras and network streams) that reconnect after an outage.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "media/ffmpeg/handles.hpp"
#include "media/ffmpeg/read/frame_size.hpp"
#include "media/stream/reconnect.hpp"

namespace freshframe::media {

class FrameMaker;

/// docs/reference/network-sources.md shows the states and transitions. open() makes one attempt. Afterwards,
/// and after each loss, read() backs off and tries again. If `reconnect` forbids that, or for SourceRefused
/// before the first connection, the error is thrown. Use on one thread, except url() and info().
class ReconnectingSource : public VideoSource {
 public:
  [[nodiscard]] VideoInfo info() const final;
  [[nodiscard]] bool live() const noexcept final { return true; }
  [[nodiscard]] NodeAbilities abilities() noexcept final { return abilities_; }

  /// Makes a source that may reconnect fail if its first frame does not arrive. Call before open(). No effect
  /// on a source that waits for a browser.
  void need_first_frame() noexcept {
    if (reconnect_ == Reconnect::Always && abilities_.fed == nullptr)
      reconnect_ = Reconnect::AfterItsFirstFrame;
  }
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) final;
  void close() override { disconnect(); }

 protected:
  /// `title`: name in messages, such as "camera '/dev/video0'". `abilities`: of the derived class.
  ReconnectingSource(std::string title, Reconnect reconnect, NodeAbilities abilities = {});

  /// Makes one attempt. Throws any std::exception; SourceRefused if another attempt would fail as well.
  virtual void connect(const Context& context) = 0;
  /// Returns the next frame of the connection. Returns nullopt after a stop, at the end of the source (after
  /// finish()), and if the frame could not be created. Throws when the connection is lost.
  virtual std::optional<SourceItem<Frame>> next(const Context& context) = 0;
  /// Closes the connection, even if connect() failed halfway.
  virtual void disconnect() = 0;
  /// Waits before the next attempt, or until a stop.
  virtual void back_off(const Context& context);
  /// Returns what follows the reason of an outage in the log.
  [[nodiscard]] virtual std::string_view plan() const {
    return "trying again (pass reconnect=False to open() to fail instead)";
  }

  [[nodiscard]] const std::string& title() const noexcept { return title_; }
  void set_info(VideoInfo info);
  /// Outages are measured from the last packet.
  void note_packet(TimePoint arrived) noexcept { last_packet_ = arrived; }
  /// Call at the end of a finite source, so that it does not reconnect.
  void finish() noexcept { finished_ = true; }
  /// Counts and logs a change of the frame size.
  void note_size(FrameSize size, const Context& context);
  /// Call when a frame is delivered: ends an outage.
  void note_frame(const Context& context);
  /// Call when a frame is delivered, with the estimate of its capture time. Returns its capture time, which
  /// is never before that of an earlier frame, of any connection.
  [[nodiscard]] TimePoint note_captured(TimePoint captured) noexcept {
    return newest_captured_ = std::max(newest_captured_, captured);
  }
  /// Returns nullopt if the frame could not be created, which is counted as `decode` and logged once. Throws
  /// with Reconnect::Never.
  [[nodiscard]] std::optional<Frame> make(FrameMaker& maker, AvFramePtr frame, const Context& context);

 private:
  void try_to_connect(const Context& context);
  void lose(const std::string& doing, const std::exception& error, const Context& context);
  void report_outage(const std::string& why, bool first, TimePoint now);

  const std::string title_;
  NodeAbilities abilities_;
  Reconnect reconnect_;
  bool connected_ = false;
  bool finished_ = false;
  bool had_frame_ = false;
  bool was_connected_ = false;  // connected once; a later refusal is retried: it may be another camera
  BackOff back_off_;
  TimePoint last_packet_{};  // arrival of the last packet, or the start of the first attempt
  TimePoint newest_captured_ = TimePoint::min();  // newest capture time of the frames so far
  SizeWatch sizes_;
  Seconds reminder_after_{};  // from the last packet before an outage to the next log message about it
  std::string complaint_;     // why frames could not be created

  mutable std::mutex info_mutex_;
  forks::Hold<std::mutex> info_hold_{info_mutex_};  // so that info() works in a forked child
  VideoInfo info_;                                  // guarded by info_mutex_
};

}  // namespace freshframe::media
