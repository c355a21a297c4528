// File versions, and the names of external data files in ONNX protocol buffers.
// SPDX-License-Identifier: Apache-2.0
#include "inference/runtime/model_files.hpp"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/file_place.hpp"

namespace freshframe::inference {
namespace {

namespace fs = std::filesystem;

std::optional<FileVersion> find_version(const std::string& path) {
  const auto id = platform::find_regular_file(path);
  if (!id) return std::nullopt;
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  if (failed) return std::nullopt;
  const auto written = fs::last_write_time(path, failed);
  if (failed) return std::nullopt;
  return FileVersion{.id = *id, .size_bytes = size, .written = written};
}

// The bytes before a file name: a StringStringEntryProto with the key "location", then the tag of its value.
// See TensorProto.external_data in onnx.proto.
constexpr std::string_view kLocation = "\x0a\x08location\x12";
constexpr std::size_t kLongestName = 0x7f;  // the length must fit in one byte

// Other bytes may happen to look like a file name. This is harmless: one more file is checked for changes.
void collect_names(std::string_view bytes, std::set<std::string>& names) {
  for (auto at = bytes.find(kLocation); at != std::string_view::npos; at = bytes.find(kLocation, at + 1)) {
    const auto length_at = at + kLocation.size();
    if (length_at >= bytes.size()) return;
    const auto length = static_cast<unsigned char>(bytes[length_at]);
    if (length == 0 || length > kLongestName || length_at + 1 + length > bytes.size()) continue;
    const auto name = bytes.substr(length_at + 1, length);
    if (name.find('\0') == std::string_view::npos) names.emplace(name);
  }
}

std::set<std::string> list_weights(const std::string& path) {
  constexpr std::size_t kPart = std::size_t{1} << 20;
  constexpr std::size_t kOverlap = kLocation.size() + 1 + kLongestName;
  std::set<std::string> names;
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  while (file) {
    const auto kept = std::min(bytes.size(), kOverlap);
    bytes.erase(0, bytes.size() - kept);
    bytes.resize(kept + kPart);
    file.read(bytes.data() + kept, static_cast<std::streamsize>(kPart));
    bytes.resize(kept + static_cast<std::size_t>(file.gcount()));
    collect_names(bytes, names);
  }
  return names;
}

}  // namespace

ModelFiles::ModelFiles(const std::string& path) : path_(core::lasting_path(path)) {
  files_.push_back({path_, find_version(path_)});
}

void ModelFiles::add_weights() {
  const auto folder = fs::path(path_).parent_path();
  for (const auto& name : list_weights(path_)) {
    auto path = (folder / name).string();
    const auto version = find_version(path);
    files_.push_back({std::move(path), version});
  }
}

bool ModelFiles::are_unchanged() const {
  for (const auto& [path, version] : files_) {
    if (find_version(path) != version) return false;
  }
  return !files_.empty() && files_.front().version.has_value();
}

}  // namespace freshframe::inference
