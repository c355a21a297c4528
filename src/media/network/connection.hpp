// One connection to a network source over FFmpeg: from its name to the packets of its video stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "media/ffmpeg/read/decoder.hpp"
#include "media/live/packet_interval.hpp"
#include "media/network/address/url.hpp"
#include "media/network/detached_call.hpp"
#include "media/network/input/input.hpp"
#include "media/network/packets/packet_connection.hpp"
#include "media/network/packets/packet_reader.hpp"
#include "media/network/stream/producer_times.hpp"

namespace freshframe::media {

/// One thread. Blocks in the constructor and in next() until the server delivers, the time limit passes or
/// the pipeline stops. FFmpeg resolves names when it connects, which cannot be interrupted: see reader_for().
class LiveConnection final : public PacketConnection {
 public:
  /// What all connections of a source share.
  struct Shared {
    std::shared_ptr<core::SessionGate> gate;  // is asked before and after it connects; null: no gate
    std::shared_ptr<std::atomic<bool>> believes_stuffing;  // as for EarlyEnds
  };

  /// Throws SourceError, SourceTimeout, SourceRefused; after a stop a SourceError, which is ignored.
  LiveConnection(const LiveUrl& url, const OpenOptions& options, const Context& context,
                 std::optional<DetachedCall>& aside, const Shared& shared);
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;
  ~LiveConnection() override;

  [[nodiscard]] std::optional<PacketNotes> next(AVPacket& packet, const Context& context) override;

  [[nodiscard]] Decoder& decoder() noexcept override { return input_->decoder(); }
  [[nodiscard]] const VideoInfo& info() const noexcept override { return input_->info(); }
  [[nodiscard]] Turn turn() const noexcept override { return input_->turn(); }
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const override {
    return input_->seconds(ticks);
  }
  [[nodiscard]] bool is_timeless() const override { return input_->is_timeless(); }
  [[nodiscard]] bool is_bursty() const override { return input_->is_bursty(); }
  [[nodiscard]] double wrap() const override;

 private:
  [[nodiscard]] std::string target(const LiveUrl& url);
  void open(const std::string& target);
  void check_pace() const;
  void check_result(int result, const Context& context);
  [[nodiscard]] PictureNotes take_notes(const AVPacket& packet, const std::optional<PictureNotes>& known);
  void note_packet(const ReadPacket& read, const Context& context);
  void check_stop() const;
  void check_gate() const;
  void check_open(bool in_time) const;
  [[noreturn]] void lose(const std::string& why, int code) const;

  const std::string url_;  // password masked: for messages
  const OpenOptions& options_;
  SourceCounters& book_;
  std::optional<DetachedCall>& aside_;  // one call at a time; its owner outlives this connection
  const TimePoint deadline_;            // real time, of the opening
  const std::stop_token stop_;
  std::shared_ptr<LiveInput> input_;  // shared with the detached call
  std::unique_ptr<PacketReader> reader_;
  ProducerTimes producer_times_;
  bool after_loss_ = false;  // a packet could not be read
  int damaged_in_row_ = 0;
  PacketInterval interval_;
  TimePoint lasts_until_{};  // real time: what has come of a playlist is enough until then
};

}  // namespace freshframe::media
