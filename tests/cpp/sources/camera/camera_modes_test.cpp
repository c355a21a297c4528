// The mode that is chosen among a camera's modes, error messages, and broken drivers.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cpp/sources/camera/camera_rig.hpp"
#include "media/stream/reconnect.hpp"
#include "sources/camera/devices.hpp"
#include "sources/camera/fault.hpp"
#include "sources/camera/modes.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using test::CameraRig;
using test::contains;
using test::FakeCamera;
using test::message_of;
using test::Step;

constexpr auto kYuyv = V4L2_PIX_FMT_YUYV;
constexpr auto kMjpeg = V4L2_PIX_FMT_MJPEG;

CameraFormat format(std::uint32_t code, std::vector<CameraSize> sizes) {
  CameraFormat result;
  result.code = code;
  result.name = camera_format_name(code);
  result.supported = readable_format(code) != nullptr;
  for (auto& size : sizes) {
    if (size.min_width == 0) size.min_width = size.width;
    if (size.min_height == 0) size.min_height = size.height;
  }
  result.sizes = std::move(sizes);
  return result;
}
CameraSize size(int width, int height, std::vector<double> fps) {
  return {.width = width, .height = height, .fps = std::move(fps)};
}

/// Formats that many webcams offer.
std::vector<CameraFormat> webcam() {
  return {format(kMjpeg, {size(1920, 1080, {30}), size(1280, 720, {60, 30}), size(640, 480, {30})}),
          format(kYuyv, {size(1920, 1080, {5}), size(1280, 720, {10}), size(640, 480, {30, 15})}),
          format(v4l2_fourcc('H', 'E', 'V', 'C'), {size(3840, 2160, {30})})};
}

std::string chosen(const std::vector<CameraFormat>& formats, const CameraWish& wish) {
  const auto mode = choose_mode(formats, wish);
  if (!mode) return "nothing";
  std::ostringstream text;
  text << camera_format_name(mode->code) << ' ' << mode->width << 'x' << mode->height << ' '
       << mode->fps.value_or(0);
  return text.str();
}

TEST(CameraModes, WithoutAWishTheLargestUpTo720pThatIsFluent) {
  EXPECT_EQ(chosen(webcam(), {}), "mjpeg 1280x720 60");
  EXPECT_EQ(chosen({format(kYuyv, {size(1280, 720, {10}), size(640, 480, {30})})}, {}), "yuyv 640x480 30");
  EXPECT_EQ(chosen({format(kYuyv, {size(1920, 1080, {30}), size(2592, 1944, {30})})}, {}),
            "yuyv 1920x1080 30");
  EXPECT_EQ(chosen({format(kYuyv, {size(640, 480, {120, 90})})}, {}), "yuyv 640x480 90");
  EXPECT_EQ(chosen({format(kYuyv, {size(640, 480, {})})}, {}), "yuyv 640x480 0");
}

TEST(CameraModes, RawComesBeforeCompressedWhereBothDoTheSame) {
  EXPECT_EQ(chosen(webcam(), {.width = 640, .height = 480}), "yuyv 640x480 30");
  EXPECT_EQ(chosen(webcam(), {.width = 1920, .height = 1080}), "mjpeg 1920x1080 30");
  EXPECT_EQ(chosen(webcam(), {.width = 640, .height = 480, .fps = 15}), "yuyv 640x480 15");
  EXPECT_EQ(chosen(webcam(), {.width = 640, .height = 480, .code = kMjpeg}), "mjpeg 640x480 30");
}

TEST(CameraModes, AModeThatIsNotOfferedIsRefused) {
  EXPECT_EQ(chosen(webcam(), {.width = 1000, .height = 700}), "nothing");
  EXPECT_EQ(chosen(webcam(), {.width = 640, .height = 480, .fps = 60}), "nothing");
  EXPECT_EQ(chosen(webcam(), {.code = V4L2_PIX_FMT_NV12}), "nothing");
  EXPECT_EQ(chosen({format(v4l2_fourcc('H', 'E', 'V', 'C'), {size(640, 480, {30})})}, {}), "nothing");
  EXPECT_EQ(chosen({}, {}), "nothing");
}

TEST(CameraModes, ThirtyIsTheRateOfTelevisionToo) {
  const std::vector<CameraFormat> tv = {format(kYuyv, {size(640, 480, {30000.0 / 1001, 25})})};
  EXPECT_EQ(chosen(tv, {.fps = 30}), "yuyv 640x480 29.97");
  EXPECT_EQ(chosen(tv, {.fps = 29}), "nothing");
}

TEST(CameraModes, GridsAndRangesAreHeeded) {
  auto grid = size(2592, 1944, {90, 1});
  grid.min_width = 32;
  grid.min_height = 32;
  grid.step_width = 16;
  grid.step_height = 8;
  grid.fps_range = true;
  const std::vector<CameraFormat> formats = {format(V4L2_PIX_FMT_NV12, {grid})};
  EXPECT_EQ(chosen(formats, {}), "nv12 1280x720 60");
  EXPECT_EQ(chosen(formats, {.width = 48, .height = 40, .fps = 12.5}), "nv12 48x40 12.5");
  EXPECT_EQ(chosen(formats, {.width = 50, .height = 40}), "nothing");
  EXPECT_EQ(chosen(formats, {.fps = 100}), "nothing");
  EXPECT_EQ(offer_text(formats), "nv12 32x32 to 2592x1944 (90 to 1 fps)");
}

TEST(CameraModes, FormatsWithTheSameSizesAreListedTogether) {
  EXPECT_EQ(offer_text({format(kYuyv, {size(64, 48, {30})}), format(V4L2_PIX_FMT_GREY, {}),
                        format(V4L2_PIX_FMT_NV12, {size(64, 48, {30})})}),
            "yuyv, nv12 64x48 (30 fps); gray (the driver does not list its sizes)");
}

TEST(CameraRefusal, ListsWhatTheCameraCan) {
  CameraRig rig;
  rig.camera.modes = {
      {kYuyv, 640, 480, {30, 15}}, {kMjpeg, 1280, 720, {30}}, {V4L2_PIX_FMT_HEVC, 64, 48, {}}};
  const auto message = message_of<SourceRefused>([&] { rig.open({.width = 800, .height = 600, .fps = 30}); });
  EXPECT_EQ(message,
            "cannot open camera '/dev/video7' (Fake Camera): it cannot deliver 800x600 at 30 fps; it can: "
            "yuyv 640x480 (30, 15 fps); mjpeg 1280x720 (30 fps); formats that freshframe cannot read: HEVC");
}

TEST(CameraRefusal, IsAnImmediateErrorAlthoughLostCamerasReconnect) {
  const auto refused = [](const std::function<void(FakeCamera&)>& set, const OpenOptions& options,
                          const std::string& part) {
    CameraRig rig;
    set(rig.camera);
    const auto message = message_of<SourceRefused>([&] { rig.open(options); });
    EXPECT_PRED2(contains, message, part);
    EXPECT_EQ(rig.camera.open_now(), 0) << "the camera is still held";
  };
  refused([](auto& camera) { camera.capabilities = V4L2_CAP_META_CAPTURE; }, {}, "it delivers no images");
  refused([](auto& camera) { camera.capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE; }, {}, "multi-planar");
  refused([](auto& camera) { camera.capabilities = V4L2_CAP_VIDEO_CAPTURE; }, {}, "cannot stream");
  refused([](auto& camera) { camera.ioctl_code[VIDIOC_QUERYCAP] = ENOTTY; }, {}, "it is not a camera");
  refused([](auto& camera) { camera.open_code = EACCES; }, {}, "usermod -aG video");
  refused([](auto& camera) { camera.sets_rate = false; }, {.fps = 30}, "open it without fps");
  refused([](auto& /*camera*/) {}, {.options = {{"brightness", "3"}}}, "no option 'brightness'");
  refused([](auto& camera) { camera.modes = {{kMjpeg, 64, 48, {}}}; }, {.options = {{"brightness", "3"}}},
          "has an option 'brightness'");
}

TEST(CameraRefusal, WhatADriverGrantsInsteadIsNotTakenSilently) {
  CameraRig rig;
  rig.camera.lists_sizes = false;
  const auto message = message_of<SourceRefused>([&] { rig.open({.width = 800, .height = 600}); });
  EXPECT_PRED2(contains, message, "asked for 800x600 in yuyv its driver offered 64x48 in yuyv");
}

TEST(CameraRefusal, ADriverThatListsNoSizesKeepsTheOneThatIsSet) {
  CameraRig rig;
  rig.camera.lists_sizes = false;
  rig.camera.pictures(1);
  EXPECT_EQ(rig.run().size(), 1U);
  EXPECT_EQ(rig.source->info().width, 64);
}

TEST(CameraRefusal, ABrokenDriverIsAnErrorAndNoCrash) {
  const auto broken = [](const std::function<void(FakeCamera&)>& set) {
    CameraRig rig;
    set(rig.camera);
    rig.camera.pictures(3);
    EXPECT_THROW(static_cast<void>(rig.run({.reconnect = false})), SourceError);
  };
  const auto bends = [&](const std::function<void(v4l2_pix_format&)>& bend) {
    broken([&](FakeCamera& camera) { camera.bend_format = bend; });
  };
  for (const std::uint32_t count : {0U, 1U, 65U})
    broken([&](FakeCamera& camera) { camera.buffer_count = count; });
  for (const std::uint32_t length : {0U, 1U, 64U * 48U * 2U - 1U, 1U << 30})
    broken([&](FakeCamera& camera) { camera.buffer_length = length; });
  bends([](auto& pixels) { pixels.bytesperline = 127; });
  bends([](auto& pixels) { pixels.bytesperline = 0xFFFFFFFF; });
  bends([](auto& pixels) { pixels.width = 0; });
  bends([](auto& pixels) { pixels.width = pixels.height = 0xFFFF0000; });
  bends([](auto& pixels) { pixels.pixelformat = V4L2_PIX_FMT_NV12; });
  bends([](auto& pixels) { pixels.field = V4L2_FIELD_ALTERNATE; });
  for (const std::uint32_t index : {4U, 0xFFFFFFFFU})
    broken([&](FakeCamera& camera) { camera.script.push_back({.index = index}); });
  for (const unsigned long request :
       {VIDIOC_S_FMT, VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_QBUF, VIDIOC_STREAMON})
    broken([&](FakeCamera& camera) { camera.ioctl_code[request] = EIO; });
}

TEST(CameraRefusal, ABusyCameraIsRetriedAndTheErrorNamesTheProgram) {
  CameraRig rig;
  rig.camera.ioctl_code[VIDIOC_S_FMT] = EBUSY;
  rig.open();
  EXPECT_PRED2(contains, rig.stats().last_error, "it is in use by a program that this user cannot see");
}

TEST(CameraHolder, NamesTheProcessThatHasTheDeviceOpen) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("freshframe_holder_" + std::to_string(::getpid()));
  const auto proc = folder / "proc" / "4242";
  std::filesystem::create_directories(proc / "fd");
  std::filesystem::create_directories(folder / "proc" / "self");
  const auto device = std::filesystem::canonical(folder) / "video7";
  std::ofstream(device) << "x";
  std::ofstream(proc / "comm") << "zoom\n";
  EXPECT_EQ(camera_holder(device, folder / "proc"), "");
  std::filesystem::create_symlink(device, proc / "fd" / "11");
  EXPECT_EQ(camera_holder(device, folder / "proc"), "zoom (pid 4242)");
  std::filesystem::create_symlink(device, folder / "by-id");
  EXPECT_EQ(camera_holder(folder / "by-id", folder / "proc"), "zoom (pid 4242)");
  EXPECT_EQ(camera_holder(folder / "missing", folder / "proc"), "");
  const int one = ::open(device.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(camera_holder(device), "") << "the one descriptor is the refused one";
  const int two = ::open(device.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(camera_holder(device), "this program itself (pid " + std::to_string(::getpid()) + ")");
  ::close(one);
  ::close(two);
  std::filesystem::remove_all(folder);
}

TEST(CameraOptions, AreCheckedBeforeAThreadRuns) {
  const auto refused = [](const OpenOptions& options, const std::string& part) {
    EXPECT_PRED2(contains, message_of<OptionError>([&] { static_cast<void>(open("0", options)); }), part);
  };
  refused({.options = {{"format", "bgr"}}}, "one of nv12, i420, yuyv, uyvy, mjpeg, h264, gray, got 'bgr'");
  refused({.options = {{"buffers", "1"}}}, "must be 2 to 32, got '1'");
  refused({.options = {{"buffers", "4x"}}}, "must be 2 to 32, got '4x'");
  refused({.start = 1}, "start is for files");
  EXPECT_EQ(open("3", {.loop = true, .realtime = true})->url(), "/dev/video3");
  EXPECT_EQ(open("3")->url(), "/dev/video3");
  EXPECT_EQ(open("/dev/v4l/by-id/cam")->url(), "/dev/v4l/by-id/cam");
  EXPECT_THROW(static_cast<void>(open("clip.mp4", {.reconnect = true})), OptionError);
}

TEST(CameraList, ListsWhatACameraOffers) {
  CameraRig rig;
  rig.camera.modes = {{kYuyv, 640, 480, {15, 30}}, {V4L2_PIX_FMT_HEVC, 640, 480, {30}}};
  const auto info = camera_info(rig.camera, "/dev/video7");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->path, "/dev/video7");
  EXPECT_EQ(info->name, "Fake Camera");
  EXPECT_EQ(info->driver, "fake");
  EXPECT_EQ(info->bus, "usb-fake-1");
  EXPECT_EQ(info->problem, "");
  ASSERT_EQ(info->formats.size(), 2U);
  EXPECT_TRUE(info->formats[0].supported);
  EXPECT_EQ(info->formats[0].sizes[0].fps, (std::vector<double>{30, 15}));
  EXPECT_FALSE(info->formats[1].supported);
  EXPECT_EQ(info->formats[1].name, "HEVC");
}

TEST(CameraList, SkipsOtherDevicesAndReportsWhyACameraCannotBeQueried) {
  CameraRig rig;
  rig.camera.capabilities = V4L2_CAP_VIDEO_OUTPUT;
  EXPECT_FALSE(camera_info(rig.camera, "/dev/video7"));
  rig.camera.capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE;
  EXPECT_PRED2(contains, camera_info(rig.camera, "/dev/video7")->problem, "multi-planar");
  rig.camera.ioctl_code[VIDIOC_QUERYCAP] = ENOTTY;
  EXPECT_FALSE(camera_info(rig.camera, "/dev/video7"));
  rig.camera.open_code = EACCES;
  const auto denied = camera_info(rig.camera, "/dev/video7");
  EXPECT_EQ(denied->problem_code, EACCES);
  EXPECT_PRED2(contains, denied->problem, "usermod -aG video");
}

TEST(CameraList, IsInTheOrderOfTheNumbers) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("freshframe_list_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  for (const char* name : {"video10", "video2", "video", "videos", "video2x", "vbi0", "video99999"})
    std::ofstream(folder / name) << "";
  std::filesystem::create_symlink("video2", folder / "video3");  // another name of the same device
  EXPECT_EQ(camera_paths(folder),
            (std::vector<std::string>{(folder / "video2").string(), (folder / "video10").string()}));
  std::filesystem::remove_all(folder);
  EXPECT_TRUE(camera_paths(folder).empty());
}

}  // namespace
}  // namespace freshframe::media
