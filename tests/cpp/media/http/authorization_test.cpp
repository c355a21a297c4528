// Challenges of servers, with the responses from the examples in the standards.
// SPDX-License-Identifier: Apache-2.0
#include "media/http/authorization.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::test {
namespace {

constexpr std::string_view kNonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
constexpr std::string_view kClientNonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

/// Returns the response of the user in RFC 7616 to the challenge there, with this algorithm.
std::string answer_of_mufasa(std::string_view algorithm) {
  Authorization mufasa(Credentials{"Mufasa", "Circle of Life"}, std::string(kClientNonce));
  const auto challenge =
      "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=" + std::string(algorithm) +
      ", nonce=\"" + std::string(kNonce) + "\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
  EXPECT_TRUE(mufasa.accept_challenges(parse_challenges({challenge})));
  return mufasa.header("GET", "/dir/index.html");
}

TEST(Authorization, AnswersDigestAsTheStandardsExampleDoes) {
  // RFC 7616, section 3.9.1
  EXPECT_NE(answer_of_mufasa("MD5").find("response=\"8ca523f5e9506fed4657c9700eebdbec\""), std::string::npos);
  const auto sha = answer_of_mufasa("SHA-256");
  EXPECT_NE(sha.find("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""),
            std::string::npos);
  for (const auto* part :
       {"algorithm=SHA-256", "qop=auth", "nc=00000001", "username=\"Mufasa\"", "opaque=\"FQhe/"}) {
    EXPECT_NE(sha.find(part), std::string::npos) << part;
  }
  // Computed with Python's hashlib.
  EXPECT_NE(answer_of_mufasa("SHA-512-256")
                .find("response=\"430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0\""),
            std::string::npos);
}

TEST(Authorization, AnswersTheOldFormWithoutQop) {
  // RFC 2069, section 2.4, with the value as corrected by its errata
  Authorization mufasa(Credentials{"Mufasa", "CircleOfLife"});
  ASSERT_TRUE(mufasa.accept_challenges(parse_challenges(
      {"Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\""})));
  const auto answer = mufasa.header("GET", "/dir/index.html");
  EXPECT_NE(answer.find("response=\"1949323746fe6a43ef61f9606e7febea\""), std::string::npos) << answer;
  for (const auto* part : {"qop", "nc=", "cnonce", "algorithm", "opaque"}) {
    EXPECT_EQ(answer.find(part), std::string::npos) << part;
  }
}

TEST(Authorization, AnswersWithTheHashOfASession) {
  Authorization joe(Credentials{"joe", "pw"}, "c1");
  ASSERT_TRUE(
      joe.accept_challenges(parse_challenges({"Digest realm=cam,nonce=n1,algorithm=MD5-sess,qop=auth"})));
  const auto answer = joe.header("DESCRIBE", "rtsp://h/a");
  EXPECT_NE(answer.find("response=\"97eee12aae6536e339b062cc06ad78d9\""), std::string::npos) << answer;
  EXPECT_NE(answer.find("algorithm=MD5-sess"), std::string::npos);
}

TEST(Authorization, CountsTheUsesOfANonce) {
  Authorization joe(Credentials{"joe", "pw"});
  ASSERT_TRUE(joe.accept_challenges(parse_challenges({"Digest realm=\"r\", nonce=\"n\", qop=\"auth\""})));
  EXPECT_NE(joe.header("SETUP", "rtsp://h/").find("nc=00000001"), std::string::npos);
  EXPECT_NE(joe.header("PLAY", "rtsp://h/").find("nc=00000002"), std::string::npos);
}

TEST(Authorization, SendsNothingUnaskedAndEscapesQuotes) {
  Authorization joe(Credentials{"jo\"e", "s3cr3t"});
  EXPECT_EQ(joe.header("OPTIONS", "rtsp://h/"), "");
  ASSERT_TRUE(joe.accept_challenges(parse_challenges({"Digest realm=\"a \\\"b\\\"\", nonce=\"n\""})));
  const auto answer = joe.header("OPTIONS", "rtsp://h/");
  EXPECT_NE(answer.find("username=\"jo\\\"e\""), std::string::npos) << answer;
  EXPECT_NE(answer.find("realm=\"a \\\"b\\\"\""), std::string::npos) << answer;
  EXPECT_EQ(answer.find("s3cr3t"), std::string::npos);
}

TEST(Authorization, AnswersBasic) {
  Authorization joe(Credentials{"Aladdin", "open sesame"});  // RFC 7617, section 2
  ASSERT_TRUE(joe.accept_challenges(parse_challenges({"Basic realm=\"WallyWorld\""})));
  EXPECT_EQ(joe.header("GET", "/"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(Authorization, TakesTheStrongestOfAllChallenges) {
  const auto best = [](const std::vector<std::string_view>& headers) {
    const auto challenges = parse_challenges(headers);
    const auto* found = strongest(challenges);
    return found == nullptr ? "none"
           : found->digest  ? "digest " + found->algorithm + " " + found->nonce
                            : "basic";
  };
  EXPECT_EQ(best({"Basic realm=\"a\"", "Digest realm=\"a\", nonce=\"1\""}), "digest  1");
  EXPECT_EQ(best({"Basic realm=a, Digest realm=\"a, b\", nonce=\"1\", algorithm=md5, "
                  "Digest nonce=2, algorithm=SHA-256"}),
            "digest SHA-256 2");
  EXPECT_EQ(best({"Digest nonce=\"1\", algorithm=SHA-512-256", "Digest nonce=\"2\", algorithm=MD5"}),
            "digest SHA-512-256 1");
  EXPECT_EQ(best({"Digest nonce=1, algorithm=SHA-3", "Basic"}), "basic");
  EXPECT_EQ(best({"Digest nonce=1, qop=\"auth-int\""}), "none");
  EXPECT_EQ(best({"Negotiate", "Bearer realm=x"}), "none");
  EXPECT_EQ(best({"", "=,=,\"", ",", "Digest realm=\""}), "digest  ");
}

TEST(Authorization, ReportsAnUnknownDigest) {
  EXPECT_EQ(unknown_digest({"Basic realm=a", "Digest nonce=1, algorithm=SHA-3"}), "SHA-3");
  EXPECT_EQ(unknown_digest({"Digest nonce=1, algorithm=MD5-sess, Basic realm=a"}), "");
  Authorization joe(Credentials{"joe", "pw"});
  EXPECT_FALSE(joe.is_basic());
  ASSERT_TRUE(joe.accept_challenges(parse_challenges({"Digest nonce=1, algorithm=SHA-3", "Basic realm=a"})));
  EXPECT_TRUE(joe.is_basic());
}

TEST(Authorization, DoesNotTryWrongCredentialsAgain) {
  const auto fresh = parse_challenges({"Digest realm=\"r\", nonce=\"1\""});
  const auto stale = parse_challenges({"Digest realm=\"r\", nonce=\"2\", stale=TRUE"});
  Authorization joe(Credentials{"joe", "wrong"});
  EXPECT_TRUE(joe.accept_challenges(fresh));
  EXPECT_FALSE(joe.accept_challenges(fresh));
  EXPECT_TRUE(joe.accept_challenges(stale)) << "only the nonce was too old";
  EXPECT_NE(joe.header("PLAY", "u").find("nonce=\"2\""), std::string::npos);
  EXPECT_FALSE(joe.accept_challenges(stale))
      << "two attempts, whatever the server says: cameras lock accounts";
  joe.note_accepted();
  EXPECT_TRUE(joe.accept_challenges(fresh)) << "another nonce for credentials that were right";
  EXPECT_FALSE(joe.accept_challenges(fresh));
  Authorization nobody(std::nullopt);
  EXPECT_FALSE(nobody.accept_challenges(fresh));
}

}  // namespace
}  // namespace freshframe::media::test
