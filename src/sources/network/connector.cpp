// Connects a live source, with freshframe's own RTSP client or with FFmpeg.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/connector.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <utility>

#include "media/stream/reconnect.hpp"
#include "sources/browser/browser_connection.hpp"
#include "sources/network/live_connection.hpp"
#include "sources/rtsp/client_options.hpp"

namespace freshframe::media {

namespace {

/// FFmpeg handles RTSP over TLS, and options that only its RTSP client may know.
rtsp::Client client_for(const core::LiveUrl& url, const OpenOptions& options) {
  if (url.scheme != "rtsp") return rtsp::Client::Ffmpeg;
  const auto given = rtsp::read_client_options(options.options);
  return given.client == rtsp::Client::Any && !given.unknown.empty() ? rtsp::Client::Ffmpeg : given.client;
}

OpenOptions options_for_ffmpeg(const core::LiveUrl& url, OpenOptions options) {
  if (url.scheme == "rtsp") options.options.erase(rtsp::kClientOption);
  return options;
}

}  // namespace

Connector::Connector(SourceUrl url, OpenOptions options, std::shared_ptr<core::CameraFeed> feed)
    : url_(std::move(url)),
      feed_(std::move(feed)),
      own_options_(std::move(options)),
      options_(options_for_ffmpeg(url_.live, own_options_)),
      choice_(client_for(url_.live, own_options_)) {}

std::unique_ptr<PacketConnection> Connector::connect(const Context& context) {
  if (feed_)
    return std::make_unique<browser::BrowserConnection>(feed_, url_.masked, own_options_, context, *kept_);
  auto connection = choice_.is_own() ? connect_own(context) : connect_over_ffmpeg(context);
  is_connected_ = true;
  has_frame_ = false;
  return connection;
}

/// Falls back to FFmpeg's client within the same attempt: without `reconnect` there is no further attempt.
std::unique_ptr<PacketConnection> Connector::connect_own(const Context& context) {
  try {
    return std::make_unique<rtsp::Connection>(url_, own_options_, context,
                                              rtsp::Connection::Shared{.memory = memory_, .kept = *kept_});
  } catch (const SourceError& error) {
    why_ = error.what();
    if (!memory_.trouble || !choice_.note_failure(memory_.trouble)) throw;
  }
  log(LogLevel::Info, why_ + "; trying FFmpeg's RTSP client");
  try {
    return connect_over_ffmpeg(context);
  } catch (const SourceRefused&) {
    throw;
  } catch (const SourceTimeoutError& error) {
    throw SourceTimeoutError(why_ + "; FFmpeg's RTSP client: " + error.what(), error.url(), error.code());
  } catch (const SourceError& error) {
    throw SourceError(why_ + "; FFmpeg's RTSP client: " + error.what(), error.url(), error.code());
  }
}

std::unique_ptr<PacketConnection> Connector::connect_over_ffmpeg(const Context& context) {
  try {
    return std::make_unique<LiveConnection>(url_, options_, context, aside_,
                                            LiveConnection::Shared{learned_, kept_});
  } catch (const SourceError&) {
    static_cast<void>(choice_.note_failure(std::nullopt));
    throw;
  }
}

void Connector::note_frame() {
  if (std::exchange(has_frame_, true)) return;
  if (!choice_.note_frame()) return;
  log(LogLevel::Warning,
      "'" + url_.masked +
          "' is read by FFmpeg's RTSP client, one frame interval late, because freshframe's own failed: " +
          (why_.empty() ? "it delivered no frame" : why_) + "; please report this camera");
}

void Connector::note_end() {
  if (!std::exchange(is_connected_, false) || has_frame_) return;
  static_cast<void>(choice_.note_failure(choice_.is_own() ? memory_.trouble : std::nullopt));
}

}  // namespace freshframe::media
