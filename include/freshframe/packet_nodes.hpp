// The packets of a camera as a source of their own, and the recorders that write them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/packet.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// The source of the packets that `camera` reads, as the camera has sent them, for the same pipeline. It ends with
/// the camera's source. One per source; while it reads, packets begin at the next keyframe. Throws GraphError for a
/// source that is no live network stream, and for a second call.
[[nodiscard]] std::unique_ptr<Source<Packet>> packets_of(VideoSource& camera);
/// Sets whether a node or reader takes frames of a source whose packets are taken, or that a page shows. If none does,
/// none is decoded, except for the page's viewers that are sent JPEGs, and a keyframe now and then. At true again it
/// decodes from the next keyframe on, or from the last one where a page shows the source. Any thread. Throws
/// GraphError as packets_of().
void take_frames(VideoSource& camera, bool wanted);

/// Wakes a source that was opened with Decode::Keyframes: everything from its last keyframe on is decoded, and the newest
/// frame comes with the next packet, followed by all others. For `seconds` after the last call, 0 to 86400, or up
/// to the frame with this `pts`: one of them. A call never shortens what an earlier one has asked for. Any thread.
/// Throws OptionError, and GraphError for a source that does not sleep.
void wake(VideoSource& camera, std::optional<double> seconds, std::optional<double> pts = {});

/// Writes a camera's own packets to a file, or to segments, as VideoFile writes frames: the same names, limits and
/// reports. Nothing is decoded or encoded: the file has the camera's own pictures, bit for bit. It begins at a keyframe
/// , and a segment at the first one that is `segment_every` seconds after the begin of the last. Where packets
/// were dropped, the recording goes on at the next keyframe. New parameters, such as another size, begin the
/// next segment, or "out_2.mp4".
///
/// The constructor throws OptionError. open() throws Error where the file could not be made. process() throws Error for
/// a codec that the container cannot hold as players know it, which names those that can, and when the file cannot be
/// written.
class PacketFile final : public Node<Packet, Nothing> {
 public:
  /// The options of an encoder are refused: codec, fps, crf, preset.
  explicit PacketFile(std::string path, const VideoFileOptions& options = {});
  ~PacketFile() override;

  /// As VideoFile::next_segment().
  [[nodiscard]] std::optional<Segment> next_segment();
  [[nodiscard]] std::string default_name() const override { return "VideoFile"; }
  [[nodiscard]] std::optional<std::string> records_to() const override;
  [[nodiscard]] bool needs_one_source() const noexcept override { return true; }
  [[nodiscard]] std::string way_to_be_faster() const override { return "give it a faster disk"; }
  void open(const Context& context) override;
  std::optional<Nothing> process(const Sample<Packet>& sample, const Context& context) override;
  [[nodiscard]] std::optional<TimePoint> idle_at() const override;
  void idle(const Context& context) override;
  void close() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes clips of events, as ClipRecorder does, of a camera's own packets: nothing is decoded or encoded. A clip
/// begins with the camera's last keyframe before its `before` seconds, so it is longer by up to the camera's
/// interval of keyframes; the log says by how much. It has all packets from there on. Where packets were dropped,
/// clips go on at the next keyframe. New parameters, such as another size, end the clips.
///
/// The constructor throws OptionError. process() throws Error for a clip that cannot be written. Other clips
/// continue.
class PacketClips final : public Node<Packet, Nothing> {
 public:
  /// The options of an encoder are refused: codec, crf, preset.
  explicit PacketClips(const ClipOptions& options = {});
  ~PacketClips() override;

  /// As ClipRecorder::save(). Throws Error for a container that cannot hold the camera's codec, once that is known.
  void save(const std::string& path, std::optional<double> pts = {});
  /// As ClipRecorder::writing().
  [[nodiscard]] std::vector<std::string> writing() const;

  [[nodiscard]] std::string default_name() const override { return "ClipRecorder"; }
  [[nodiscard]] bool is_recorder() const override { return true; }
  [[nodiscard]] bool needs_one_source() const noexcept override { return true; }
  [[nodiscard]] std::string way_to_be_faster() const override { return "give it a faster disk"; }
  void open(const Context& context) override;
  std::optional<Nothing> process(const Sample<Packet>& sample, const Context& context) override;
  [[nodiscard]] std::optional<TimePoint> idle_at() const override;
  void idle(const Context& context) override;
  void close() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
