// A port that pages watch. Its frames and results are turned into messages once for all viewers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/watch/picture_tap.hpp"
#include "media/packets/fragments.hpp"
#include "media/packets/kept_packets.hpp"
#include "serve/state/snapshot.hpp"
#include "serve/video/results_json.hpp"
#include "serve/video/video_mail.hpp"
#include "serve/video/video_message.hpp"
#include "serve/video/video_ring.hpp"

namespace freshframe::serve {

/// The connection of a page. Used on the network thread.
class VideoClient {
 public:
  VideoClient() = default;
  VideoClient(const VideoClient&) = delete;
  VideoClient& operator=(const VideoClient&) = delete;
  virtual ~VideoClient() = default;
  /// Called when there may be something to send. Must not add or remove clients of a port.
  virtual void pump() = 0;
};

/// Note [The camera's own video] A port of results or of a source shows the packets of its source without
/// decoding them. The source keeps the packets since its last keyframe (KeptPackets), so the first viewer can
/// start immediately. Packets are turned into fragments and stored in the ring only while a view is open. A
/// port without packets is shown as JPEG (PictureHub). So is one whose results refer to other images than the
/// source's, such as images that a node has cropped, because their coordinates would not match. Used on the
/// network thread.
class VideoPort {
 public:
  VideoPort(std::shared_ptr<core::PipelineCore> core, std::string name, std::shared_ptr<core::PictureTap> tap,
            std::shared_ptr<Bell> bell);
  /// The node and the source pass on nothing more afterwards.
  ~VideoPort();
  VideoPort(const VideoPort&) = delete;
  VideoPort& operator=(const VideoPort&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Returns true if a port has this name now.
  [[nodiscard]] bool is_there() const noexcept { return tap_ != nullptr; }
  /// Sets the tap of the port that has this name now, or null if there is none.
  void set_tap(std::shared_ptr<core::PictureTap> tap);
  void join(VideoClient& client);
  void leave(VideoClient& client);
  [[nodiscard]] const std::vector<VideoClient*>& clients() const noexcept { return clients_; }

  /// Processes what has arrived. Returns true if there was anything.
  bool take();
  /// Checks whether the source is connected. Called a few times per second. Returns true if something has
  /// changed.
  bool follow(const Snapshot& seen);

  [[nodiscard]] const VideoRing& pictures() const noexcept { return pictures_; }
  /// Results are numbered in rising order; those of the last seconds are kept. This is one past the last.
  [[nodiscard]] std::uint64_t results_end() const noexcept { return results_begin_ + results_.size(); }
  [[nodiscard]] std::uint64_t results_begin() const noexcept { return results_begin_; }
  [[nodiscard]] const VideoMessageRef& result(std::uint64_t number) const {
    return results_[static_cast<std::size_t>(number - results_begin_)];
  }
  /// The reason why JPEGs are shown; empty if the camera's own video is shown.
  [[nodiscard]] std::string why_jpeg() const;
  /// The number of the stream of pictures(); 0 until it is known.
  [[nodiscard]] std::uint64_t stream() const noexcept { return writer_ ? stream_number_ : 0; }
  /// The message to send before the frames of stream(), or before JPEGs of this size.
  [[nodiscard]] VideoMessageRef start() const;
  [[nodiscard]] VideoMessageRef make_jpeg_start(PictureSize size, const std::string& why) const;
  /// The "no video" message, or null while the source is connected.
  [[nodiscard]] const VideoMessageRef& gone() const noexcept { return gone_; }
  /// Converts a time of the pipeline's clock to Unix time.
  [[nodiscard]] double unix_time(TimePoint time) const;

 private:
  static constexpr double kKeptResults = 5;  // seconds

  void attach();
  void detach();
  void forget_results();
  void add(const media::KeptPacket& item);
  void begin_stream(const std::shared_ptr<const PacketStream>& stream);
  void add(const ResultMail::Result& result);
  [[nodiscard]] VideoMessageRef gone_now(const Snapshot& seen) const;

  const std::shared_ptr<core::PipelineCore> core_;
  const std::string name_;
  std::shared_ptr<core::PictureTap> tap_;
  const std::shared_ptr<Bell> bell_;
  const std::shared_ptr<ResultMail> mail_;
  std::vector<VideoClient*> clients_;

  std::string source_name_;
  std::weak_ptr<NodeBase> source_;
  bool is_its_pictures_ = false;  // see core::PortSource
  std::shared_ptr<media::KeptPackets> kept_;

  std::shared_ptr<const PacketStream> stream_;
  std::unique_ptr<media::FragmentWriter> writer_;
  std::string unplayable_;  // why stream_ cannot be turned into fragments
  std::uint64_t stream_number_ = 0;
  bool begins_ = false;  // the source was disconnected, so the next keyframe starts a new stream
  VideoRing pictures_;
  ResultsJson results_json_;
  std::deque<VideoMessageRef> results_;
  std::uint64_t results_begin_ = 0;
  VideoMessageRef gone_;
};

/// Makes a "no video" message. `since`: Unix time, if known.
[[nodiscard]] VideoMessageRef gone_message(std::string_view why, std::string_view text,
                                           std::optional<double> since);

}  // namespace freshframe::serve
