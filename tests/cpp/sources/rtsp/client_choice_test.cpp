// Which RTSP client makes the next attempt.
// SPDX-License-Identifier: Apache-2.0

#include "freshframe/error.hpp"

#include <optional>

#include "sources/rtsp/client_options.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

TEST(RtspClientChoice, KeepsTheOwnClientWhileTheServerIsToBlame) {
  ClientChoice choice;
  for (const auto trouble : {Trouble::Unreachable, Trouble::Refused, Trouble::Late, Trouble::NoPackets}) {
    EXPECT_FALSE(choice.note_failure(trouble));
    EXPECT_TRUE(choice.is_own());
  }
}

TEST(RtspClientChoice, TriesFfmpegWhenTheOwnClientDoesNotUnderstand) {
  ClientChoice choice;
  EXPECT_TRUE(choice.note_failure(Trouble::Dialogue));
  EXPECT_FALSE(choice.is_own());
  EXPECT_TRUE(choice.note_frame()) << "that is told once";
  EXPECT_FALSE(choice.note_frame());
  EXPECT_FALSE(choice.is_own());
}

TEST(RtspClientChoice, TakesTurnsUntilOneGivesAFrame) {
  ClientChoice choice;
  EXPECT_TRUE(choice.note_failure(Trouble::Dialogue));
  EXPECT_TRUE(choice.note_failure(std::nullopt));
  EXPECT_TRUE(choice.is_own());
  EXPECT_FALSE(choice.note_frame());
  EXPECT_TRUE(choice.is_own());
}

TEST(RtspClientChoice, AnOwnConnectionThatIsLostBeforeItsFirstFrameIsTriedTwice) {
  ClientChoice choice;
  EXPECT_FALSE(choice.note_failure(Trouble::Lost));
  EXPECT_TRUE(choice.is_own());
  EXPECT_TRUE(choice.note_failure(std::nullopt));
  EXPECT_FALSE(choice.is_own());
}

TEST(RtspClientChoice, GivesTheOtherOneAttemptAfterThreeFailures) {
  ClientChoice choice;
  EXPECT_FALSE(choice.note_frame());
  EXPECT_FALSE(choice.note_failure(Trouble::Dialogue));
  EXPECT_FALSE(choice.note_failure(Trouble::Dialogue));
  EXPECT_TRUE(choice.note_failure(Trouble::Dialogue));
  EXPECT_FALSE(choice.is_own());
  EXPECT_TRUE(choice.note_failure(std::nullopt));
  EXPECT_TRUE(choice.is_own());
}

TEST(RtspClientChoice, TriesFfmpegAtASecondSilenceOfTheServer) {
  ClientChoice choice;
  EXPECT_FALSE(choice.note_failure(Trouble::Silent));
  EXPECT_TRUE(choice.note_failure(Trouble::Silent));
  EXPECT_FALSE(choice.is_own());
}

TEST(RtspClientChoice, GivesTheOtherOneAttemptOnlyWhateverItsFailure) {
  ClientChoice choice;
  EXPECT_TRUE(choice.note_failure(Trouble::Dialogue));
  EXPECT_TRUE(choice.note_frame());  // keeps FFmpeg's client
  for (int i = 0; i < 3; ++i) choice.note_failure(std::nullopt);
  EXPECT_TRUE(choice.is_own());
  EXPECT_FALSE(choice.note_failure(Trouble::Unreachable));
  EXPECT_FALSE(choice.is_own());
}

TEST(RtspClientChoice, FollowsAnExplicitChoice) {
  ClientChoice own(Client::Own);
  EXPECT_FALSE(own.note_failure(Trouble::Dialogue));
  EXPECT_TRUE(own.is_own());
  ClientChoice ffmpeg(Client::Ffmpeg);
  EXPECT_FALSE(ffmpeg.is_own());
  EXPECT_FALSE(ffmpeg.note_frame());
}

TEST(RtspClientOptions, SeparatesWhatIsForWhom) {
  const auto options = read_client_options({{"rtsp", "own"},
                                            {"rtsp_transport", "udp"},
                                            {"buffer_size", "1000"},
                                            {"max_pixels", "5"},
                                            {"user_agent", "me"}});
  EXPECT_EQ(options.client, Client::Own);
  EXPECT_EQ(options.session.transport, Transport::UdpThenTcp);
  EXPECT_EQ(options.session.receive_buffer, 1000);
  EXPECT_EQ(options.session.user_agent, "me");
  EXPECT_EQ(options.decoder, (Entries{{"max_pixels", "5"}}));
  EXPECT_EQ(options.unknown, "");
}

TEST(RtspClientOptions, NamesWhatOnlyFfmpegMayKnow) {
  EXPECT_EQ(read_client_options({{"rtsp_transport", "http"}, {"stimeout", "1"}}).unknown,
            "'rtsp_transport', 'stimeout'");
  EXPECT_EQ(read_client_options({{"user_agent", "a\r\nb"}}).unknown, "'user_agent'");
  EXPECT_THROW(static_cast<void>(read_client_options({{"rtsp", "both"}})), OptionError);
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
