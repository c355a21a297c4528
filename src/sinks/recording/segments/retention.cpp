// Deletes the oldest segments of a recorder before its limits are exceeded.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/segments/retention.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <ranges>
#include <unordered_map>

#include "core/unit_text.hpp"

namespace freshframe::media {

namespace {

constexpr double kDay = 86400;
constexpr double kHour = 3600;
constexpr std::uint64_t kLeastReserve = 64 << 10;
constexpr std::chrono::seconds kLongestWait{2};  // maximum time that the recorder waits for a deletion
// check even while nothing is recorded, because the disk may fill up
constexpr std::chrono::seconds kPeriod{10};

}  // namespace

// The finished segments of one recorder.

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
    for (auto& file : found) insert({std::move(file)});
    return;
  }
  for (auto& file : found) {
    bytes_ += file.bytes;
    files_.push_back({std::move(file)});
  }
}

void KeepList::insert(Entry entry) {
  const auto& file = entry.file;
  const auto later = std::ranges::find_if(files_, [&](const Entry& other) {
    return std::pair(other.file.number, other.file.written) > std::pair(file.number, file.written);
  });
  bytes_ += file.bytes;
  files_.insert(later, std::move(entry));
}

void KeepList::add(const OwnFile& file) {
  forget(file.name);
  bytes_ += file.bytes;
  files_.push_back({.file = file, .is_new = true});
}

void KeepList::add_in_order(const OwnFile& file) {
  forget(file.name);
  insert({.file = file, .is_new = true});
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

std::optional<double> KeepList::find_written(const std::string& name) {
  const auto entry = find(name);
  return entry == files_.end() ? std::nullopt : std::optional(entry->file.written);
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

const char* KeepList::find_passed(const Keep& limits, const DiskUse& use) const {
  if (limits.bytes && bytes_ + use.open_bytes + use.reserve > *limits.bytes) return "keep_bytes";
  if (limits.free_bytes && use.free && *use.free < *limits.free_bytes + use.reserve) return "keep_free_bytes";
  const auto* first = oldest();
  if (!limits.days || !use.by_age || first == nullptr) return nullptr;
  return files_.back().file.written - first->written > *limits.days * kDay ? "keep_days" : nullptr;
}

void check_keep_bytes(std::optional<std::uint64_t> bytes) {
  if (bytes == 0) throw OptionError("keep_bytes must be at least 1, got 0");
}

std::optional<Keep> make_keep(const VideoFileOptions& options) {
  const auto& days = options.keep_days;
  if (days && !(*days > 0)) {
    throw OptionError("keep_days must be above 0, got " +
                      core::number_text(*days, std::chars_format::general, 6));
  }
  check_keep_bytes(options.keep_bytes);
  if (options.keep_free_bytes == 0) throw OptionError("keep_free_bytes must be at least 1, got 0");
  if (!days && !options.keep_bytes && !options.keep_free_bytes) return std::nullopt;
  return Keep{.days = days, .bytes = options.keep_bytes, .free_bytes = options.keep_free_bytes};
}

Retention::Retention(const SegmentPattern& pattern, const Keep& limits, MachineClocks clocks)
    : files_(pattern, limits.order),
      shown_(pattern.base()),
      limits_(limits),
      clock_(std::move(clocks)),
      reserve_(kLeastReserve),
      thread_([this] { run(); }) {}

Retention::~Retention() {
  {
    const Lock lock(mutex_);
    ends_ = true;
    asked_.notify_all();
  }
  thread_.join();
}

void Retention::run() {
  const Lock lock(mutex_);
  look_around();
  if (const auto newest = list_.newest(); newest && *newest > clock_.wall() + 60) {
    no_age_until_ = clock_.running() + kDay;
    if (limits_.days)
      lines_.push_back("the clock is behind the newest segment in '" + shown_ +
                       "': no segment is deleted by its age for a day");
  }
  while (!ends_) {
    const auto asked = asks_;
    note_clock();
    if (clock_.running() - looked_ >= kHour) look_around();
    delete_passed();
    log_lines();
    answers_ = std::max(answers_, asked);
    done_.notify_all();
    asked_.wait_until(
        mutex_, *Clock::real(), Clock::real()->now() + kPeriod,
        [&]() FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) { return ends_ || asks_ != asked; });
  }
  answers_ = asks_;
  done_.notify_all();
  log_lines();
}

/// Logs while the mutex is not held.
void Retention::log_lines() {
  const auto lines = std::exchange(lines_, {});
  mutex_.unlock();
  for (const auto& line : lines) log(LogLevel::Warning, line);
  mutex_.lock();
}

/// Reads the folders while the mutex is not held.
void Retention::look_around() {
  looked_ = clock_.running();
  list_.begin_scan();
  mutex_.unlock();
  std::vector<OwnFile> found;
  try {
    found = files_.scan();
  } catch (const std::exception&) {  // out of memory: keep what is known
    mutex_.lock();
    has_looked_ = true;
    return;
  }
  mutex_.lock();
  std::erase_if(found, [this](const OwnFile& file) FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) {
    return open_.contains(file.name);
  });
  list_.merge(std::move(found));
  has_looked_ = true;
}

void Retention::note_clock() {
  const double step = clock_.step();
  if (no_age_until_ && clock_.running() >= *no_age_until_) no_age_until_.reset();
  if (step == 0) return;
  list_.shift(step);
  no_age_until_ = clock_.running() + kDay;
  if (!limits_.days) return;
  lines_.push_back("the clock was set by " + core::seconds_text(step) + ": no segment in '" + shown_ +
                   "' is deleted by its age for a day");
}

void Retention::measure_open() {
  std::uint64_t bytes = 0;
  for (const auto& name : std::views::keys(open_)) {
    if (const auto file = files_.look(name)) bytes += file->bytes;
  }
  const auto growth = bytes > open_bytes_ ? bytes - open_bytes_ : 0;
  reserve_ = std::max(reserve_, growth + growth / 4);
  open_bytes_ = bytes;
}

DiskUse Retention::use(std::uint64_t reserve) const {
  return {.open_bytes = open_bytes_,
          .reserve = open_.empty() ? 0 : reserve,  // no file is growing
          .free = limits_.free_bytes ? files_.free_bytes() : std::nullopt,
          .by_age = !no_age_until_};
}

bool Retention::is_over(std::uint64_t reserve) const {
  const char* const limit = list_.find_passed(limits_, use(reserve));
  return limit != nullptr && limit != std::string_view("keep_days");
}

void Retention::delete_passed() {
  if (std::exchange(is_full_, false) && !make_room()) return;
  while (!ends_) {
    const char* const limit = list_.find_passed(limits_, use(2 * reserve_));
    const auto* const oldest = list_.oldest();
    if (limit == nullptr || oldest == nullptr) break;
    // if the file cannot be deleted, the next one is checked by its own age
    take_removal(OwnFile(*oldest), limit);
  }
  const char* const limit = list_.oldest() == nullptr ? list_.find_passed(limits_, use(0)) : nullptr;
  if (limit != nullptr) {
    const std::string what(limits_.what);
    tell(told_stuck_,
         std::string(limit) + " cannot be met in '" + shown_ + "', because no " + what +
             " is left that may be deleted: open " + what +
             "s, including those of other programs, and those with a .keep file are kept. The recording "
             "continues");
  }
}

bool Retention::make_room() {
  const auto before = deleted_;
  while (deleted_ == before && !ends_) {
    const auto* const oldest = list_.oldest();
    if (oldest == nullptr) return false;
    take_removal(OwnFile(*oldest), "a full disk");
  }
  return true;
}

/// Deletes the file while the mutex is not held.
void Retention::take_removal(const OwnFile& file, const char* limit) {
  mutex_.unlock();
  auto removal = OwnFiles::Removal::Foreign;
  std::string refused;
  try {
    removal = files_.remove(file.name);
  } catch (const std::exception& error) {
    refused = error.what();
  }
  if (removal == OwnFiles::Removal::Done) {
    log(LogLevel::Info, "deleted the " + std::string(limits_.what) + " '" + shown_ + "/" + file.name + "', " +
                            core::measured_mebibytes_text(file.bytes) + ": " + limit);
  }
  mutex_.lock();
  if (!refused.empty()) tell(told_refused_, refused + "; trying again in an hour");
  if (removal == OwnFiles::Removal::Done) ++deleted_;
  if (removal == OwnFiles::Removal::Done || removal == OwnFiles::Removal::Gone) {
    list_.forget(file.name);
  } else {
    list_.leave(file.name);
  }
}

/// Logs at most once an hour.
void Retention::tell(std::optional<double>& told, const std::string& line) {
  const double now = clock_.running();
  if (told && now - *told < kHour) return;
  told = now;
  lines_.push_back(line);
}

void Retention::begin_file(const std::string& name) {
  const Lock lock(mutex_);
  const Before before{.on_disk = files_.look(name), .written = list_.find_written(name)};
  list_.forget(name);
  if (!open_.try_emplace(name, before).second) return;
  if (before.on_disk) open_bytes_ += before.on_disk->bytes;  // its old content does not count as growth
}

std::uint64_t Retention::ask() {
  asked_.notify_all();
  return ++asks_;
}

void Retention::wait_for(std::uint64_t asked) {
  done_.wait_until(mutex_, *Clock::real(), Clock::real()->now() + kLongestWait,
                   [&]() FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) { return answers_ >= asked; });
}

void Retention::add_finished(const std::string& name, const Before& before) {
  auto file = files_.look(name);
  if (!file) return;
  const auto& old = before.on_disk;
  const bool is_changed = !old || old->bytes != file->bytes || old->written != file->written;
  if (is_changed || limits_.order != FileOrder::Time) return list_.add(*file);
  file->written = before.written.value_or(file->written);
  list_.add_in_order(*file);
}

void Retention::finish(const std::string& name) noexcept {
  try {
    const Lock lock(mutex_);
    const auto open = open_.extract(name);
    if (open.empty()) return;
    note_clock();
    add_finished(name, open.mapped());
    measure_open();
    static_cast<void>(ask());
  } catch (const std::exception&) {  // out of memory: the next scan will find it
  }
}

void Retention::finish() noexcept {
  try {
    const Lock lock(mutex_);
    note_clock();
    for (const auto& [name, before] : std::exchange(open_, {})) add_finished(name, before);
    open_bytes_ = 0;
    static_cast<void>(ask());
  } catch (const std::exception&) {  // out of memory: the next scan will find it
  }
}

void Retention::before_flush() noexcept {
  try {
    const Lock lock(mutex_);
    measure_open();
    const auto asked = ask();
    if (!has_looked_ || (is_over(reserve_) && list_.oldest() != nullptr)) wait_for(asked);
  } catch (const std::exception&) {  // out of memory: retried at the next flush
  }
}

bool Retention::after_full() noexcept {
  try {
    const Lock lock(mutex_);
    const auto before = deleted_;
    is_full_ = true;
    wait_for(ask());
    return deleted_ > before;
  } catch (const std::exception&) {
    return false;
  }
}

void Retention::catch_up() {
  const Lock lock(mutex_);
  wait_for(ask());
}

std::uint64_t Retention::finished_bytes() const {
  const Lock lock(mutex_);
  return list_.bytes();
}

}  // namespace freshframe::media
