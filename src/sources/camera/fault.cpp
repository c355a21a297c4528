// Explains camera errors: the reason, the remedy, and the programs that use the camera.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/fault.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/ascii.hpp"
#include "media/stream/reconnect.hpp"
#include <unistd.h>

namespace freshframe::media {
namespace {

namespace fs = std::filesystem;

/// Returns how many descriptors of the device a process has open.
int descriptors_on(const fs::path& process, const fs::path& device) {
  int count = 0;
  std::error_code ignored;
  for (fs::directory_iterator entry(process / "fd", ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    std::error_code gone;
    if (fs::read_symlink(entry->path(), gone) == device && !gone) ++count;
  }
  return count;
}

std::string process_text(const fs::path& process) {
  std::string name;
  std::getline(std::ifstream(process / "comm"), name);
  return (name.empty() ? "a program" : name) + " (pid " + process.filename().string() + ")";
}

}  // namespace

std::string camera_holder(const std::string& path, const std::string& proc) {
  std::error_code ignored;
  const auto device = fs::canonical(path, ignored);
  if (ignored) return {};
  const auto self = std::to_string(::getpid());
  std::string holders;
  for (fs::directory_iterator entry(proc, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    const auto pid = entry->path().filename().string();
    if (!core::all_digits(pid)) continue;
    const int count = descriptors_on(entry->path(), device);
    // This process has the device open once itself: for the request that was just refused.
    if (count == 0 || (pid == self && count == 1)) continue;
    if (!holders.empty()) holders += ", ";
    holders += pid == self ? "this program itself (pid " + pid + ")" : process_text(entry->path());
  }
  return holders;
}

std::string camera_fault_text(const std::string& path, int code) {
  switch (code) {
    case ENOENT:
    case ENXIO:
      return "there is no such camera; 'freshframe devices' lists the available ones";
    case EACCES:
    case EPERM:
      return "permission denied; run 'sudo usermod -aG video $USER', then log in again";
    case ENODEV:
      return "it was unplugged, or its driver was unloaded";
    case ENOSPC:
      return "its bus has no bandwidth left; use another USB port, a smaller size or format mjpeg";
    case EBUSY: {
      const auto holder = camera_holder(path);
      if (!holder.empty()) return "it is in use by " + holder + "; stop that program first";
      return "it is in use by a program that this user cannot see; 'sudo fuser -v " + path + "' names it";
    }
    default:
      return std::generic_category().message(code);
  }
}

void throw_camera_fault(const std::string& path, const std::string& doing, int code) {
  const auto text = "cannot " + doing + " camera '" + path + "': " + camera_fault_text(path, code);
  if (code == EACCES || code == EPERM) throw SourceRefused(text, path, code);
  throw SourceError(text, path, code);
}

}  // namespace freshframe::media
