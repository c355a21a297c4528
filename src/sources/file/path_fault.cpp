// Explains why a path cannot be a video. Runs before FFmpeg, whose error messages only name the consequence.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/path_fault.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/ascii.hpp"

namespace freshframe::media {
namespace {

constexpr std::string_view kOtherWays =
    "; let the program that writes it listen on a port, as ffmpeg -i INPUT -f mpegts \"tcp://127.0.0.1:5000?listen=1\" "
    "does, and open \"tcp://127.0.0.1:5000\", or write your own Source that reads it";

/// Returns true if a path that does not exist looks like a host: "10.0.0.7/stream1", "camera.lan:554",
/// "admin:pw@camera".
bool begins_with_host(std::string_view path) {
  const auto first = path.substr(0, path.find('/'));
  if (first.find('@') != std::string_view::npos) return true;
  const auto colon = first.rfind(':');
  const auto host = first.substr(0, colon);
  if (colon != std::string_view::npos && !host.empty() && core::all_digits(first.substr(colon + 1)))
    return true;
  return std::ranges::count(host, '.') == 3 &&
         std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

/// Returns true for "-" and for FFmpeg's protocols that read from another program.
bool means_a_pipe(std::string_view given) {
  constexpr std::array<std::string_view, 3> kProtocols{"pipe:", "fd:", "unix:"};
  return given == "-" ||
         std::ranges::any_of(kProtocols, [&](auto protocol) { return given.starts_with(protocol); });
}

PathFault describe_missing(std::string_view given) {
  if (means_a_pipe(given)) {
    return {"freshframe reads files and network streams, not the pipe of another program" +
                std::string(kOtherWays),
            ENOENT};
  }
  if (given.starts_with('~')) {
    return {
        "there is no such file; '~' is not a folder here, pass the path of your home folder or use os.path.expanduser()",
        ENOENT};
  }
  if (begins_with_host(given)) {
    return {
        "there is no such file; the address of a camera begins with its protocol, such as "
        "rtsp://host/path or http://host/path",
        ENOENT};
  }
  return {"there is no such file; check the path", ENOENT};
}

PathFault describe_special(std::filesystem::file_type type) {
  using std::filesystem::file_type;
  switch (type) {
    case file_type::directory:
      return {"it is a directory; name a file in it", EISDIR};
    case file_type::fifo:
      return {
          "it is a pipe, not a file: it cannot be read from the beginning again" + std::string(kOtherWays),
          EINVAL};
    case file_type::socket:
      return {"it is a socket, not a file" + std::string(kOtherWays), EINVAL};
    case file_type::block:
      return {"it is a disk, not a file; mount it and name a file in it, or copy it to a file", EINVAL};
    case file_type::character:
      return {"it is a device, not a file; cameras are /dev/video0 and the like" + std::string(kOtherWays),
              EINVAL};
    default:
      return {"it is not a regular file; copy its content to one", EINVAL};
  }
}

/// Reads a byte, because files such as those in /proc report the size 0.
bool has_content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return file.get() != std::ifstream::traits_type::eof();
}

}  // namespace

std::optional<PathFault> path_fault(const std::string& path, std::string_view given) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    if (error.value() == ENOENT || error.value() == 0) return describe_missing(given);
    return PathFault{std::generic_category().message(error.value()), error.value()};
  }
  if (!std::filesystem::is_regular_file(status)) return describe_special(status.type());
  if (std::filesystem::file_size(path, error) > 0) return std::nullopt;
  if (has_content(path)) {
    return PathFault{"the system does not report its size, as in /proc; copy it to a file first", EINVAL};
  }
  return PathFault{"the file is empty"};
}

}  // namespace freshframe::media
