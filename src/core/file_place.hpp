// Finds out which file a path refers to, even through other names or after a change of directory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

namespace freshframe::core {

/// Returns the absolute path, which a later change of the working directory does not affect. Recorders and
/// sources call it when they open.
[[nodiscard]] inline std::string lasting_path(const std::string& path) {
  std::error_code error;
  const auto lasting = path.empty() ? std::filesystem::path() : std::filesystem::absolute(path, error);
  return error || lasting.empty() ? path : lasting.string();
}

/// Returns the same path for all names of a file, following symlinks. The file need not exist.
[[nodiscard]] inline std::filesystem::path one_name(const std::string& path) {
  std::error_code error;
  // Absolute first: weakly_canonical() leaves a relative path alone if its first part does not exist.
  const auto lasting = std::filesystem::path(lasting_path(path)).lexically_normal();
  const auto name = std::filesystem::weakly_canonical(lasting, error);
  return error ? lasting : name;
}

/// Returns true if two recorders would overwrite each other. Several may write to one device or pipe.
[[nodiscard]] inline bool is_same_file(const std::string& one, const std::string& other) {
  std::error_code error;
  if (!std::filesystem::exists(one, error)) return one_name(one) == one_name(other);
  return std::filesystem::is_regular_file(one, error) && std::filesystem::equivalent(one, other, error);
}

}  // namespace freshframe::core
