// A connection to a browser that sends its camera, through the feed that the server fills.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/watch/feed.hpp"
#include "media/stream/kept_decoder.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/url/source_url.hpp"
#include "sources/browser/encoded_image.hpp"
#include "sources/live/packet_interval.hpp"

namespace freshframe::media::browser {

/// Returns the feed of a "browser:NAME" URL, or null for any other. Throws OptionError for a name that is not
/// made of at most 64 letters, digits, '-', '_' and '.', and for a size that no browser may send.
[[nodiscard]] std::shared_ptr<core::CameraFeed> make_feed(const SourceUrl& url, const OpenOptions& options);

/// Lasts as long as one browser sends with the same codec and rotation. The bytes of each packet are
/// inspected: a browser that sends anything other than what it declared, or larger images than permitted, is
/// refused.
class BrowserConnection final : public PacketConnection {
 public:
  /// If packets of a browser are already waiting, waits for a keyframe. Otherwise throws SourceError
  /// immediately, with the reason from CameraFeed::explain(). Throws SourceRefused for options that the
  /// decoder does not have.
  BrowserConnection(std::shared_ptr<core::CameraFeed> feed, std::string url, const OpenOptions& options,
                    const Context& context, KeptDecoder& kept);

  [[nodiscard]] std::optional<PacketNotes> next(AVPacket& packet, const Context& context) override;
  [[nodiscard]] Decoder& decoder() noexcept override { return *decoder_; }
  [[nodiscard]] std::unique_ptr<Decoder> give_decoder() noexcept override { return std::move(decoder_); }
  [[nodiscard]] const VideoInfo& info() const noexcept override { return info_; }
  [[nodiscard]] Turn turn() const noexcept override;
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const override;
  [[nodiscard]] bool is_timeless() const override { return false; }
  [[nodiscard]] bool is_bursty() const override { return false; }
  [[nodiscard]] bool counts_pictures() const override { return true; }
  [[nodiscard]] Unread end_packets() override;
  void ask_key() override;

 private:
  struct Checked {
    core::CameraFeed::Taken taken;
    EncodedImage image;
  };

  [[nodiscard]] std::optional<Checked> take(const Context& context);
  void check_sender() const;
  [[nodiscard]] Checked check(core::CameraFeed::Taken taken);
  [[noreturn]] void refuse(const std::string& why);
  [[noreturn]] void fail(const std::string& why) const;
  void wait_for_key(const Context& context);
  void make_decoder(KeptDecoder& kept);

  const std::shared_ptr<core::CameraFeed> feed_;
  const std::string url_;
  const OpenOptions& options_;
  core::CameraFeed::Stream stream_;
  bool opened_ = false;
  std::optional<Checked> first_;  // the first keyframe, until next() returns it
  std::unique_ptr<Decoder> decoder_;
  VideoInfo info_;
  PacketInterval interval_;
  std::optional<TimePoint> asked_;  // when a keyframe was last asked for
};

}  // namespace freshframe::media::browser
