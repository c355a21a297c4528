// Detects whether the files of a model have changed since it was loaded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "platform/file.hpp"

namespace freshframe::inference {

/// Identifies the file at a path at one moment.
struct FileVersion {
  platform::FileId id;
  std::uintmax_t size_bytes = 0;
  std::filesystem::file_time_type written;

  friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

/// The .onnx file and the weight files that it refers to (ONNX external data).
class ModelFiles {
 public:
  ModelFiles() = default;
  /// Records the state of the .onnx file. Must be called before the file is loaded. `path` is made absolute,
  /// so that a later change of the working directory does not matter.
  explicit ModelFiles(const std::string& path);

  /// Records the state of the weight files, whose names are found by reading the .onnx file.
  void add_weights();
  /// Returns false if any file was written, replaced, moved or removed since.
  [[nodiscard]] bool are_unchanged() const;
  /// The absolute path of the .onnx file.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Known {
    std::string path;
    std::optional<FileVersion> version;  // nullopt if there was no regular file
  };

  std::string path_;
  std::vector<Known> files_;
};

}  // namespace freshframe::inference
