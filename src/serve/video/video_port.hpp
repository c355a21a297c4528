// A port that pages watch: its pictures and results as messages, made once for all.
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

/// A page's connection. On the network's thread.
class VideoClient {
 public:
  VideoClient() = default;
  VideoClient(const VideoClient&) = delete;
  VideoClient& operator=(const VideoClient&) = delete;
  virtual ~VideoClient() = default;
  /// There may be something to send. It must not change the clients of a port.
  virtual void pump() = 0;
};

/// Note [The camera's own video]
/// A port of results, and a port of a source, shows the packets of its source. The source keeps the packets since its
/// last keyframe for it (KeptPackets), so a first viewer begins at once. Only while a view is open are they taken,
/// made into fragments and held in the ring. No decoder takes part. A port without packets is shown as JPEG
/// (PictureHub), and so is one whose results were found in other pictures: in pictures that a node has cropped, say,
/// their places mean something.
///
/// The network's thread.
class VideoPort {
 public:
  VideoPort(std::shared_ptr<core::PipelineCore> core, std::string name, std::shared_ptr<core::PictureTap> tap,
            std::shared_ptr<Bell> bell);
  /// The node and the source hand over nothing more.
  ~VideoPort();
  VideoPort(const VideoPort&) = delete;
  VideoPort& operator=(const VideoPort&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Whether a port has its name now.
  [[nodiscard]] bool is_there() const noexcept { return tap_ != nullptr; }
  /// Another port has its name now, or with null no port.
  void set_tap(std::shared_ptr<core::PictureTap> tap);
  void join(VideoClient& client);
  void leave(VideoClient& client);
  [[nodiscard]] const std::vector<VideoClient*>& clients() const noexcept { return clients_; }

  /// Takes what has come. Returns whether there was anything.
  bool take();
  /// Learns whether the source is there: a few times per second. Returns whether something has changed.
  bool follow(const Snapshot& seen);

  [[nodiscard]] const VideoRing& pictures() const noexcept { return pictures_; }
  /// Results after the one with this number, which rises; the results of the last seconds are there.
  [[nodiscard]] std::uint64_t results_end() const noexcept { return results_begin_ + results_.size(); }
  [[nodiscard]] std::uint64_t results_begin() const noexcept { return results_begin_; }
  [[nodiscard]] const VideoMessageRef& result(std::uint64_t number) const {
    return results_[static_cast<std::size_t>(number - results_begin_)];
  }
  /// Why its pictures are JPEGs; empty means they are the camera's own.
  [[nodiscard]] std::string why_jpeg() const;
  /// The number of the stream of pictures(); 0 until it is known.
  [[nodiscard]] std::uint64_t stream() const noexcept { return writer_ ? stream_number_ : 0; }
  /// The message before the pictures of stream(), and before JPEGs of this size.
  [[nodiscard]] VideoMessageRef start() const;
  [[nodiscard]] VideoMessageRef make_jpeg_start(PictureSize size, const std::string& why) const;
  /// Null means the source is there.
  [[nodiscard]] const VideoMessageRef& gone() const noexcept { return gone_; }
  /// The Unix time of a time of the pipeline.
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
  bool is_its_pictures_ = false;  // as core::PortSource
  std::shared_ptr<media::KeptPackets> kept_;

  std::shared_ptr<const PacketStream> stream_;
  std::unique_ptr<media::FragmentWriter> writer_;
  std::string unplayable_;  // why stream_ has no fragments
  std::uint64_t stream_number_ = 0;
  bool begins_ = false;  // another stream at the next keyframe: the source was away
  VideoRing pictures_;
  ResultsJson results_json_;
  std::deque<VideoMessageRef> results_;
  std::uint64_t results_begin_ = 0;
  VideoMessageRef gone_;
};

/// A message that there are no pictures. `since`: Unix time, if it is known.
[[nodiscard]] VideoMessageRef gone_message(std::string_view why, std::string_view text,
                                           std::optional<double> since);

}  // namespace freshframe::serve
