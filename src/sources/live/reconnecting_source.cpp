// Base class of live sources (cameras and network streams) that reconnect after an outage.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/reconnecting_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <iomanip>
#include <new>
#include <sstream>
#include <utility>

#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/stream/reconnect.hpp"

namespace freshframe::media {
namespace {

constexpr Seconds kFirstReminder{10};
constexpr Seconds kLongestReminder{600};

std::string reason(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ? "not enough memory" : error.what();
}

// If the source refused the connection, throws its error again with advice how to wait for the source.
// Returns for other errors.
void say_how_to_wait(const std::exception& error) {
  const auto* const failed = dynamic_cast<const SourceError*>(&error);
  if (failed == nullptr || failed->code() != ECONNREFUSED) return;
  throw SourceError(std::string(failed->what()) +
                        "; check the port, or pass reconnect=True to open() to wait for the source",
                    failed->url(), failed->code());
}

}  // namespace

ReconnectingSource::ReconnectingSource(std::string title, Reconnect reconnect, NodeAbilities abilities)
    : title_(std::move(title)), abilities_(abilities), reconnect_(reconnect), back_off_(random_seed()) {
  abilities_.reconnects = this;
}

VideoInfo ReconnectingSource::info() const {
  const std::lock_guard lock(info_mutex_);
  return info_;
}

void ReconnectingSource::set_info(VideoInfo info) {
  const std::lock_guard lock(info_mutex_);
  info_ = std::move(info);
}

void ReconnectingSource::open(const Context& context) {
  last_packet_ = context.clock.now();
  try {
    try_to_connect(context);
  } catch (...) {
    close();  // the engine does not call it after a failed open(), and other programs may need the camera
    throw;
  }
}

std::optional<SourceItem<Frame>> ReconnectingSource::read(const Context& context) {
  while (!context.stop.stop_requested() && !finished_) {
    if (!connected_) {
      back_off(context);
      if (!context.stop.stop_requested()) try_to_connect(context);
      continue;
    }
    try {
      if (auto item = next(context)) return item;
    } catch (const std::exception& error) {
      lose("lost", error, context);
    }
  }
  return std::nullopt;
}

/// Returns once the source is connected, the failure is counted, or `context.stop` is requested.
void ReconnectingSource::try_to_connect(const Context& context) {
  context.counters.source().enter(SourceState::Connecting);
  try {
    connect(context);
    connected_ = was_connected_ = true;
  } catch (const std::exception& error) {
    lose("cannot open", error, context);
  }
}

void ReconnectingSource::back_off(const Context& context) {
  const auto until = context.clock.now() + to_duration(Seconds(back_off_.next()));
  static_cast<void>(context.clock.sleep_until(until, context.stop));
}

/// Must be called in the handler of `error`. Rethrows it if the source does not reconnect.
void ReconnectingSource::lose(const std::string& doing, const std::exception& error, const Context& context) {
  connected_ = false;
  if (context.stop.stop_requested()) return disconnect();
  const bool refused = dynamic_cast<const SourceRefused*>(&error) != nullptr && !was_connected_;
  const bool goes_on = reconnect_ == Reconnect::Always || (reconnect_ != Reconnect::Never && had_frame_);
  if (!goes_on || refused) {
    if (reconnect_ == Reconnect::AfterItsFirstFrame) say_how_to_wait(error);
    throw;
  }
  const bool named = dynamic_cast<const SourceError*>(&error) != nullptr;
  const auto why = named ? error.what() : doing + " " + title_ + ": " + reason(error);
  auto& book = context.counters.source();
  const bool first = !book.is_lost();
  book.lose(last_packet_, why);
  book.enter(SourceState::BackingOff);
  book.set_clock(std::nullopt);
  book.set_behind(std::nullopt);
  report_outage(why, first, context.clock.now());
  disconnect();  // last, because a driver may take long to release the device
}

// Logs a warning immediately, so that a program waiting for its first frame does not seem to hang, then at
// growing intervals.
void ReconnectingSource::report_outage(const std::string& why, bool first, TimePoint now) {
  if (first) {
    reminder_after_ = kFirstReminder;
    log(LogLevel::Warning, why + "; " + std::string(plan()));
    return;
  }
  const Seconds lost = now - last_packet_;
  if (lost < reminder_after_) {
    log(LogLevel::Info, why + "; trying again");
    return;
  }
  reminder_after_ = std::max(lost + kFirstReminder, std::min(2 * lost, lost + kLongestReminder));
  std::ostringstream text;
  text << why << "; no frame has arrived for " << std::fixed << std::setprecision(0) << lost.count()
       << " s, still trying";
  log(LogLevel::Warning, text.str());
}

void ReconnectingSource::note_size(FrameSize size, const Context& context) {
  const auto before = sizes_.changes_with(size);
  if (!before) return;
  context.counters.source().count_size_change();
  std::ostringstream text;
  text << title_ << " changed its size from " << before->width << "x" << before->height << " to "
       << size.width << "x" << size.height;
  log(LogLevel::Info, text.str());
}

void ReconnectingSource::note_frame(const Context& context) {
  back_off_.reset();
  had_frame_ = true;
  auto& book = context.counters.source();
  if (book.state() == SourceState::WaitingKeyframe) book.enter(SourceState::Reading);
  const auto lasted = book.recover(context.clock.now());
  if (!lasted) return;
  std::ostringstream text;
  text << title_ << " is back after " << std::fixed << std::setprecision(1) << *lasted << " s";
  log(LogLevel::Warning, text.str());
}

std::optional<Frame> ReconnectingSource::make(FrameMaker& maker, AvFramePtr frame, const Context& context) {
  const FfmpegErrorCapture errors;  // FFmpeg would log an error for each frame
  try {
    return maker.make(std::move(frame));
  } catch (const std::exception& error) {
    if (reconnect_ == Reconnect::Never) throw;
    context.counters.drop(NodeDropCause::Decode);
    if (const auto why = reason(error); why != complaint_) {
      complaint_ = why;
      log(LogLevel::Warning, title_ + ": frames are lost: " + why);
    }
    return std::nullopt;
  }
}

}  // namespace freshframe::media
