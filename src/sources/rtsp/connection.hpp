// A connection to a camera with freshframe's own RTSP client. Delivers frames as soon as their last packet
// arrives.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "media/ffmpeg/read/decoder.hpp"
#include "media/stream/kept_decoder.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/units/damage.hpp"
#include "media/url/open_secrets.hpp"
#include "media/url/source_url.hpp"
#include "sources/live/packet_interval.hpp"
#include "sources/rtsp/client_options.hpp"
#include "sources/rtsp/packets/packet_order.hpp"
#include "sources/rtsp/packets/rtcp.hpp"
#include "sources/rtsp/pictures/depacketiser.hpp"
#include "sources/rtsp/pictures/picture_maker.hpp"
#include "sources/rtsp/pictures/picture_queue.hpp"
#include "sources/rtsp/protocol/message.hpp"
#include "sources/rtsp/session/keep_alive.hpp"
#include "sources/rtsp/session/link.hpp"
#include "sources/rtsp/session/session.hpp"

namespace freshframe::media::rtsp {

/// What a source knows about its camera across connections.
struct Memory {
  PictureEnds::Trust markers = PictureEnds::Trust::Learned;
  bool udp_fails = false;      // no packets arrived over UDP
  PacketOrder::Counts counts;  // counts of all earlier connections
  std::uint64_t marker_faults = 0;
  KeepAlive keep_alive;
  std::optional<Trouble> trouble;  // why the last connection failed or was lost
};

/// A separate thread reads the network, so that decoding does not delay arrival times.
class Connection final : public PacketConnection, private PacketSink {
 public:
  /// State shared by all connections of a source.
  struct Shared {
    Memory& memory;
    KeptDecoder& kept;
  };

  /// Throws SourceError, SourceTimeoutError or SourceRefused.
  Connection(const SourceUrl& url, const OpenOptions& options, const Context& context, const Shared& shared);
  ~Connection() override;

  [[nodiscard]] std::optional<PacketNotes> next(AVPacket& packet, const Context& context) override;
  [[nodiscard]] Decoder& decoder() noexcept override { return *decoder_; }
  [[nodiscard]] std::unique_ptr<Decoder> give_decoder() noexcept override { return std::move(decoder_); }
  [[nodiscard]] const VideoInfo& info() const noexcept override { return info_; }
  [[nodiscard]] Turn turn() const noexcept override { return {}; }
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const override;
  [[nodiscard]] bool is_timeless() const override { return false; }
  [[nodiscard]] bool is_bursty() const override { return false; }
  [[nodiscard]] bool counts_pictures() const override { return true; }
  [[nodiscard]] Unread end_packets() override;
  void set_patient(bool patient) noexcept override { pictures_.set_patient(patient); }
  void set_direct(const Direct& direct) override { direct_ = direct; }

 private:
  void open(TimePoint deadline);
  [[nodiscard]] std::vector<std::string> resolve(const std::string& host, TimePoint deadline);
  [[nodiscard]] std::size_t choose(const Description& description) const;
  void make_decoder();
  void describe();
  void read() noexcept;
  [[nodiscard]] std::optional<Picture> take_picture(const Context& context);
  void note_end();
  [[noreturn]] void fail(const Fault& fault, const std::string& doing);

  // Called on the reading thread.
  void on_packet(Bytes bytes, TimePoint arrived) override;
  void on_report(Bytes bytes, TimePoint arrived) override;
  [[nodiscard]] std::optional<TimePoint> due() const override { return order_->due(); }
  void on_time(TimePoint now) override;
  [[nodiscard]] bool is_urgent(TimePoint now) const override;
  [[nodiscard]] std::vector<std::uint8_t> report(TimePoint now) override;
  void make_pictures(TimePoint now);
  void put(Picture picture);
  void finish_pictures() noexcept;
  void note_counts();

  const std::string url_;  // for messages: the password is masked
  const OpenSecrets secrets_;
  const OpenOptions& options_;
  const ClientOptions client_;
  const Clock& clock_;
  NodeCounters& counters_;
  Memory& memory_;
  KeptDecoder& kept_;
  const std::stop_token stop_;
  std::stop_source ending_;  // requested by a stop, or by the destructor
  Waiter waiter_;
  std::unique_ptr<Session> session_;
  Media media_;
  std::unique_ptr<Depacketiser> depacketiser_;
  std::unique_ptr<Decoder> decoder_;
  VideoInfo info_;
  std::optional<PacketOrder> order_;
  std::optional<Reception> reception_;
  std::optional<PictureMaker> maker_;
  Damage damage_;  // damage as seen by the reading thread
  std::optional<TimePoint> told_loss_;
  PictureQueue pictures_;
  std::uint64_t oversized_ = 0;  // frames already counted
  int faults_ = 0;               // marker faults already logged
  Direct direct_;                // may be empty
  PacketInterval interval_;
  TimePoint played_{};
  // Last, so that they are destroyed first.
  std::jthread reader_;
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace freshframe::media::rtsp
