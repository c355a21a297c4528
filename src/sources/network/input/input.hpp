// FFmpeg's side of a network connection: opens the stream and reads its packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "media/http/http_access.hpp"
#include "media/stream/kept_decoder.hpp"
#include "media/stream/playlist.hpp"
#include "media/url/open_secrets.hpp"
#include "media/url/source_url.hpp"
#include "sources/network/filter/early_ends.hpp"
#include "sources/network/filter/segment_tails.hpp"
#include "sources/network/input/live_playlists.hpp"
#include "sources/network/input/picture_parser.hpp"

namespace freshframe::media {

// All inputs that FFmpeg's demuxer opens: a stream's own gets its filter, a playlist is asked for when it has
// changed.

/// One thread, unless a function says otherwise; outlives the demuxer.
class OpenedInputs {
 public:
  /// `grows`: as for LivePlaylists. `patience`: seconds after which a playlist that was asked for again does not answer.
  OpenedInputs(EarlyEnds& ends, HttpAccess& access, Interrupt& interrupt, std::atomic<bool>& grows,
               double patience)
      : ends_(ends),
        access_(access),
        interrupt_(interrupt),
        playlists_(interrupt, grows),
        patience_(patience) {}
  OpenedInputs(const OpenedInputs&) = delete;
  OpenedInputs& operator=(const OpenedInputs&) = delete;

  /// Before `input` is opened. `waits`: FFmpeg asks for a playlist again by opening it.
  void install(AVFormatContext& input, bool waits);
  /// Whether the stream was given up because its playlists name playlists, and these others: FFmpeg would ask
  /// for them without an end.
  [[nodiscard]] bool names_itself() const noexcept { return playlists_.name_themselves(); }
  /// The stream is open. From now on, a playlist that is opened again is waited for: before, it is a playlist that
  /// another lists twice.
  void begin_input() noexcept { is_open_ = true; }
  /// Unix time of the first segment that was opened; nullopt means its playlist does not have it.
  [[nodiscard]] std::optional<double> first_time() const { return playlists_.find_time(opened_); }
  /// How often a playlist has had new segments.
  [[nodiscard]] std::uint64_t reloads() const noexcept { return reloads_; }
  /// Whether any of them came from an `https:` URL, its own or a redirect's.
  [[nodiscard]] bool uses_tls() const noexcept { return uses_tls_; }
  [[nodiscard]] const LivePlaylists& playlists() const noexcept { return playlists_; }
  [[nodiscard]] SegmentTails& tails() noexcept { return tails_; }

 private:
  static constexpr std::size_t kMostOpened = 32;

  using Open = int (*)(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**);
  static int open(AVFormatContext* input, AVIOContext** io, const char* url, int flags,
                  AVDictionary** options) noexcept;
  [[nodiscard]] int open(AVFormatContext& input, AVIOContext*& io, const std::string& url, int flags,
                         AVDictionary** options);
  [[nodiscard]] int ask(AVFormatContext& input, AVIOContext*& io, const std::string& url, int flags,
                        AVDictionary** options) const;
  [[nodiscard]] int look_at(AVFormatContext& input, AVIOContext*& io, const std::string& url,
                            TimePoint asked);
  [[nodiscard]] int open_again(AVFormatContext& input, AVIOContext*& io, const std::string& url,
                               const AVDictionary* options) const;
  [[nodiscard]] int open_segment(AVFormatContext& input, AVIOContext*& io, const std::string& url, int flags,
                                 const AVDictionary* options) const;

  EarlyEnds& ends_;
  HttpAccess& access_;
  Interrupt& interrupt_;
  LivePlaylists playlists_;
  SegmentTails tails_;
  const double patience_;
  bool waits_ = false;
  bool is_open_ = false;
  bool uses_tls_ = false;
  Open open_ = nullptr;              // FFmpeg's own
  std::vector<std::string> opened_;  // the first URLs
  std::uint64_t reloads_ = 0;
};

/// Facts about a server that the connections of a source share. Any thread.
struct Learned {
  std::atomic<bool> believes_stuffing = false;  // as for EarlyEnds
  std::atomic<bool> grows = false;              // as for LivePlaylists
};

/// The parts that all connections of a source share.
struct LiveShared {
  std::shared_ptr<Learned> learned;
  std::shared_ptr<KeptDecoder> kept;
};

/// Owns all that it uses (except the objects given to interrupt()), so that it can be abandoned in a call
/// that has not returned. One thread at a time. The destructor closes the session with the server within 0.1
/// s.
class LiveInput {
 public:
  LiveInput(SourceUrl url, OpenOptions options, std::stop_token stop, const LiveShared& shared);
  LiveInput(const LiveInput&) = delete;
  LiveInput& operator=(const LiveInput&) = delete;
  ~LiveInput();

  /// Blocks until the streams are known and the decoder is made. `target`: the URL to open, perhaps with an
  /// address for a name. Throws SourceError (also after a stop), SourceTimeoutError, SourceRefused.
  void open(const std::string& target, TimePoint deadline);
  /// Blocks. Below 0: an error of FFmpeg, or an interruption with any code. Otherwise `packet()` is then the
  /// next one, of any stream.
  [[nodiscard]] int read();
  [[nodiscard]] AVPacket& packet() noexcept { return *packet_; }
  [[nodiscard]] bool is_video(const AVPacket& packet) const { return packet.stream_index == stream_->index; }
  /// Returns when the first byte of packet() arrived, in real time; nullopt if only the end of its reading is known.
  [[nodiscard]] std::optional<TimePoint> arrival() { return ends_.arrival(*packet_); }

  /// The reason why read() can no longer read, if FFmpeg does not know it; else empty.
  [[nodiscard]] std::string failure() const { return ends_.failure(); }
  /// Why the stream goes on after the last packet as another one, which takes a new connection. Returns an empty text if
  /// it does not.
  [[nodiscard]] std::string other_beginning() const;
  /// Why a playlist does not come, while it is asked for again and again, or nothing if it comes. Any
  /// thread.
  [[nodiscard]] std::string trouble() const;
  /// The notes on packet(), if it is of the video; nullopt if FFmpeg's parser has seen it, and has set its
  /// flags.
  [[nodiscard]] const std::optional<PictureNotes>& picture() const noexcept { return ends_.picture(); }

  /// Unix time of a packet of the video, in the order of reading, as a playlist has it; nullopt means it has
  /// none.
  [[nodiscard]] std::optional<double> program_time(const AVPacket& packet);

  /// How often playlists were loaded again so far.
  [[nodiscard]] std::uint64_t reloads() const noexcept { return opened_.reloads(); }

  [[nodiscard]] Interrupt& interrupt() noexcept { return interrupt_; }
  [[nodiscard]] Decoder& decoder() noexcept { return *decoder_; }
  [[nodiscard]] std::unique_ptr<Decoder> give_decoder() noexcept { return std::move(decoder_); }
  /// The video as the server declares it; RTSP does not contain the size.
  [[nodiscard]] const VideoInfo& info() const noexcept { return info_; }
  /// The orientation of its pictures, from the container.
  [[nodiscard]] Turn turn() const noexcept { return read_turn(*stream_); }
  /// The time of a frame or packet; nullopt if the stream has no times, only times that FFmpeg has generated.
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const;
  /// The stream has neither times nor a rate.
  [[nodiscard]] bool is_timeless() const { return (input_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0; }
  /// A playlist (HLS) arrives in bursts.
  [[nodiscard]] bool is_bursty() const;
  /// Whether the source has a URL of TLS, its own or a redirect's. Before or after reading, not beside it.
  [[nodiscard]] bool is_over_tls() const;
  /// After the end of the data: the stream has an end, and this was it.
  [[nodiscard]] bool is_over() const;
  /// Reading may make new connections, and so resolve names: for playlists, for files that seek, and with
  /// options to reconnect.
  [[nodiscard]] bool connects_again() const;

 private:
  void open_container(const std::string& target, Dictionary& options, const FfmpegErrorCapture& errors);
  [[nodiscard]] int read_next();
  [[nodiscard]] bool is_described() const;
  void find_streams();
  void choose_stream();
  void tell_choice() const;
  void make_decoder(Dictionary& options);
  void describe();
  void check_open() const;
  [[nodiscard]] std::string causes(const FfmpegErrorCapture& errors) const;
  [[noreturn]] void fail(const std::string& why, int code = 0) const;

  const SourceUrl url_;
  const OpenSecrets secrets_;
  const OpenOptions options_;
  Interrupt interrupt_;  // outlives input_, which polls it
  const std::shared_ptr<Learned> learned_;
  const std::shared_ptr<KeptDecoder> kept_;
  HttpAccess access_;    // outlives input_, as those below
  EarlyEnds ends_;       // outlives input_, which reads through it
  OpenedInputs opened_;  // the same
  InputPtr input_;
  AvPacketPtr packet_;
  std::deque<AvPacketPtr> first_packets_;  // read ahead to find the streams
  std::optional<PictureParser> parser_;    // for a playlist whose packets are not one picture each
  std::deque<AvPacketPtr> pictures_;       // of parser_
  AVStream* stream_ = nullptr;
  AVRational time_base_{};  // time base of stream_, which a pending read may be using
  std::unique_ptr<Decoder> decoder_;
  VideoInfo info_;
  ProgramTime program_time_;
  bool has_whole_pictures_ = false;  // see EarlyEnds
  bool joined_ = false;              // a keyframe has arrived
  bool redirects_again_ = false;     // the server did, more than kMostRedirects times in a row
};

}  // namespace freshframe::media
