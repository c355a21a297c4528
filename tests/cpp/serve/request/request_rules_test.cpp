// HTTP's requirements for every request: which requests are refused, and with which status.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/request_rules.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using serve::apply_rules;
using serve::RequestFacts;
using serve::RequestHead;

/// Returns the status of the refusal, or 0 for an accepted request.
unsigned status_of(RequestHead head, const RequestFacts& facts = {}) {
  const auto refused = apply_rules(head, facts);
  return refused ? refused->status : 0;
}

constexpr RequestHead kGet{.method = "GET", .target = "/", .host = "localhost"};

TEST(RequestRules, AcceptGetAndHeadOfAHost) {
  EXPECT_EQ(status_of(kGet), 0U);
  EXPECT_EQ(status_of({.method = "HEAD", .target = "/a?b=1", .host = "[::1]:80"}), 0U);
}

TEST(RequestRules, AnswerOptionsThemselves) {
  for (const auto* target : {"/", "*"})
    EXPECT_EQ(status_of({.method = "OPTIONS", .target = target, .host = "a"}), 204U) << target;
}

TEST(RequestRules, RefuseOtherMethods) {
  for (const auto* method : {"POST", "PUT", "DELETE", "PATCH", "CONNECT", "TRACE"})
    EXPECT_EQ(status_of({.method = method, .target = "/", .host = "a"}), 405U) << method;
  EXPECT_EQ(status_of({.method = "BREW", .target = "/", .host = "a"}), 501U);
}

TEST(RequestRules, RefuseAmbiguousHosts) {
  EXPECT_EQ(status_of(kGet, {.hosts = 2}), 400U);
  EXPECT_EQ(status_of(kGet, {.hosts = 0}), 400U);
  EXPECT_EQ(status_of(kGet, {.origins = 2}), 400U);
  for (const auto* host : {"a b", "a/b", "user@a", "[::1", "a:8x", "[evil]:80"})
    EXPECT_EQ(status_of({.method = "GET", .target = "/", .host = host}), 400U) << host;
}

TEST(RequestRules, RefuseBodiesAndOtherCodings) {
  EXPECT_EQ(status_of(kGet, {.has_body = true}), 413U);
  EXPECT_EQ(status_of(kGet, {.has_other_coding = true}), 400U);
}

TEST(RequestRules, RefuseTargetsThatAreNoPath) {
  for (const auto* target : {"", "a", "*", "ftp://a/", "http:///"})
    EXPECT_EQ(status_of({.method = "GET", .target = target, .host = "a"}), 400U) << target;
  const std::string longest = "/" + std::string(2047, 'a');
  EXPECT_EQ(status_of({.method = "GET", .target = longest, .host = "a"}), 0U);
  EXPECT_EQ(status_of({.method = "GET", .target = longest + "a", .host = "a"}), 414U);
}

TEST(RequestRules, TakeTheHostOfAnAbsoluteTarget) {
  RequestHead head{.method = "GET", .target = "http://other:80/api?a=1", .host = "localhost"};
  EXPECT_FALSE(apply_rules(head, {}));
  EXPECT_EQ(head.host, "other:80");
  EXPECT_EQ(head.target, "/api?a=1");
}

TEST(RequestRules, TakeTheAddressOfAConnectionWhereAnOldClientNamesNoHost) {
  RequestHead head{.method = "GET", .target = "/"};
  EXPECT_FALSE(apply_rules(head, {.version = 10, .hosts = 0, .own_host = "127.0.0.1:80"}));
  EXPECT_EQ(head.host, "127.0.0.1:80");
}

}  // namespace
}  // namespace freshframe::test
