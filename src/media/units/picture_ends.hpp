// Finds out where images end: at the mark of a last packet where that is true, else where the next one begins.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "media/units/h264_slices.hpp"

namespace freshframe::media {

/// Note [Picture ends]: the stream itself decides where an image begins: the address of a slice, the offset of a
/// fragment, a start code. A packet that continues an image belongs to it whatever its timestamp, unless packets
/// before it are lost, and a packet that begins another image never does: there are senders with one timestamp for all
/// images, or several in one. Parameter sets and messages belong to the slices that follow.
///
/// RTP's marker, which should be on the last packet (RFC 6184, section 5.1), only makes an image end earlier: one
/// interval before the next begins. Many cameras set it elsewhere, too: at each unit (OpenIPC smolrtsp#43,
/// pikvm/ustreamer#119), or at parameter sets (retina#13, go2rtc pkg/h264/rtp.go). Some never set it
/// (SharpRTSP#57). When three images in a row had exactly one marked packet with a slice, and it was the last one,
/// images end at the marker from then on, and keyframes when one of them was so. Where packets follow that
/// continue an image that its marker had ended, the markers are never believed again. The same holds for
/// access unit delimiters, which are believed at first.
///
/// A transport stream has such a mark, too: the stuffing in an image's last packet, since no other needs any. In
/// place of the timestamp it has the number of the image. Not thread-safe.
class PictureEnds {
 public:
  enum class Trust : std::uint8_t {
    Learned,   // of three images
    Early,     // from the first marker on that is not on the first packet of its image
    Believed,  // of an earlier connection
    Refuted    // the same
  };
  struct Part {
    std::uint32_t timestamp = 0;
    bool marker = false;
    bool coded = false;      // it holds a slice, or a part of one
    bool tail = false;       // it holds a unit that follows the slices
    bool delimiter = false;  // it holds no slice, and a unit that only begins an image
    bool key = false;        // a slice of a keyframe begins in it
    bool half = false;       // up to it, the image is one of two fields
    bool after_loss = false;
    SlicePlace place = SlicePlace::Unknown;  // of its first slice; unknown: the timestamp decides
  };
  struct Verdict {
    bool before = false;  // the image that was open has ended before this packet
    bool after = false;   // the open image ends with this packet
  };

  explicit PictureEnds(Trust trust = Trust::Learned)
      : early_(trust == Trust::Early),
        believed_(trust == Trust::Believed),
        believed_of_keys_(trust == Trust::Believed),
        refuted_(trust == Trust::Refuted) {}

  [[nodiscard]] Verdict add(const Part& packet);

  /// Whether images end at the marker.
  [[nodiscard]] bool believes_markers() const noexcept { return believed_ || (early_ && !refuted_); }
  /// Returns the trust with which the next connection to the same sender begins.
  [[nodiscard]] Trust trust() const noexcept;
  /// How often a marker was false after it had been believed.
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
  int true_pictures_ = 0;             // in a row
  bool open_ = false;                 // whether the open image has a slice
  bool key_ = false;                  // and is a keyframe
  std::uint32_t timestamp_ = 0;       // timestamp of its first slice
  int packets_ = 0;                   // its packets that may be its last one
  int marks_ = 0;                     // marks of these
  bool last_marked_ = false;          // whether the last of these was marked
  EndedBy ended_by_ = EndedBy::Next;  // the image before
  std::uint32_t ended_ = 0;           // its timestamp
};

}  // namespace freshframe::media
