// A connection to a network source with FFmpeg, from name resolution to the packets of its video stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "media/stream/detached_call.hpp"
#include "media/stream/kept_decoder.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/url/source_url.hpp"
#include "sources/live/packet_interval.hpp"
#include "sources/network/input/input.hpp"
#include "sources/network/input/packet_reader.hpp"
#include "sources/network/input/producer_times.hpp"

namespace freshframe::media {

/// Not thread-safe. The constructor and next() block until the server responds, the time limit passes or the
/// pipeline stops. FFmpeg resolves names when it connects, which cannot be interrupted: see reader_for().
class LiveConnection final : public PacketConnection {
 public:
  using Shared = LiveShared;

  /// Throws SourceError, SourceTimeoutError or SourceRefused; after a stop a SourceError, which is ignored.
  LiveConnection(const SourceUrl& url, const OpenOptions& options, const Context& context,
                 std::optional<DetachedCall>& aside, const Shared& shared);
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;
  ~LiveConnection() override = default;

  [[nodiscard]] std::optional<PacketNotes> next(AVPacket& packet, const Context& context) override;

  [[nodiscard]] Decoder& decoder() noexcept override { return input_->decoder(); }
  [[nodiscard]] std::unique_ptr<Decoder> give_decoder() noexcept override { return input_->give_decoder(); }
  [[nodiscard]] const VideoInfo& info() const noexcept override { return input_->info(); }
  [[nodiscard]] Turn turn() const noexcept override { return input_->turn(); }
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const override {
    return input_->seconds(ticks);
  }
  [[nodiscard]] bool is_timeless() const override { return input_->is_timeless(); }
  [[nodiscard]] bool is_bursty() const override { return input_->is_bursty(); }
  /// FFmpeg (up to 7.1) does not report that RTP timestamps have 32 bits.
  [[nodiscard]] double wrap() const override { return std::ldexp(input_->seconds(1).value_or(0), 32); }

 private:
  /// Returns the URL for FFmpeg. If the host has a single address, the URL contains it, to avoid a lookup. If
  /// it has several, FFmpeg looks them up itself, tries one after the other, 0.2 s apart, and uses the first
  /// that answers (RFC 8305).
  [[nodiscard]] std::string target(const core::LiveUrl& url);
  void open(const std::string& target);
  void check_pace() const;
  /// Handles a failed read. Counts a damaged packet and returns. Throws for any other result, if the input
  /// has failed, and after too many damaged packets in a row.
  void check_result(int result, const Context& context);
  /// `known`: notes of a packet that FFmpeg's parser did not handle; nullopt: made from the packet.
  [[nodiscard]] PictureNotes take_notes(const AVPacket& packet, const std::optional<PictureNotes>& known);
  /// Updates the usual interval between packets, from this packet's arrival or, for a playlist, from the time
  /// until which its data lasts.
  void note_packet(const ReadPacket& read, const Context& context);
  void check_stop() const;
  void check_open(bool in_time) const;
  [[noreturn]] void lose(const std::string& why, int code) const;

  const std::string url_;  // for messages: the password is masked
  const OpenOptions& options_;
  SourceCounters& book_;
  std::optional<DetachedCall>& aside_;  // one call at a time; its owner must outlive this connection
  const TimePoint deadline_;            // real time, for opening
  const std::stop_token stop_;
  std::shared_ptr<LiveInput> input_;  // shared with the detached call
  std::unique_ptr<PacketReader> reader_;
  ProducerTimes producer_times_;
  bool after_loss_ = false;  // a packet could not be read
  int damaged_in_row_ = 0;
  PacketInterval interval_;
  TimePoint lasts_until_{};  // real time until which the playlist's data is sufficient
};

}  // namespace freshframe::media
