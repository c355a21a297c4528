// Glob patterns: the same results as glob() of the C library.
// SPDX-License-Identifier: Apache-2.0
#include "media/url/name_pattern.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpp/support.hpp"
#include <glob.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

namespace fs = std::filesystem;

/// A temporary folder that contains files with these names.
class Tree {
 public:
  explicit Tree(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      fs::create_directories((folder_ / name).parent_path());
      std::ofstream(folder_ / name) << "x";
    }
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& below) const { return folder_.string() + "/" + below; }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("freshframe_patterns_" + std::to_string(::getpid()));
};

std::vector<std::string> by_the_c_library(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the test has one thread
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths;
}

TEST(NamePattern, FindsWhatGlobFinds) {
  const Tree tree({"a.png", "b.png", "ab.png", "a-b.png", "a]b.png", "a*b.png", "a\\b.png", ".hidden.png",
                   "10.png", "2.PNG", "one/a.png", "one/b.jpg", "one/.x.png", "two/a.png", "two/deep/c.png",
                   ".three/a.png", "[1].png"});
  for (const char* pattern :
       {"*.png",         "?.png",     "??.png",      "[ab].png",     "[!a].png",        "[^a].png",
        "[a-c]*.png",    "a[]]b.png", "a[]-]b.png",  "a\\*b.png",    "a\\\\b.png",      "a[*]b.png",
        "[[]1].png",     "[1.png",    "*",           ".*.png",       "\\.*.png",        "*/*.png",
        "*/a.png",       "*//a.png",  "o*/*",        "*/*/*.png",    "two/*/c.png",     "one/a.png*",
        "none/*.png",    "*.bmp",     "a.png/*",     "[[:digit:]]*", "[[:alpha:]].png", "*a*b*.png",
        "*********.png", "[b-a].png", "[a\\-z].png", "a?b.png",      "[0-9][0-9].png"}) {
    SCOPED_TRACE(pattern);
    auto expected = by_the_c_library(tree.path(pattern));
    auto found = media::find_paths(tree.path(pattern), [] {});
    if (std::string(pattern) == ".*.png" || std::string(pattern) == "*")
      std::erase_if(expected, [](const auto& path) { return path.ends_with("/.") || path.ends_with("/.."); });
    std::ranges::sort(expected);
    std::ranges::sort(found);
    EXPECT_EQ(found, expected);
  }
}

TEST(NamePattern, CountsALetterOfSeveralBytesAsOne) {
  EXPECT_TRUE(media::matches_pattern("?.png", "\u00e4.png"));
  EXPECT_TRUE(media::matches_pattern("[\u00e0-\u00ff].png", "\u00e4.png"));
  EXPECT_FALSE(media::matches_pattern("[\u00e0-\u00e2].png", "\u00e4.png"));
  EXPECT_FALSE(media::matches_pattern("??.png", "\u00e4.png"));
  EXPECT_TRUE(media::matches_pattern("??.png", "\xff\xfe.png"));  // invalid UTF-8
}

TEST(NamePattern, OfManyStarsEndsSoon) {
  const std::string name(20'000, 'a');
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  EXPECT_FALSE(media::matches_pattern(pattern + "b", name));
  EXPECT_TRUE(media::matches_pattern(pattern + "*", name));
}

TEST(NamePattern, CanBeStoppedBeforeEachName) {
  const Tree tree({"a.png", "b.png", "c.png"});
  int looks = 0;
  const auto stop = [&] {
    if (++looks == 2) throw std::runtime_error("stopped");
  };
  EXPECT_THROW((void)media::find_paths(tree.path("*.png"), stop), std::runtime_error);
  EXPECT_EQ(looks, 2);
}

}  // namespace
}  // namespace freshframe::test
