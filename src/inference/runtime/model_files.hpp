// Whether the files of a model are still those that were loaded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "platform/file.hpp"

namespace freshframe::inference {

/// What a path led to at one moment.
struct FileVersion {
  platform::FileId id;
  std::uintmax_t size_bytes = 0;
  std::filesystem::file_time_type written;

  friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

/// The .onnx file and the files of weights that it refers to (ONNX's external data).
class ModelFiles {
 public:
  ModelFiles() = default;
  /// Looks at the .onnx file. Call it before the file is loaded. `path` is settled, so that a later change of the
  /// program's directory does not matter.
  explicit ModelFiles(const std::string& path);

  /// Looks at the files of weights, whose names it finds by reading the .onnx file.
  void add_weights();
  /// Returns false if any of the files was written, replaced, moved or removed since.
  [[nodiscard]] bool are_unchanged() const;
  /// The path of the .onnx file from the root on.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Known {
    std::string path;
    std::optional<FileVersion> version;  // none: no regular file was there
  };

  std::string path_;
  std::vector<Known> files_;
};

}  // namespace freshframe::inference
