// Finds out where pictures end: at the mark of a last packet where that is true, else where the next one
// begins.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace freshframe::media {

/// Note [Picture ends]: RTP's marker says that a packet is the last of its picture (RFC 6184, section 5.1).
/// Many cameras set it elsewhere, too: at each unit (OpenIPC smolrtsp#43, pikvm/ustreamer#119), or at
/// parameter sets (retina#13, go2rtc pkg/h264/rtp.go). Some never set it (SharpRTSP#57), and some give
/// parameter sets the timestamp of the picture before (retina#13). So only a packet with a slice ends a
/// picture: parameter sets belong to the slices that follow. The first pictures end when a packet has another
/// timestamp. When three of them in a row had exactly one marked packet with a slice, and it was the last
/// one, pictures end at the marker from then on, one interval earlier. If a slice follows that has the
/// timestamp of a picture that its marker had ended, the markers are no longer believed.
///
/// A transport stream has such a mark, too: the stuffing in a picture's last packet, since no other needs
/// any. In place of the timestamp it has the number of the picture. One thread.
class PictureEnds {
 public:
  struct Part {
    std::uint32_t timestamp = 0;
    bool marker = false;
    bool coded = false;  // it holds a slice, or a part of one
    bool tail = false;   // it holds a unit that follows the slices
  };
  struct Verdict {
    bool before = false;  // the picture that was open has ended before this packet
    bool after = false;   // the open picture ends with this packet
  };

  /// `believed`: of an earlier connection to the same camera, or of a codec whose pictures have no other end.
  explicit PictureEnds(bool believed = false) : believed_(believed) {}

  [[nodiscard]] Verdict add(const Part& packet);

  /// Whether pictures end at the marker.
  [[nodiscard]] bool believes_markers() const noexcept { return believed_; }
  /// How often a marker was false after it had been believed.
  [[nodiscard]] int faults() const noexcept { return faults_; }

 private:
  static constexpr int kTruePictures = 3;

  void learn();
  void end_picture();

  bool believed_ = false;
  bool refuted_ = false;
  int faults_ = 0;
  int true_pictures_ = 0;         // in a row
  bool has_slice_ = false;        // whether the open picture has a slice
  std::uint32_t timestamp_ = 0;   // timestamp of its first slice
  int marks_ = 0;                 // marks of its packets with a slice
  bool last_marked_ = false;      // whether the last of these was marked
  bool ended_by_marker_ = false;  // the picture before
  std::uint32_t ended_ = 0;       // its timestamp
};

}  // namespace freshframe::media
