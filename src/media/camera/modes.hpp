// The cameras of this machine, the modes of one, queried from its driver, and the choice of a mode.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/camera.hpp"
#include "freshframe/mutex.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/camera/system.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {

/// The user's request. Empty members are chosen.
struct CameraWish {
  std::optional<int> width = {};
  std::optional<int> height = {};
  std::optional<double> fps = {};
  std::optional<std::uint32_t> code = {};  // V4L2_PIX_FMT_*
};

/// The mode to set. Width and height 0: the camera's present size.
struct CameraMode {
  std::uint32_t code = 0;
  int width = 0;
  int height = 0;
  std::optional<double> fps = {};  // nullopt: the driver does not say
};

struct CameraOffer {
  std::vector<CameraFormat> formats = {};
  int code = 0;  // the errno that ended the query early: the camera is lost
};

/// Queries formats, sizes and rates. Endless lists of a driver are cut.
[[nodiscard]] CameraOffer camera_offer(const V4l2Handle& device);
/// The errno for a missing call or entry of the driver, which is no fault of the camera.
[[nodiscard]] bool is_no(int code) noexcept;

/// Returns nullopt if no mode of the camera meets the request. Without a request: at least 25 frames per
/// second before more pixels, the largest size up to 1280x720, raw before compressed before gray, up to 60
/// frames per second.
[[nodiscard]] std::optional<CameraMode> choose_mode(const std::vector<CameraFormat>& formats,
                                                    const CameraWish& wish);

/// Returns true for 30 and 30000/1001: the rates differ by less than 0.2 %.
[[nodiscard]] bool same_rate(double one, double other);

/// "1280x720 at 30 fps in mjpeg": the request as text.
[[nodiscard]] std::string wish_text(const CameraWish& wish);
/// "mjpeg 1920x1080 (30, 15 fps), 640x480 (30 fps); yuyv 640x480 (30 fps)", for messages.
[[nodiscard]] std::string offer_text(const std::vector<CameraFormat>& formats);

/// Returns nullopt for a device that is no camera (a device for output, for metadata, or none of V4L2's).
[[nodiscard]] std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path);
/// Every "video<number>" of a folder, by number, without links to another one.
[[nodiscard]] std::vector<std::string> camera_paths(const std::string& folder);

/// Where a source's camera is: at the path that the user gave, or at another since it was plugged in again. As long as
/// a camera that was unplugged is open, the kernel keeps its number, and a camera that is back before gets another. A
/// link, such as one of /dev/v4l/by-id, is never left: what it leads to is the choice of udev's rules.
/// path() and fault_of() are thread-safe, the others are for the source's thread.
class CameraPlace {
 public:
  CameraPlace(std::string path, V4l2System& system);

  [[nodiscard]] std::string path() const;
  /// Of `device`, opened at path(): its errno, ENODEV where another camera has the number now, or 0.
  [[nodiscard]] int fault_of(const V4l2Handle& device) const;
  /// `device`, opened at path(), is the source's camera.
  void remember(const V4l2Handle& device);
  /// To be called before the camera is opened again. Looks for it at every path where it isn't at its own. Throws
  /// SourceError, once, where another camera has its path and it is nowhere.
  void find();

 private:
  enum class Found { Same, Other, Absent };
  /// What a camera has in common with itself after it was plugged in again. One may have several devices: for pictures,
  /// for metadata.
  struct Identity {
    std::string text;  // its name, driver and plug; empty where the driver does not say
    std::uint32_t abilities = 0;
    bool operator==(const Identity&) const = default;
  };
  [[nodiscard]] static Identity identity_of(const v4l2_capability& capability);
  [[nodiscard]] Identity identity() const;
  [[nodiscard]] Found look(const std::string& path) const;
  void move(const std::string& path);

  const std::string given_;
  const bool numbered_;  // not a link
  V4l2System& system_;
  bool refused_ = false;  // another camera, since the last remember()
  mutable Mutex mutex_;
  std::string path_ FRESHFRAME_GUARDED_BY(mutex_);
  Identity identity_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::media
