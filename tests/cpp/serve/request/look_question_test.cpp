// Requests for past images: their paths, their parameters, and what is refused.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/look_question.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using serve::look_wish;
using serve::LookWish;
using serve::read_look;

LookWish wish_of(std::string_view path, std::string_view query) {
  auto wish = look_wish(path);
  EXPECT_TRUE(wish) << path;
  EXPECT_EQ(read_look(query, *wish), "") << query;
  return *wish;
}

std::string refusal_of(std::string_view path, std::string_view query) {
  auto wish = look_wish(path);
  EXPECT_TRUE(wish) << path;
  return read_look(query, *wish);
}

TEST(LookWishes, HaveANameAndAFormat) {
  EXPECT_EQ(look_wish("/api/look/front%20door.jpg")->name, "front door");
  EXPECT_FALSE(look_wish("/api/look/door.jpg")->json);
  EXPECT_TRUE(look_wish("/api/look/door.json")->json);
  for (const auto* path : {"/api/look/", "/api/look/door", "/api/look/door.png", "/api/picture/door.jpg"})
    EXPECT_FALSE(look_wish(path)) << path;
}

TEST(LookWishes, AskForOneImageAsJpeg) {
  EXPECT_EQ(wish_of("/api/look/door.jpg", "").ages, (std::vector<double>{0}));
  EXPECT_EQ(wish_of("/api/look/door.jpg", "ago=3").ages, (std::vector<double>{3}));
  for (const auto* query : {"ago=-1", "ago=3601", "ago=x", "n=3"})
    EXPECT_NE(refusal_of("/api/look/door.jpg", query), "") << query;
}

TEST(LookWishes, AskForImagesOfASpanAsJson) {
  EXPECT_EQ(wish_of("/api/look/door.json", "seconds=8&n=4").ages, (std::vector<double>{6, 4, 2, 0}));
  EXPECT_FALSE(wish_of("/api/look/door.json", "").exact);
  EXPECT_TRUE(wish_of("/api/look/door.json", "exact=1").exact);
  for (const auto* query : {"seconds=0", "n=0", "n=17", "n=1.5", "exact=2"})
    EXPECT_NE(refusal_of("/api/look/door.json", query), "") << query;
}

}  // namespace
}  // namespace freshframe::test
