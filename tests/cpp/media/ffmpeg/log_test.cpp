// FFmpeg's log lines go to the sink, masked, and never to stderr. An error that is thrown is not logged as
// well.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cerrno>
#include <string>

#include "cpp/heard_log.hpp"
#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/url/open_secrets.hpp"
#include <gtest/gtest.h>

extern "C" {
#include <libavutil/error.h>
#include <libavutil/log.h>
}

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

using Lines = HeardLog;

TEST(MediaErrors, HaveAnErrnoOnlyIfItIsTheSystems) {
  EXPECT_EQ(ffmpeg_errno(AVERROR(EPERM)), EPERM);
  EXPECT_EQ(ffmpeg_errno(AVERROR(4095)), 4095);
  for (const int none : {0, 5, AVERROR(4096), AVERROR_EOF, AVERROR_INVALIDDATA}) {
    EXPECT_EQ(ffmpeg_errno(none), 0) << none;
  }
}

TEST(MediaLog, MapsLevelsAndStripsTheNewline) {
  install_ffmpeg_log();
  const Lines lines;
  av_log(nullptr, AV_LOG_ERROR, "one %d\n", 1);
  av_log(nullptr, AV_LOG_WARNING, "two\n");
  av_log(nullptr, AV_LOG_INFO, "three\n");
  av_log(nullptr, AV_LOG_DEBUG, "four\n");
  EXPECT_EQ(lines.count(LogLevel::Error, "one 1"), 1);
  EXPECT_EQ(lines.count(LogLevel::Warning, "two"), 1);
  EXPECT_EQ(lines.count(LogLevel::Debug, "three"), 1);
  EXPECT_EQ(lines.count(LogLevel::Debug, "four"), 0);
  EXPECT_EQ(lines.count(LogLevel::Error, "\n"), 0);
}

TEST(MediaLog, JoinsLinesThatComeInPieces) {
  install_ffmpeg_log();
  const Lines lines;
  av_log(nullptr, AV_LOG_ERROR, "half ");
  av_log(nullptr, AV_LOG_ERROR, "and half\n");
  EXPECT_EQ(lines.count(LogLevel::Error, "half and half"), 1);
  EXPECT_EQ(lines.count(LogLevel::Error, ""), 1);
}

TEST(MediaLog, ALineOfAnyLengthIsWholeAndEnds) {
  install_ffmpeg_log();
  for (const std::size_t size : {1'000U, 1'022U, 1'023U, 1'024U, 1'025U, 1'500U, 5'000U, 60'000U}) {
    const Lines lines;
    const std::string address(size, 's');
    const FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Reader);
    av_log(nullptr, AV_LOG_ERROR, "cannot open '%s'\n", address.c_str());
    av_log(nullptr, AV_LOG_WARNING, "the next line\n");
    EXPECT_EQ(lines.count(LogLevel::Error, "cannot open '" + address + "'"), 1) << size;
    EXPECT_EQ(lines.count(LogLevel::Error, "the next line"), 0) << size;
    EXPECT_EQ(lines.count(LogLevel::Warning, "the next line"), 1) << size;
  }
}

TEST(MediaLog, AConnectionAfterARedirectDoesNotResetTheCount) {
  FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Opening);
  int ends = 0;
  errors.limit_redirects(2, [&] { ++ends; });
  const auto redirect = [] { av_log(nullptr, AV_LOG_TRACE, "header='%s'\n", "HTTP/1.1 302 Found"); };
  redirect();
  EXPECT_TRUE(errors.ends_with_redirect());
  av_log(nullptr, AV_LOG_VERBOSE, "Starting connection attempt to %s port %s\n", "127.0.0.1", "443");
  EXPECT_FALSE(errors.ends_with_redirect()) << "what fails now is that connection";
  redirect();
  EXPECT_TRUE(errors.ends_with_redirect());
  EXPECT_EQ(ends, 0);
  redirect();
  EXPECT_EQ(ends, 1) << "they are counted whether or not it has connected in between";
}

TEST(MediaLog, ShowsNoPassword) {
  install_ffmpeg_log();
  const Lines lines;
  av_log(nullptr, AV_LOG_ERROR, "cannot connect to rtsp://user:secret@host/a\n");
  EXPECT_EQ(lines.count(LogLevel::Error, "rtsp://user:***@host/a"), 1);
}

TEST(MediaLog, ControlCharactersOfAServerAreReplaced) {
  EXPECT_EQ(visible_text("454 \x1b]0;x\x07\r\n ok \xC2\x9B"
                         "1m \xC3\xA4"),
            "454 \uFFFD]0;x\uFFFD\uFFFD\uFFFD ok \uFFFD"
            "1m \u00E4");
  EXPECT_EQ(visible_text("Kamera ung\xFCltig \xE3\x81"), "Kamera ung\uFFFDltig \uFFFD\uFFFD");
  EXPECT_EQ(visible_text(std::string_view("\xC2", 1)), "\uFFFD");
  const FfmpegErrorCapture errors;
  av_log(nullptr, AV_LOG_ERROR, "method failed: \x1b[2J\n");
  EXPECT_EQ(errors.cause(), "method failed: \uFFFD[2J");
}

TEST(MediaLog, AServersWordsAreMaskedBeforeTheyAreCut) {
  for (int before = 60; before < 100; ++before) {
    const auto shown = shown_words(std::string(before, 'x') + " rtsp://joe:s3cr3tword@host/a is away");
    EXPECT_LE(shown.size(), 103U);
    EXPECT_FALSE(contains(shown, "s3")) << shown;
  }
  EXPECT_EQ(shown_words("Not\rFound"), "Not\uFFFDFound");
}

TEST(MediaLog, ALineShowsNoSecretOfAUrlThatIsOpen) {
  const auto shown = [](const char* line) {
    const FfmpegErrorCapture errors;
    av_log(nullptr, AV_LOG_ERROR, "%s\n", line);
    return errors.cause();
  };
  const OpenSecrets door("rtsp://joe:888888@s3cr3t/x@host/a");  // FFmpeg takes "s3cr3t" for the host
  const OpenSecrets same("rtsp://joe:888888@s3cr3t/x@host/a");
  {
    const OpenSecrets gate("http://gate:s3cr3t-l%C3%B6ng@host/?token=t0k3n&a=open&p=abc");
    EXPECT_EQ(shown("no s3cr3t-löng, s3cr3t-l%C3%B6ng or t0k3n"), "no ***, *** or ***");
    EXPECT_EQ(shown("gate abc open s3cr3t"), "gate abc open ***");
    EXPECT_EQ(shown_words("404 no t0k3n"), "404 no ***");
  }
  EXPECT_EQ(shown("t0k3n of host: s3cr3t"), "t0k3n of host: ***");
}

TEST(MediaLog, ALimitOnStreamsIsNotALimitOnPixels) {
  const FfmpegErrorCapture errors;
  av_log(nullptr, AV_LOG_ERROR,
         "Number of streams exceeds max_streams parameter (1), see the documentation if you wish to increase "
         "it\n");
  EXPECT_TRUE(errors.met_stream_limit());
  EXPECT_EQ(errors.in_brackets(), " (Number of streams exceeds max_streams parameter (1))");
}

TEST(MediaLog, AnErrorThatIsThrownIsNotLoggedAsAnErrorToo) {
  const Folder folder;
  write_bytes(folder.file("a.mp4"), Bytes(1000, 'x'));
  const Lines lines;
  const auto message = message_of<SourceError>([&] { play(folder.file("a.mp4")); });
  EXPECT_TRUE(contains(message, "moov atom not found")) << message;
  EXPECT_EQ(lines.count(LogLevel::Error, ""), 0);
  EXPECT_EQ(lines.count(LogLevel::Debug, "moov atom not found"), 1);
}

TEST(MediaLog, TheCauseIsKeptAlthoughFfmpegFirstReportsTheEndOfTheConnection) {
  const FfmpegErrorCapture errors;
  EXPECT_EQ(errors.in_brackets(), "");
  av_log(nullptr, AV_LOG_ERROR, "Stream ends prematurely at 5, should be 99\n");
  EXPECT_EQ(errors.cause(),
            "Stream ends prematurely at 5, should be 99");  // used if there is no better message
  EXPECT_EQ(errors.in_brackets(), " (the server closed the connection early)");
  av_log(nullptr, AV_LOG_ERROR, "moov atom not found\n");
  av_log(nullptr, AV_LOG_ERROR, "error reading header\n");
  av_log(nullptr, AV_LOG_ERROR, "Stream ends prematurely at 5, should be 99\n");
  EXPECT_EQ(errors.in_brackets(), " (moov atom not found)");
}

TEST(MediaLog, ALimitOfFfmpegNamesTheOptionThatLiftsIt) {
  const FfmpegErrorCapture errors;
  av_log(nullptr, AV_LOG_ERROR,
         "[h264 @ 0x5] [IMGUTILS @ 0x6] Picture size 9000x9000 exceeds specified max pixel count 1, see the "
         "documentation if you wish to increase it\n");
  EXPECT_EQ(errors.in_brackets(),
            " (Picture size 9000x9000 exceeds specified max pixel count 1; "
            "options={\"max_pixels\": ...} allows more)");
}

TEST(MediaLog, DamageInAFileThatPlaysIsLogged) {
  const Folder folder;
  auto bytes = read_bytes(write_video(folder.file("a.mkv"), 20));
  bytes.resize(bytes.size() / 2);
  write_bytes(folder.file("a.mkv"), bytes);
  const Lines lines;
  play(folder.file("a.mkv"));
  EXPECT_EQ(lines.count(LogLevel::Warning, "the file is cut off"), 1);
}

TEST(MediaLog, NothingGoesToStderr) {
  const Folder folder;
  auto bytes = read_bytes(write_video(folder.file("a.ts"), 20));
  for (std::size_t i = 2000; i < bytes.size(); i += 500) bytes[i] = 0;
  write_bytes(folder.file("a.ts"), bytes);
  ::testing::internal::CaptureStderr();
  // One thread: with several, FFmpeg may return an image before it has marked the errors in it.
  const auto played = play(folder.file("a.ts"), {.decoder_threads = 1});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_GT(played.damaged, 0U);
}

TEST(MediaLog, NamesTheBuildOfFfmpeg) {
  const auto versions = media_versions();
  EXPECT_EQ(std::stoi(versions.avformat), LIBAVFORMAT_VERSION_MAJOR);
  EXPECT_EQ(std::stoi(versions.avcodec), LIBAVCODEC_VERSION_MAJOR);
  EXPECT_TRUE(contains(versions.license, "GPL")) << versions.license;
  EXPECT_TRUE(contains(versions.configuration, "--"));
}

}  // namespace
}  // namespace freshframe::test
