// Opens a network stream with FFmpeg and reads its packets.
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

// Hooks every input that FFmpeg's demuxer opens: the stream itself gets a filter, and playlists are fetched
// again only when they have changed.

/// Not thread-safe unless stated otherwise. Must outlive the demuxer.
class OpenedInputs {
 public:
  /// `grows`: see LivePlaylists. `patience`: time limit in seconds for fetching a playlist again.
  OpenedInputs(EarlyEnds& ends, HttpAccess& access, Interrupt& interrupt, std::atomic<bool>& grows,
               double patience)
      : ends_(ends),
        access_(access),
        interrupt_(interrupt),
        playlists_(interrupt, grows),
        patience_(patience) {}
  OpenedInputs(const OpenedInputs&) = delete;
  OpenedInputs& operator=(const OpenedInputs&) = delete;

  /// Call before opening `input`. `waits`: FFmpeg reloads a playlist by opening it again.
  void install(AVFormatContext& input, bool waits);
  /// Returns true if opening failed because playlists listed playlists repeatedly, which FFmpeg would follow
  /// forever.
  [[nodiscard]] bool names_itself() const noexcept { return playlists_.name_themselves(); }
  /// Call when the stream is open. From now on, opening a playlist again waits for new segments; before, it
  /// means that another playlist lists it twice.
  void begin_input() noexcept { is_open_ = true; }
  /// Unix time of the first segment that was opened; nullopt if the playlist does not state it.
  [[nodiscard]] std::optional<double> first_time() const { return playlists_.find_time(opened_); }
  /// How often a playlist had new segments.
  [[nodiscard]] std::uint64_t reloads() const noexcept { return reloads_; }
  /// Returns true if any input used `https:`, directly or after a redirect.
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
  Open open_ = nullptr;              // FFmpeg's original callback
  std::vector<std::string> opened_;  // the first URLs
  std::uint64_t reloads_ = 0;
};

/// What is known of a server, shared by a source's connections. Thread-safe.
struct Learned {
  std::atomic<bool> believes_stuffing = false;  // see EarlyEnds
  std::atomic<bool> grows = false;              // see LivePlaylists
};

/// State shared by all connections of a source.
struct LiveShared {
  std::shared_ptr<Learned> learned;
  std::shared_ptr<KeptDecoder> kept;
};

/// Owns everything it uses (except what interrupt() is given), so that it can be abandoned during a call that
/// does not return. Not thread-safe. The destructor closes the session with the server within 0.1 s.
class LiveInput {
 public:
  LiveInput(SourceUrl url, OpenOptions options, std::stop_token stop, const LiveShared& shared);
  LiveInput(const LiveInput&) = delete;
  LiveInput& operator=(const LiveInput&) = delete;
  ~LiveInput();

  /// Blocks until the streams are known and the decoder is created. `target`: the URL to open, possibly with
  /// an address instead of the host name. Throws SourceError (also after a stop), SourceTimeoutError or
  /// SourceRefused.
  void open(const std::string& target, TimePoint deadline);
  /// Blocks. Returns an error of FFmpeg (negative), any negative code after an interruption, or otherwise
  /// fills packet() with the next packet of any stream.
  [[nodiscard]] int read();
  [[nodiscard]] AVPacket& packet() noexcept { return *packet_; }
  [[nodiscard]] bool is_video(const AVPacket& packet) const { return packet.stream_index == stream_->index; }
  /// Arrival of the first byte of packet(), in real time; nullopt if only the end of reading is known.
  [[nodiscard]] std::optional<TimePoint> arrival() { return ends_.arrival(*packet_); }

  /// Why read() cannot continue, if FFmpeg does not know the reason; otherwise empty.
  [[nodiscard]] std::string failure() const { return ends_.failure(); }
  /// Explains an error of read() that ends the connection.
  [[nodiscard]] std::string reason(int error) const;
  /// Returns why the stream continues as a different one, which requires a new connection, or an empty
  /// string.
  [[nodiscard]] std::string other_beginning() const;
  /// Returns why a playlist cannot be fetched while this is retried, or an empty string. Thread-safe.
  [[nodiscard]] std::string trouble() const;
  /// Notes on packet(), for video; nullopt if FFmpeg's parser handled it and set its flags.
  [[nodiscard]] const std::optional<PictureNotes>& picture() const noexcept { return ends_.picture(); }

  /// Unix time of a video packet according to the playlist, if stated. Call in reading order.
  [[nodiscard]] std::optional<double> program_time(const AVPacket& packet);

  /// How often playlists were reloaded.
  [[nodiscard]] std::uint64_t reloads() const noexcept { return opened_.reloads(); }

  [[nodiscard]] Interrupt& interrupt() noexcept { return interrupt_; }
  [[nodiscard]] Decoder& decoder() noexcept { return *decoder_; }
  [[nodiscard]] std::unique_ptr<Decoder> give_decoder() noexcept { return std::move(decoder_); }
  /// The video as declared by the server. RTSP does not declare the size.
  [[nodiscard]] const VideoInfo& info() const noexcept { return info_; }
  /// Rotation, from the container.
  [[nodiscard]] Turn turn() const noexcept { return read_turn(*stream_); }
  /// Timestamp in seconds; nullopt if the stream has none except those generated by FFmpeg.
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const;
  /// Returns true if the stream has neither timestamps nor a frame rate.
  [[nodiscard]] bool is_timeless() const { return (input_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0; }
  /// Returns true for a playlist (HLS), which arrives in bursts.
  [[nodiscard]] bool is_bursty() const;
  /// Returns true if any URL used TLS, directly or after a redirect. Must not be called during a read.
  [[nodiscard]] bool is_over_tls() const;
  /// Call after the end of the data. Returns true if the stream is finite and complete.
  [[nodiscard]] bool is_over() const;
  /// Returns true if reading may open connections, and hence resolve names: playlists, seekable files, and
  /// the reconnection options.
  [[nodiscard]] bool connects_again() const;

 private:
  struct Fault {
    std::string why;
    int code;  // errno of the SourceError
  };

  void open_container(const std::string& target, Dictionary& options, const FfmpegErrorCapture& errors);
  [[nodiscard]] int read_next();
  [[nodiscard]] bool is_described() const;
  void find_streams();
  void choose_stream();
  void tell_choice() const;
  void make_decoder(Dictionary& options);
  void describe();
  /// Returns an error in the server's answers that FFmpeg does not report, such as a loop of redirects.
  [[nodiscard]] std::optional<Fault> find_fault() const;
  void check_open() const;
  /// `error`: FFmpeg's error code, or AVERROR(errno).
  [[noreturn]] void fail(const std::string& why, int error = 0) const;

  const SourceUrl url_;
  const OpenSecrets secrets_;
  const OpenOptions options_;
  Interrupt interrupt_;  // must outlive input_, which polls it
  const std::shared_ptr<Learned> learned_;
  const std::shared_ptr<KeptDecoder> kept_;
  HttpAccess access_;    // must outlive input_, like the members below
  EarlyEnds ends_;       // must outlive input_, which reads through it
  OpenedInputs opened_;  // must outlive input_
  InputPtr input_;
  AvPacketPtr packet_;
  std::deque<AvPacketPtr> first_packets_;  // read to find the streams
  std::optional<PictureParser> parser_;    // used for playlists whose packets are not one frame each
  std::deque<AvPacketPtr> pictures_;       // output of parser_
  AVStream* stream_ = nullptr;
  AVRational time_base_{};  // time base of stream_, which a pending read may be using
  std::unique_ptr<Decoder> decoder_;
  VideoInfo info_;
  ProgramTime program_time_;
  bool has_whole_pictures_ = false;  // see EarlyEnds
  bool joined_ = false;              // a keyframe has arrived
  bool redirects_again_ = false;     // more than kMostRedirects times in a row
};

}  // namespace freshframe::media
