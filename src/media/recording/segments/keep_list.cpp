// The finished segments of one recorder.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/segments/keep_list.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace freshframe::media {

void KeepList::begin_scan() noexcept {
  for (auto& entry : files_) entry.is_new = false;
}

void KeepList::merge(std::vector<OwnFile> found) {
  std::unordered_map<std::string, const OwnFile*> present;
  for (const auto& file : found) present.emplace(file.name, &file);
  std::erase_if(files_,
                [&](const Entry& entry) { return !entry.is_new && !present.contains(entry.file.name); });
  bytes_ = 0;
  for (auto& entry : files_) {
    if (const auto known = present.extract(entry.file.name); !known.empty()) {
      entry.file.bytes = known.mapped()->bytes;
      entry.left = false;
    }
    bytes_ += entry.file.bytes;
  }
  std::erase_if(found, [&](const OwnFile& file) { return !present.contains(file.name); });
  std::ranges::sort(found, [](const OwnFile& a, const OwnFile& b) {
    return std::tie(a.number, a.written, a.name) < std::tie(b.number, b.written, b.name);
  });
  if (!files_.empty()) {
    for (const auto& file : found) insert(file);
    return;
  }
  for (auto& file : found) {
    bytes_ += file.bytes;
    files_.push_back({std::move(file)});
  }
}

void KeepList::insert(const OwnFile& file) {
  const auto later = std::ranges::find_if(files_, [&](const Entry& entry) {
    return std::pair(entry.file.number, entry.file.written) > std::pair(file.number, file.written);
  });
  bytes_ += file.bytes;
  files_.insert(later, {file});
}

void KeepList::add(const OwnFile& file) {
  forget(file.name);
  bytes_ += file.bytes;
  files_.push_back({.file = file, .is_new = true});
}

std::deque<KeepList::Entry>::iterator KeepList::find(const std::string& name) {
  return std::ranges::find_if(files_, [&](const Entry& entry) { return entry.file.name == name; });
}

void KeepList::forget(const std::string& name) {
  const auto entry = find(name);
  if (entry == files_.end()) return;
  bytes_ -= entry->file.bytes;
  files_.erase(entry);
}

void KeepList::leave(const std::string& name) {
  if (const auto entry = find(name); entry != files_.end()) entry->left = true;
}

void KeepList::shift(double seconds) {
  for (auto& entry : files_) entry.file.written += seconds;
}

std::optional<double> KeepList::newest() const {
  if (files_.empty()) return std::nullopt;
  return std::ranges::max(files_, {}, [](const Entry& entry) { return entry.file.written; }).file.written;
}

const OwnFile* KeepList::oldest() const {
  const auto entry = std::ranges::find_if(files_, [](const Entry& each) { return !each.left; });
  return entry == files_.end() ? nullptr : &entry->file;
}

const char* KeepList::passed(const Keep& limits, const DiskUse& use) const {
  if (limits.bytes && bytes_ + use.open_bytes + use.reserve > *limits.bytes) return "bytes";
  if (limits.free_bytes && use.free && *use.free < *limits.free_bytes + use.reserve) return "free_bytes";
  constexpr double kDay = 86400;
  const auto* first = oldest();
  if (!limits.days || !use.by_age || first == nullptr) return nullptr;
  return files_.back().file.written - first->written > *limits.days * kDay ? "days" : nullptr;
}

}  // namespace freshframe::media
