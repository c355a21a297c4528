// Exposure, gain, focus and white balance of a simulated camera: their order, ranges, refusals and outages.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/sources/camera/camera_rig.hpp"
#include "sources/camera/devices.hpp"
#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using test::CameraRig;
using test::FakeCamera;
using test::Step;

/// Adds a webcam's controls. Its manual values are inactive while the automatic modes are on.
void be_a_webcam(FakeCamera& camera) {
  camera.has(V4L2_CID_AUTO_WHITE_BALANCE, "White Balance, Automatic", 0, 1, 1);
  camera.controls.back().query.type = V4L2_CTRL_TYPE_BOOLEAN;
  camera.has(V4L2_CID_GAIN, "Gain", 0, 100, 10);
  auto& white = camera.has(V4L2_CID_WHITE_BALANCE_TEMPERATURE, "White Balance Temperature", 2800, 6500, 4600);
  white.automatic = V4L2_CID_AUTO_WHITE_BALANCE;
  white.query.step = 10;
  auto& mode = camera.has(V4L2_CID_EXPOSURE_AUTO, "Auto Exposure", 0, 3, V4L2_EXPOSURE_APERTURE_PRIORITY);
  mode.query.type = V4L2_CTRL_TYPE_MENU;
  mode.words = {V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_APERTURE_PRIORITY};
  auto& time = camera.has(V4L2_CID_EXPOSURE_ABSOLUTE, "Exposure Time, Absolute", 3, 2047, 250);
  time.automatic = V4L2_CID_EXPOSURE_AUTO;
  time.manual = V4L2_EXPOSURE_MANUAL;
}

/// Returns the message of the error that `call` throws.
template <class E, class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

TEST(CameraControls, ANumberTurnsTheAutomaticModeOffFirstAndAutoTurnsItOn) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  rig.open({.options = {{"exposure", "100"}, {"white_balance", "5000"}}});
  EXPECT_EQ(rig.camera.value(V4L2_CID_EXPOSURE_AUTO), V4L2_EXPOSURE_MANUAL);
  EXPECT_EQ(rig.camera.value(V4L2_CID_EXPOSURE_ABSOLUTE), 100);
  EXPECT_EQ(rig.camera.value(V4L2_CID_WHITE_BALANCE_TEMPERATURE), 5000);
  EXPECT_EQ(rig.source->setting("exposure"), "100");
  rig.source->set_setting("exposure", "auto");
  EXPECT_EQ(rig.camera.value(V4L2_CID_EXPOSURE_AUTO), V4L2_EXPOSURE_APERTURE_PRIORITY);
  EXPECT_EQ(rig.source->setting("exposure"), "auto");
  EXPECT_EQ(rig.source->setting("gain"), "10");
  rig.source->close();
}

TEST(CameraControls, WithoutAWishNothingIsSet) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  rig.camera.ioctl_code[VIDIOC_S_CTRL] = EIO;
  rig.camera.pictures(2);
  EXPECT_EQ(rig.run().size(), 2U);
}

TEST(CameraControls, AValueOutsideTheRangeIsRefusedWithRangeStepAndDefault) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  EXPECT_EQ(refusal<SourceError>([&] { rig.open({.options = {{"exposure", "5000"}}}); }),
            "camera '/dev/video7': exposure must be 3 to 2047 in steps of 1 (default 250), got 5000");
  rig.open();
  EXPECT_EQ(
      refusal<SourceError>([&] { rig.source->set_setting("white_balance", "2805"); }),
      "camera '/dev/video7': white_balance must be 2800 to 6500 in steps of 10 (default 4600), got 2805");
  EXPECT_EQ(rig.camera.value(V4L2_CID_AUTO_WHITE_BALANCE), 1) << "a refused value changed the mode";
  EXPECT_EQ(refusal<OptionError>([&] { rig.source->set_setting("gain", "1.5"); }),
            "gain must be a 32-bit integer or \"auto\", got '1.5'");
  rig.source->close();
}

TEST(CameraControls, AnUnknownControlIsAnErrorThatListsTheOthers) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  EXPECT_EQ(refusal<SourceError>([&] { rig.open({.options = {{"focus", "0"}}}); }),
            "camera '/dev/video7': it has no focus; it has: White Balance, Automatic, Gain, White Balance "
            "Temperature, Auto Exposure, Exposure Time, Absolute");
  rig.open();
  EXPECT_NE(refusal<SourceError>([&] {
              rig.source->set_setting("gain", "auto");
            }).find("no automatic gain; it has: "),
            std::string::npos);
  rig.source->close();
}

TEST(CameraControls, SettingsAreSetAgainAfterTheCameraWasUnplugged) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  rig.camera.pictures(2);
  rig.camera.script.push_back({.kind = Step::Kind::Unplugged, .seconds = 3});
  rig.camera.pictures(2);
  rig.open({.options = {{"exposure", "100"}}});
  rig.source->set_setting("gain", "77");
  while (rig.source->read(rig.context)) {
  }
  EXPECT_EQ(rig.stats().outages, 1U);
  EXPECT_EQ(rig.camera.value(V4L2_CID_EXPOSURE_ABSOLUTE), 100);
  EXPECT_EQ(rig.camera.value(V4L2_CID_GAIN), 77);
  rig.source->close();
}

TEST(CameraControls, AnotherCameraThatHasTheNumberNowIsNotSet) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  rig.open();
  rig.camera.bus = "usb-fake-2";
  EXPECT_EQ(refusal<SourceError>([&] { rig.source->set_setting("gain", "77"); }).find("cannot set gain of"),
            0U);
  EXPECT_THROW(static_cast<void>(rig.source->setting("gain")), SourceError);
  EXPECT_THROW(static_cast<void>(rig.source->controls()), SourceError);
  EXPECT_EQ(rig.camera.value(V4L2_CID_GAIN), 10);
  rig.camera.bus = "usb-fake-1";
  rig.source->set_setting("gain", "77");
  EXPECT_EQ(rig.source->setting("gain"), "77");
  rig.source->close();
}

TEST(CameraControls, ANumberThatTheDriverRefusesLeavesTheAutomaticModeOn) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  rig.camera.control(V4L2_CID_EXPOSURE_ABSOLUTE).code = EIO;
  rig.open();
  EXPECT_EQ(refusal<SourceError>([&] { rig.source->set_setting("exposure", "100"); }),
            "camera '/dev/video7': cannot set exposure: Input/output error");
  EXPECT_EQ(rig.source->setting("exposure"), "auto");
  rig.source->close();
}

TEST(CameraControls, AStartThatFailsLeavesTheCameraAsItWas) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  EXPECT_THROW(rig.open({.options = {{"exposure", "100"}, {"gain", "5000"}}}), SourceError);
  EXPECT_EQ(rig.camera.value(V4L2_CID_EXPOSURE_AUTO), V4L2_EXPOSURE_APERTURE_PRIORITY);
  rig.camera.control(V4L2_CID_WHITE_BALANCE_TEMPERATURE).code = EINVAL;
  EXPECT_THROW(rig.open({.options = {{"exposure", "100"}, {"gain", "50"}, {"white_balance", "5000"}}}),
               SourceError);
  EXPECT_EQ(rig.camera.value(V4L2_CID_EXPOSURE_AUTO), V4L2_EXPOSURE_APERTURE_PRIORITY);
  EXPECT_EQ(rig.camera.value(V4L2_CID_EXPOSURE_ABSOLUTE), 250);
  EXPECT_EQ(rig.camera.value(V4L2_CID_GAIN), 10);
  EXPECT_EQ(rig.camera.value(V4L2_CID_AUTO_WHITE_BALANCE), 1);
}

TEST(CameraControls, ACameraReconnectsWithoutASettingThatItRefusesAndLogsThatOnce) {
  std::vector<std::string> told;
  CameraRig rig;
  be_a_webcam(rig.camera);
  rig.camera.control(V4L2_CID_GAIN).rounds_to = 8;
  rig.camera.pictures(1);
  for (int outage = 0; outage < 2; ++outage) {
    rig.camera.script.push_back({.kind = Step::Kind::Unplugged, .seconds = 3});
    rig.camera.pictures(2);
  }
  set_log_sink([&](LogLevel, std::string_view text) { told.emplace_back(text); });
  rig.open({.options = {{"exposure", "100"}, {"gain", "20"}, {"white_balance", "5000"}}});
  EXPECT_TRUE(rig.source->read(rig.context));
  rig.camera.control(V4L2_CID_WHITE_BALANCE_TEMPERATURE).query.maximum = 4800;
  EXPECT_EQ(rig.read_all().size(), 4U);
  set_log_sink({});
  const std::string refused =
      "camera '/dev/video7': white_balance must be 2800 to 4800 in steps of 10 (default 4600), got 5000";
  EXPECT_EQ(std::ranges::count(told, refused + "; the camera runs without it"), 1);
  EXPECT_EQ(std::ranges::count(told, "camera '/dev/video7': the driver set 'Gain' to 16 instead of 20"), 3);
  EXPECT_EQ(rig.stats().reconnects, 2U);
  EXPECT_EQ(rig.stats().settings_reason, refused);
  EXPECT_EQ(rig.stats().settings,
            (std::map<std::string, std::optional<std::int64_t>>{{"exposure", 100}, {"gain", 16}}));
  EXPECT_EQ(rig.camera.value(V4L2_CID_AUTO_WHITE_BALANCE), 1);
  rig.source->close();
}

TEST(CameraControls, TheStatisticsHaveWhatTheDriverHasAndASettingThatIsTakenEndsItsRefusal) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = Step::Kind::Unplugged, .seconds = 3});
  rig.camera.pictures(2);
  rig.open({.options = {{"exposure", "100"}}});
  EXPECT_EQ(rig.stats().settings.at("exposure"), 100);
  EXPECT_TRUE(rig.source->read(rig.context));
  rig.camera.control(V4L2_CID_EXPOSURE_ABSOLUTE).query.maximum = 50;
  EXPECT_TRUE(rig.source->read(rig.context));
  EXPECT_NE(rig.stats().settings_reason.find("got 100"), std::string::npos);
  EXPECT_TRUE(rig.stats().settings.empty());
  rig.source->set_setting("exposure", "auto");
  EXPECT_TRUE(rig.source->read(rig.context));
  EXPECT_EQ(rig.stats().settings_reason, "");
  EXPECT_EQ(rig.stats().settings.at("exposure"), std::nullopt);
  rig.source->close();
}

TEST(CameraControls, AValueThatTheDriverChangesIsLogged) {
  std::vector<std::string> told;
  CameraRig rig;
  rig.camera.has(V4L2_CID_GAIN, "Gain", 0, 100, 0).rounds_to = 8;
  set_log_sink([&](LogLevel, std::string_view text) { told.emplace_back(text); });
  rig.open({.options = {{"gain", "20"}}});
  set_log_sink({});
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "camera '/dev/video7': the driver set 'Gain' to 16 instead of 20");
  EXPECT_EQ(rig.source->setting("gain"), "16");
  rig.source->close();
}

TEST(CameraControls, TheListHasRangesMenusAndWhatIsInactive) {
  CameraRig rig;
  be_a_webcam(rig.camera);
  const auto info = camera_info(rig.camera, "/dev/video7");
  ASSERT_TRUE(info);
  ASSERT_EQ(info->controls.size(), 5U);
  const auto& time = info->controls[4];
  EXPECT_EQ(time.name, "Exposure Time, Absolute");
  EXPECT_EQ(std::vector({time.min, time.max, time.step, time.standard, time.current}),
            (std::vector<std::int64_t>{3, 2047, 1, 250, 250}));
  EXPECT_TRUE(time.inactive);
  EXPECT_FALSE(info->controls[1].inactive);
  EXPECT_EQ(time.setting, "exposure");
  EXPECT_TRUE(time.automatic);
  EXPECT_EQ(info->controls[0].setting, "") << "the automatic mode of the white balance";
  EXPECT_EQ(info->controls[1].setting, "gain");
  EXPECT_FALSE(info->controls[1].automatic);
  EXPECT_EQ(info->controls[2].setting, "white_balance");
  const auto& menu = info->controls[3].menu;
  ASSERT_EQ(menu.size(), 2U);
  EXPECT_EQ(menu[1].first, V4L2_EXPOSURE_APERTURE_PRIORITY);
  EXPECT_EQ(menu[1].second, "word 3");
}

}  // namespace
}  // namespace freshframe::media
