// A list that grows with a recording: first in memory, then in a temporary file in the same directory.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/index_records.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>

#include "platform/random.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kMostInMemory = 5000;  // records

void check_io(int error, const char* doing) {
  if (error == 0) return;
  throw Error(std::string("cannot ") + doing +
              " the index of an MP4 file: " + std::generic_category().message(error));
}

template <typename Records>
std::span<std::uint8_t> bytes_of(Records& records) {
  const auto bytes = std::as_writable_bytes(std::span(records));
  return {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

void IndexRecords::add(const Record& record) {
  latest_.push_back(record);
  ++count_;
  if (latest_.size() < kMostInMemory || refused_) return;
  if (!file_.is_open()) make_file();
  if (file_.is_open()) write_out();
}

void IndexRecords::make_file() {
  const std::filesystem::path recording(path_);
  const auto name = "." + recording.filename().string() + "." + platform::random_hex(4) + ".index";
  const auto path = recording.parent_path() / name;
  int error = 0;
  file_ = platform::File::create(path.string(), error);
  refused_ = !file_.is_open();
  std::error_code ignored;
  if (!refused_) std::filesystem::remove(path, ignored);
}

void IndexRecords::write_out() {
  const auto bytes = bytes_of(latest_);
  check_io(file_.write_at(in_file_, bytes), "keep");
  in_file_ += static_cast<std::int64_t>(bytes.size());
  latest_.clear();
}

void IndexRecords::for_each(const std::function<void(const Record&)>& use) const {
  std::vector<Record> part;
  for (std::int64_t at = 0; at < in_file_;) {
    const auto left = static_cast<std::size_t>(in_file_ - at) / sizeof(Record);
    part.resize(std::min(left, kMostInMemory));
    const auto bytes = bytes_of(part);
    check_io(file_.read_at(at, bytes), "read");
    for (const auto& record : part) use(record);
    at += static_cast<std::int64_t>(bytes.size());
  }
  for (const auto& record : latest_) use(record);
}

}  // namespace freshframe::media
