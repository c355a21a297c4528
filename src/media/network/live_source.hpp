// A video source on the network that reconnects after outages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/look/watched_source.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/live/looks.hpp"
#include "media/live/reconnecting_source.hpp"
#include "media/network/camera_times.hpp"
#include "media/network/connector.hpp"
#include "media/network/decoding/fruitless.hpp"
#include "media/network/decoding/held_packets.hpp"
#include "media/network/decoding/kept_group.hpp"
#include "media/network/decoding/key_decoding.hpp"
#include "media/network/decoding/live_phase.hpp"
#include "media/network/decoding/wake_limit.hpp"
#include "media/packets/packet_camera.hpp"
#include "media/packets/packet_output.hpp"
#include "media/still/still_watch.hpp"
#include "media/stream/key_gate.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/units/damage.hpp"
#include "media/url/source_url.hpp"

namespace freshframe::media {

class LiveSource final : public ReconnectingSource, public PacketCamera, public core::WatchedSource {
 public:
  LiveSource(SourceUrl url, OpenOptions options);

  [[nodiscard]] std::string url() const override { return url_.masked; }

  [[nodiscard]] std::unique_ptr<Source<Packet>> packets() override;
  void keep_packets(std::shared_ptr<KeptPackets> kept) override { packets_.keep(std::move(kept)); }
  void take_frames(bool wanted) override { demand_.set(wanted); }
  void take_frames_while(FrameDemand::Taken taken) override { demand_.ask(std::move(taken)); }
  void wake(std::optional<double> seconds, std::optional<double> until) override;
  void watch(const std::shared_ptr<const core::PictureTap>& tap) override { looks_.add(tap); }
  void open(const Context& context) override;
  void close() override;

 protected:
  void connect(const Context& context) override;
  std::optional<SourceItem<Frame>> next(const Context& context) override;
  void disconnect() override;

 private:
  /// The properties that only a decoded frame has.
  struct FirstFrame {
    [[nodiscard]] static FirstFrame of(const AVFrame& frame, const Decoder& decoder);
    int pixel_format = -1;
    bool interlaced = false;
    AVRational rate{};  // by its decoder; 0: not known
  };

  /// The next decoded frame; null after a stop.
  [[nodiscard]] AvFramePtr pull(const Context& context);
  [[nodiscard]] bool feed(const Context& context);
  void feed_decoder(const PacketNotes& notes, TimePoint captured, bool damaged, const Context& context);
  void keep(const PacketNotes& notes, TimePoint captured, bool damaged);
  [[nodiscard]] bool passes_over(const AVFrame& frame);
  [[nodiscard]] bool take_undecoded(AVPacket& packet, const PacketNotes& notes, const Context& context);
  /// Where a page may show it, also a stream without key pictures, and one with so much behind the last one that it
  /// cannot be kept.
  [[nodiscard]] bool decodes(TimePoint now) {
    const bool lacks_key = keyless_since_ && Seconds(now - *keyless_since_).count() >= KeyGate::kLongest;
    const bool is_for_pages = group_.is_full() || (lacks_key && !decoding_.sleeps() && looks_.may_come());
    return demand_.any() || looks_.any(now) || is_for_pages;
  }
  /// Whether it decodes this packet although nothing takes its frame, to know what pictures of this stream are like and
  /// whether they stand still.
  [[nodiscard]] bool has_to_see(const PacketNotes& notes) const {
    return notes.can_begin && (sees_next_ || still_.needs_picture(notes.arrived));
  }
  void decode(const PacketNotes& notes, TimePoint captured, bool damaged, const Context& context);
  [[nodiscard]] std::optional<bool> send(DecoderResidue::Handling handling, const PacketNotes& notes,
                                         TimePoint captured, const Context& context);
  void lose_picture();
  void forget_pictures(TimePoint now);
  void pause_decoding(const Context& context);
  [[nodiscard]] bool hand_over(const PacketNotes& notes, TimePoint captured, const Context& context);
  void note_undecoded(PacketNotes notes, const Context& context);
  void see_key(TimePoint arrived, TimePoint captured, const Context& context);
  void count_undecoded_losses(const PacketNotes& notes, bool damaged, const Context& context);
  void count_undecoded(const Context& context);
  [[nodiscard]] bool counts_pictures() const;
  void show_without_key();
  void check_fruitful(TimePoint arrived, const Context& context);
  void warn_of_keys();
  void note(LiveEvent event) noexcept { phase_ = after(phase_, event); }
  void count_missing(const HeldPackets::Taken& notes, const Context& context);
  void count_before(const HeldPackets::Taken& notes, const Context& context);
  void count_left(const Context& context);
  [[nodiscard]] TimePoint note_times(PacketNotes& notes, const Context& context);
  [[nodiscard]] std::optional<SourceItem<Frame>> deliver(AvFramePtr frame, const Context& context);
  [[nodiscard]] HeldPackets::Taken take_held(const AVFrame& frame);
  [[nodiscard]] HeldPackets::Taken take_notes(const AVFrame& frame, const Context& context);
  void note_ends(std::string_view ends_by);
  void note_info(const Frame& made, const FirstFrame& first);

  const SourceUrl url_;
  const OpenOptions options_;
  bool info_known_ = false;  // of a first frame
  bool sees_next_ = true;    // the next key picture, of another stream than the last that was seen
  bool resumes_ = false;     // no frame was given since a replay of group_ has begun
  TimePoint given_{};        // when the last frame that was given was captured
  std::optional<TimePoint> keyless_since_;  // of this connection; nullopt: a key picture has come
  std::string ends_by_;                     // as in VideoInfo
  Connector connector_;                     // outlives connection_
  std::unique_ptr<PacketConnection> connection_;
  std::exception_ptr lost_;  // the error of connection_, thrown after the decoder's last frames
  FrameMaker maker_;
  CameraTimes times_;
  AvPacketPtr packet_;
  AvFramePtr spare_;     // for the next receive()
  KeyGate key_gate_{0};  // of this connection
  HeldPackets held_;
  Damage damage_;           // of this connection, as the decoder has got it
  DecoderResidue residue_;  // in the decoder
  Damage sent_damage_;      // of this connection's packets
  LivePhase phase_ = LivePhase::New;
  std::int64_t seq_ = -1;  // of the last frame
  const bool leaves_out_;  // the decoder was asked to leave frames out
  KeyDecoding decoding_;
  KeptGroup group_;
  WakeLimit limit_;
  FruitlessPackets fruitless_;
  PacketOutput packets_;
  FrameDemand demand_;  // of nodes and readers
  Looks looks_;
  StillWatch still_;
};

}  // namespace freshframe::media
