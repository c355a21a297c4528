// A video source on the network that reconnects after outages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/watch/feed.hpp"
#include "core/watch/watched_source.hpp"
#include "media/device/card.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/packets/packet_camera.hpp"
#include "media/packets/packet_output.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/units/damage.hpp"
#include "media/url/source_url.hpp"
#include "sources/live/reconnecting_source.hpp"
#include "sources/network/camera_times.hpp"
#include "sources/network/connector.hpp"
#include "sources/network/decoding/decoding_mode.hpp"
#include "sources/network/decoding/frame_wish.hpp"
#include "sources/network/decoding/live_decoding.hpp"
#include "sources/network/decoding/stream_facts.hpp"
#include "sources/still/still_watch.hpp"

namespace freshframe::media {

/// Takes the packets of its connections, records their times, passes them to the packet output, and to the
/// decoder while frames are wanted.
class LiveSource final : public ReconnectingSource,
                         public PacketCamera,
                         public core::WatchedSource,
                         public core::FedSource {
 public:
  LiveSource(SourceUrl url, OpenOptions options);

  [[nodiscard]] std::string url() const override { return url_.masked; }
  /// The NAME of "browser:NAME".
  [[nodiscard]] std::string default_name() const override {
    return feed_ && !feed_->name().empty() ? feed_->name() : ReconnectingSource::default_name();
  }

  [[nodiscard]] std::unique_ptr<Source<Packet>> packets() override;
  void keep_packets(std::shared_ptr<KeptPackets> kept) override { packets_.keep(std::move(kept)); }
  void take_frames(bool wanted) override { wish_.demand().set(wanted); }
  void take_frames_while(FrameDemand::Taken taken) override { wish_.demand().ask(std::move(taken)); }
  void wake(std::optional<double> seconds, std::optional<double> until) override;
  void watch(const std::shared_ptr<const core::PictureTap>& tap) override { wish_.pages().add(tap); }
  /// Null unless a browser feeds it.
  [[nodiscard]] std::shared_ptr<core::CameraFeed> feed() const override { return feed_; }
  [[nodiscard]] NodeReport report(Span span) const override;
  void open(const Context& context) override;
  void close() override;

 protected:
  void connect(const Context& context) override;
  std::optional<SourceItem<Frame>> next(const Context& context) override;
  void disconnect() override;
  void back_off(const Context& context) override;
  [[nodiscard]] std::string_view plan() const override {
    return feed_
               ? "waiting for one: open the link of Dashboard.camera_url() in the browser where the camera is"
               : ReconnectingSource::plan();
  }

 private:
  void begin_card();
  void keep_card();
  [[nodiscard]] bool read_packet(const Context& context);
  [[nodiscard]] ArrivedPacket arrive(PacketNotes notes, const Context& context);
  [[nodiscard]] bool take_undecoded(AVPacket& packet, const PacketNotes& notes, const Context& context);
  void pass_on(const PacketNotes& notes, const Context& context);
  [[nodiscard]] bool has_to_see(const PacketNotes& notes) const {
    return notes.can_begin && (wish_.sees_next() || still_.needs_picture(notes.arrived));
  }
  /// Returns true if nothing else requires a copy to host memory.
  [[nodiscard]] bool stays_on_card() const { return options_.on_device && connection_->decoder().has_card(); }
  void watch_bytes(const ArrivedPacket& arrived, const Context& context);
  void see_key(const ArrivedPacket& arrived, const Context& context);
  [[nodiscard]] std::optional<SourceItem<Frame>> deliver(LivePicture picture, const Context& context);

  const SourceUrl url_;
  const OpenOptions options_;
  const std::shared_ptr<core::CameraFeed> feed_;  // null unless a browser feeds it
  Connector connector_;                           // outlives connection_
  std::shared_ptr<Card> card_;               // Note [One context]; null if no GPU is requested or available
  std::optional<CardOpening> card_opening_;  // set until the first connection succeeds or fails
  std::unique_ptr<PacketConnection> connection_;
  std::exception_ptr lost_;  // error of connection_, thrown after the decoder's last frames
  AvPacketPtr packet_;
  CameraTimes times_;
  Damage sent_damage_;  // damage in the packets of this connection
  PacketOutput packets_;
  FrameWish wish_;
  LiveDecoding decoding_;
  StreamFacts facts_;
  FrameMaker maker_;
  StillWatch still_;
};

}  // namespace freshframe::media
