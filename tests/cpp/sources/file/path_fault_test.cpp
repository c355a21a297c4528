// Why a path cannot be a video.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/path_fault.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

std::string why(const std::string& path) {
  const auto fault = path_fault(path, path);
  return fault ? fault->why : std::string();
}

bool names_a_way(const std::string& path) {
  return why(path).find("tcp://127.0.0.1:5000") != std::string::npos;
}

TEST(PathFault, OfAPipeNamesAnotherWay) {
  for (const char* given : {"-", "pipe:0", "pipe:", "fd:0", "unix:/no/socket"}) {
    EXPECT_TRUE(names_a_way(given)) << given;
  }
  EXPECT_TRUE(names_a_way("/dev/null")) << "a device";
}

TEST(PathFault, OfAMissingPathNamesTheLikelyCause) {
  EXPECT_NE(why("~/film.mp4").find("expanduser"), std::string::npos);
  EXPECT_NE(why("camera.lan:554/a").find("rtsp://host/path"), std::string::npos);
  EXPECT_NE(why("/no/film.mp4").find("check the path"), std::string::npos);
}

TEST(PathFault, OfAFileIsItsContent) {
  const auto path = std::filesystem::path(testing::TempDir()) / "path_fault";
  std::ofstream(path).close();
  EXPECT_EQ(why(path.string()), "the file is empty");
  std::ofstream(path) << "x";
  EXPECT_EQ(why(path.string()), "");
  EXPECT_NE(why("/proc/self/status").find("copy it to a file"), std::string::npos);
  EXPECT_EQ(path_fault("/", "/")->code, EISDIR);
}

}  // namespace
}  // namespace freshframe::test
