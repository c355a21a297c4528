// Detects where images end: at the RTP marker if it is reliable, otherwise where the next image starts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "media/units/h264_slices.hpp"

namespace freshframe::media {

/// Note [Frame ends]: The data itself decides where an image starts: the address of a slice, the offset of
/// a fragment, a start code. A packet that continues an image belongs to it whatever its timestamp, unless
/// packets before it were lost, and a packet that starts another image never does, because some senders use
/// one timestamp for all images, or several in one. Parameter sets and SEI messages belong to the slices that
/// follow.
///
/// RTP's marker, which should be on the last packet (RFC 6184, section 5.1), only makes an image end earlier:
/// one interval before the next starts. Many cameras also set it elsewhere: on each NAL unit (OpenIPC
/// smolrtsp#43, pikvm/ustreamer#119), or on parameter sets (retina#13, go2rtc pkg/h264/rtp.go). Some never
/// set it (SharpRTSP#57). Once three images in a row had exactly one marked packet with a slice, and it was
/// the last one, images end at the marker (a keyframe once one keyframe was so). If a packet continues an
/// image that a marker ended, markers are never trusted again. The same applies to access unit delimiters,
/// which are trusted initially.
///
/// Transport streams have such a mark, too: stuffing in an image's last packet, since no other packet needs
/// any. There the image's number is used instead of the timestamp. Not thread-safe.
class PictureEnds {
 public:
  enum class Trust : std::uint8_t {
    Learned,   // trust markers after three images
    Early,     // trust the first marker that is not on the first packet of its image
    Believed,  // trusted on an earlier connection
    Refuted    // found unreliable on an earlier connection
  };
  struct Part {
    std::uint32_t timestamp = 0;
    bool marker = false;
    bool coded = false;      // contains a slice, or part of one
    bool tail = false;       // contains a unit that follows the slices
    bool delimiter = false;  // contains no slice, but a unit that only starts an image
    bool key = false;        // a slice of a keyframe starts here
    bool half = false;       // up to here, the image is one of two fields
    bool after_loss = false;
    // place of the packet's first slice; if unknown, the timestamp decides
    SlicePlace place = SlicePlace::Unknown;
  };
  struct Verdict {
    bool before = false;  // the current image ended before this packet
    bool after = false;   // the current image ends with this packet
  };

  explicit PictureEnds(Trust trust = Trust::Learned)
      : early_(trust == Trust::Early),
        believed_(trust == Trust::Believed),
        believed_of_keys_(trust == Trust::Believed),
        refuted_(trust == Trust::Refuted) {}

  [[nodiscard]] Verdict add(const Part& packet);

  /// Returns true if images end at the marker.
  [[nodiscard]] bool believes_markers() const noexcept { return believed_ || (early_ && !refuted_); }
  /// Returns the trust with which to start the next connection to the same sender.
  [[nodiscard]] Trust trust() const noexcept;
  /// How often a trusted marker was wrong.
  [[nodiscard]] int faults() const noexcept { return faults_; }

 private:
  static constexpr int kTruePictures = 3;

  enum class EndedBy : std::uint8_t { Next, Marker, Delimiter };

  [[nodiscard]] bool begins_another(const Part& packet) const noexcept;
  [[nodiscard]] bool believes_this() const noexcept;
  void begin(const Part& packet);
  void refute_by(const Part& packet);
  void end(EndedBy by);

  bool early_ = false;
  bool believed_ = false;
  bool believed_of_keys_ = false;
  bool refuted_ = false;
  bool delimiters_refuted_ = false;
  int faults_ = 0;
  int true_pictures_ = 0;             // images in a row with a correct marker
  bool open_ = false;                 // the current image has a slice
  bool key_ = false;                  // the current image is a keyframe
  std::uint32_t timestamp_ = 0;       // timestamp of the current image's first slice
  int packets_ = 0;                   // packets of the current image that may be the last one
  int marks_ = 0;                     // how many of these packets are marked
  bool last_marked_ = false;          // the last of these packets was marked
  EndedBy ended_by_ = EndedBy::Next;  // how the end of the previous image was found
  std::uint32_t ended_ = 0;           // timestamp of the previous image
};

}  // namespace freshframe::media
