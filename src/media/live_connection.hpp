// One connection to a network source: from its name to the packets of its video stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "media/decoder.hpp"
#include "media/ffmpeg_ptr.hpp"
#include "media/live_interrupt.hpp"
#include "media/live_url.hpp"

namespace freshframe {

/// An option that nobody knows: trying again would not help.
class UnknownOption {
 public:
  explicit UnknownOption(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// One thread. Blocks in the constructor and in next() until the server delivers, the time limit passes or
/// the pipeline stops. The destructor says goodbye for 0.1 s at most.
class LiveConnection {
 public:
  /// `attempt` chooses among several addresses of one name. Throws SourceError, SourceTimeout, UnknownOption;
  /// after a stop a SourceError that nobody reads.
  LiveConnection(const LiveUrl& url, const OpenOptions& options, const Context& context, unsigned attempt);
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;
  ~LiveConnection();

  /// Fills `packet` with the next one of the video stream; false: stopped. Counts what is damaged. Throws
  /// SourceError when the server has gone (also at the end of its stream), SourceTimeout when it is silent.
  [[nodiscard]] bool next(AVPacket& packet, const Context& context);

  [[nodiscard]] Decoder& decoder() noexcept { return *decoder_; }
  /// As the server declares it; RTSP does not tell the size.
  [[nodiscard]] const VideoInfo& info() const noexcept { return info_; }
  /// Of a frame or packet; nullopt: the stream has no time of its own, and FFmpeg made one up.
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const;
  /// Unix time of this packet by the server's clock, in seconds, when it has told (RTCP sender reports).
  [[nodiscard]] static std::optional<double> wall_clock(const AVPacket& packet);
  /// The stream has no times and no rate of its own.
  [[nodiscard]] bool is_timeless() const { return (input_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0; }
  /// What comes in bursts (HLS) is to be shown at its own pace.
  [[nodiscard]] bool is_bursty() const;

 private:
  void connect(const LiveUrl& url, const Context& context, unsigned attempt);
  [[nodiscard]] std::vector<std::string> targets(const LiveUrl& url, unsigned attempt);
  void open_container(const std::string& target, Dictionary& options);
  [[nodiscard]] bool is_described() const;
  void find_streams();
  void choose_stream();
  void make_decoder(Dictionary& options);
  void describe();
  void learn_interval(const Context& context);
  void check_open() const;
  [[noreturn]] void fail(const std::string& why, int code = 0) const;
  [[noreturn]] void lose(const std::string& why, int code) const;

  const std::string url_;  // password masked: for messages
  const OpenOptions& options_;
  SourceBook& book_;
  const TimePoint deadline_;  // real time, of the opening
  const std::stop_token stop_;
  LiveInterrupt interrupt_;  // outlives input_, which polls it
  InputPtr input_;
  AVStream* stream_ = nullptr;
  std::optional<Decoder> decoder_;
  VideoInfo info_;
  int damaged_in_row_ = 0;
  bool joined_ = false;  // a key frame has come
  TimePoint last_packet_{};
  double interval_ = 0;  // seconds between two packets, smoothed
};

}  // namespace freshframe
