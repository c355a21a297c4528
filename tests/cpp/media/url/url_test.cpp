// The kind of source that a URL names, options that are rejected before anything is opened, and messages
// without passwords.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "cpp/core/url/odd_passwords.hpp"
#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/url/source_url.hpp"
#include "sinks/publish/publish_target.hpp"
#include "sources/camera/options.hpp"
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

// Returns the result of `call`, or the message of the error that it throws.
template <class Call>
std::string said_by(Call&& call) {
  try {
    return call();
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(MediaUrl, NoMessageOfOpenOrPublishShowsAPassword) {
  for (const std::string scheme :
       {"rtsp", "http", "rtmp", "tcp", "gopher", " rtsp", "rtsp//", "rtsp:/", "rtsp;//"}) {
    for (const auto& password : kOddPasswords) {
      if (password.size() < 4 || password == "[::1]") continue;  // "a=b" may be anywhere
      const auto url = scheme + (scheme.ends_with('/') ? "" : "://") + "user:" + password + "@host/a";
      for (const OpenOptions& options : {OpenOptions(), OpenOptions{.live = false}, OpenOptions{.start = 1},
                                         OpenOptions{.decode = Decode::Keyframes},
                                         OpenOptions{.frozen_after = 5}, OpenOptions{.pace = Pace::Burst}}) {
        const auto message = said_by([&] { return open(url, options)->url(); });
        EXPECT_FALSE(contains(message, password)) << url << ": " << message;
      }
      const auto message = said_by([&] { return PublishTarget(url).masked_url(); });
      EXPECT_FALSE(contains(message, password)) << url << ": " << message;
      EXPECT_FALSE(contains(message, password.substr(0, 6))) << url << ": " << message;
    }
  }
}

TEST(MediaUrl, APasswordThatCutsAUrlShortIsRefusedWithItsEscapes) {
  for (const std::string url :
       {"rtsp://user:s3cr3t/x@host/a", "http://user:888888#@host/a", "rtsp://u:secret"}) {
    const auto message = message_of<OptionError>([&] { static_cast<void>(open(url)); });
    EXPECT_TRUE(contains(message, "'/' is written as %2F")) << message;
  }
  EXPECT_NE(open("http://host:8080/mail@home"), nullptr);
}

TEST(MediaUrl, ARecorderRefusesAUrl) {
  const auto message = message_of<OptionError>([] { check_is_no_url("rtsp://user:my secret@host/a.mp4"); });
  EXPECT_TRUE(contains(message, "'rtsp://user:***@host/a.mp4'")) << message;
  EXPECT_NO_THROW(check_is_no_url("a://b.mp4"));
}

TEST(MediaUrl, DistinguishesFilesFromTheScene) {
  EXPECT_EQ(SourceUrl("clip.mp4").kind, UrlKind::File);
  EXPECT_EQ(SourceUrl("/a/b c:d.mp4").kind, UrlKind::File);
  EXPECT_EQ(SourceUrl("file:///a/b.mp4").kind, UrlKind::File);
  EXPECT_EQ(SourceUrl("demo:circles").kind, UrlKind::Demo);
  for (const auto* url : {"rtsp://h/a", "RTMP://h/a/b", "rtp://@:5004", "udp://@:5000", "https://h/a.m3u8"}) {
    EXPECT_EQ(SourceUrl(url).kind, UrlKind::Live) << url;
  }
  for (const std::string url : {"frames/%05d.png", "frames/", "file:frames/*.png", "a[0-9].jpg", "a?.jpg"}) {
    EXPECT_EQ(SourceUrl(url).kind, UrlKind::Pictures) << url;
  }
  EXPECT_EQ(SourceUrl("100%%d.png").kind, UrlKind::File);
  EXPECT_EQ(SourceUrl("file:///a/b.mp4").path(), "/a/b.mp4");
  EXPECT_EQ(SourceUrl("file:b.mp4").path(), "b.mp4");
  EXPECT_EQ(SourceUrl("b.mp4").path(), "b.mp4");
}

TEST(MediaUrl, RecognisesCameras) {
  for (const std::string url :
       {"0", "12", "/dev/video0", "/dev/video63", "/dev/v4l/by-id/usb-cam", "/dev/v4l/by-path/pci-0"})
    EXPECT_EQ(SourceUrl(url).kind, UrlKind::Camera) << url;
  EXPECT_EQ(camera_path("3"), "/dev/video3");
  EXPECT_EQ(camera_path("/dev/v4l/by-id/usb-cam"), "/dev/v4l/by-id/usb-cam");
}

TEST(MediaUrl, AFileThatIsNamedLikeACameraIsAFile) {
  for (const std::string url : {"/dev/video-archive/x.mp4", "/dev/video", "/dev/video0.mp4", "/dev/videos/1",
                                "/dev/video0/x.mp4", "/dev/v4l/x.mp4", "/dev/null", "video0"})
    EXPECT_EQ(SourceUrl(url).kind, UrlKind::File) << url;
}

TEST(MediaUrl, ACameraMayHaveAnyName) {
  const Folder folder;
  const auto node = folder.file("door");
  if (::mknod(node.c_str(), S_IFCHR | 0600, makedev(81, 250)) != 0)
    GTEST_SKIP() << "needs the right to mknod";
  EXPECT_EQ(SourceUrl(node).kind, UrlKind::Camera);
  EXPECT_EQ(camera_path(node), node);
  std::filesystem::create_symlink(node, folder.file("link"));
  EXPECT_EQ(SourceUrl(folder.file("link")).kind, UrlKind::Camera);
}

TEST(MediaUrl, ListsWhatIsSupportedForUnknownSchemes) {
  for (const std::string url : {"", "gopher://host/a"}) {
    const auto message = message_of<OptionError>([&] { static_cast<void>(open(url)); });
    EXPECT_TRUE(contains(message, "this version opens local files")) << message;
  }
}

TEST(MediaUrl, RefusesANameThatTheSystemWouldCutShort) {
  EXPECT_THROW(static_cast<void>(open(std::string("clip.mp4\0.png", 13))), OptionError);
}

TEST(MediaUrl, RefusesSpacesInNetworkUrlsAndShowsNothingOfThem) {
  for (const std::string url : {"rtsp://joe:my secret@host/a", "http://host/a\r\nX-Other: secret"}) {
    const auto message = message_of<OptionError>([&] { static_cast<void>(open(url)); });
    EXPECT_TRUE(contains(message, "%20")) << message;
    EXPECT_FALSE(contains(message, "secret")) << message;
  }
}

TEST(MediaUrl, ErrorsShowNoPassword) {
  const auto message =
      message_of<OptionError>([] { static_cast<void>(open("gopher://user:secret@host/a")); });
  EXPECT_TRUE(contains(message, "gopher://user:***@host/a")) << message;
  EXPECT_FALSE(contains(message, "secret")) << message;
}

TEST(MediaUrl, EachOptionIsForItsSourcesOnly) {
  const std::vector<std::string> urls{"a.mp4", "a/%05d.png", "demo:circles", "0", "rtsp://h/a", "http://h/a"};
  struct Row {
    std::string option;
    OpenOptions options;
    std::string accepted;  // one character for each of `urls`: '+' or '-'
  };
  const std::vector<Row> rows{
      {"frozen_after", {.frozen_after = 9}, "++++++"},
      {"live", {.live = true}, "-----+"},
      {"live", {.live = false}, "-----+"},
      {"reconnect", {.reconnect = true}, "---+++"},
      {"reconnect", {.reconnect = true, .live = false}, "------"},
      {"rendition", {.rendition = "worst"}, "----++"},
      {"pace", {.pace = Pace::Burst}, "-----+"},
      {"pace", {.pace = Pace::Burst, .live = false}, "------"},
      {"decode", {.decode = Decode::Keyframes}, "----++"},
      {"decode", {.decode = Decode::Keyframes, .live = false}, "------"},
      {"fps", {.fps = 5}, "++-+--"},
      {"start", {.start = 1}, "++----"},
      {"end", {.end = 1}, "++----"},
      {"end", {.end = 1, .live = false}, "-----+"},
      {"exposure", {.settings = {{"exposure", "auto"}}}, "---+--"},
      {"white_balance", {.settings = {{"white_balance", "3"}}}, "---+--"},
      {"size", {.width = 64, .height = 48}, "++-+++"},
      {"decoder_threads", {.decoder_threads = 2}, "++-+++"},
      {"decoder", {.decoder = "auto"}, "+---++"},
      {"decoder", {.live = false, .decoder = "cuda:1"}, "-----+"},
      {"options", {.options = {{"a", "b"}}}, "++-+++"},
      {"realtime", {.realtime = true}, "++++++"},
  };
  for (const auto& row : rows) {
    std::string accepted;
    for (const auto& url : urls) {
      try {
        static_cast<void>(open(url, row.options));
        accepted += '+';
      } catch (const OptionError& error) {
        accepted += '-';
        EXPECT_PRED2(contains, error.what(), "'" + url + "' ") << row.option;
        EXPECT_PRED2(contains, error.what(), " is for ") << row.option;
      }
    }
    EXPECT_EQ(accepted, row.accepted) << row.option;
  }
  EXPECT_THROW(static_cast<void>(open("0", {.settings = {{"zoom", "3"}}})), OptionError);
}

TEST(MediaUrl, RefusesOptionsThatCannotBe) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<OpenOptions> bad = {
      {.width = 640},
      {.height = 480},
      {.width = 0, .height = 480},
      {.width = 640, .height = 40000},
      {.fps = 0},
      {.fps = nan},
      {.fps = 1001},
      {.open_timeout = 0},
      {.read_timeout = -1},
      {.open_timeout = nan},
      {.decoder_threads = 0},
      {.decoder_threads = 65},
      {.decoder = "gpu"},
  };
  for (std::size_t i = 0; i < bad.size(); ++i)
    EXPECT_THROW(static_cast<void>(open("a.mp4", bad[i])), OptionError) << i;
}

TEST(MediaUrl, TheSceneTakesItsSettingsInTheUrl) {
  EXPECT_THROW(static_cast<void>(open("demo:circles?frames=9", {.loop = true})), OptionError);
  EXPECT_THROW(static_cast<void>(open("demo:circles?pace=0", {.realtime = true})), OptionError);
  EXPECT_NE(open("demo:circles", {.loop = true, .realtime = true}), nullptr)
      << "it is live and endless anyway";
  EXPECT_THROW(static_cast<void>(open("demo:circles", {.width = 64, .height = 48})), OptionError);
  EXPECT_NE(open("demo:circles"), nullptr);
}

}  // namespace
}  // namespace freshframe::test
