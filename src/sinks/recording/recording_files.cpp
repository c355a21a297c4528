// Manages the successive files of one recorder.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/recording_files.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/file_place.hpp"
#include "core/unit_text.hpp"
#include "media/url/source_url.hpp"
#include "platform/folder.hpp"

namespace freshframe::media {
namespace {

constexpr int kMostTries = 1000;         // attempts if other programs take the same names
constexpr std::size_t kMostAway = 1000;  // segments whose folder is missing

/// Marks a segment as open. The destructor marks it as finished, unless keep() was called because the file
/// was created. Null `retention`: nothing is deleted.
class OpenSegment {
 public:
  OpenSegment(Retention* retention, const std::string& name) : retention_(retention), name_(name) {
    if (retention_ != nullptr) retention_->begin_file(name_);
  }
  ~OpenSegment() {
    if (retention_ != nullptr) retention_->finish(name_);
  }
  OpenSegment(const OpenSegment&) = delete;
  OpenSegment& operator=(const OpenSegment&) = delete;

  void keep() noexcept { retention_ = nullptr; }

 private:
  Retention* retention_;
  std::string name_;
};

/// The first of "out_2.mp4", "out_3.mp4", ... that does not exist.
std::string make_next_path(const std::string& path) {
  const auto name = std::filesystem::path(path);
  for (int number = 2;; ++number) {
    const auto next = name.parent_path() /
                      (name.stem().string() + "_" + std::to_string(number) + name.extension().string());
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::symlink_status(next, error))) return next.string();
  }
}

void check_segment(const std::string& path, const VideoFileOptions& options) {
  constexpr double kShortest = 1;  // seconds
  const auto& segment = options.segment_every;
  if (segment && !(*segment >= kShortest)) {
    throw OptionError("segment_every of a video file must be at least 1 second, got " +
                      core::seconds_text(*segment));
  }
  const bool is_pattern = SegmentPattern::is_pattern(path);
  const auto other = SegmentPattern::other_field(path);
  if (!other.empty() && (segment || is_pattern)) {
    throw OptionError(
        "cannot write '" + path + "': " + other +
        " is not possible in the name of a segment; a number is written %d (1, 2, ... 10) or %05d "
        "(00001), a time {time:%Y-%m-%d}, and a percent sign %%");
  }
  if (segment && !is_pattern) {
    throw OptionError(
        "segments need a number or a time in the name of the file, such as 'out_%05d.mp4' or "
        "'{time:%Y-%m-%d}/{time:%H-%M-%S}.mp4', got '" +
        path + "'");
  }
  if (!segment && is_pattern) {
    throw OptionError(
        "cannot write '" + path +
        "': a number or a time in the name needs segment_every, the length of the segments in seconds");
  }
  if (!segment && make_keep(options)) {
    throw OptionError(
        "keep_days, keep_bytes and keep_free_bytes delete old segments and need segment_every, the length of "
        "the segments in seconds, to write '" +
        path + "'");
  }
}

/// Marks the open file as complete when it goes out of scope.
struct Completion {
  explicit Completion(Retention* open) : retention(open) {}
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() {
    if (retention != nullptr) retention->finish();
  }
  Retention* retention;
};

}  // namespace

std::string another_source(const std::string& path, const std::string& what) {
  return "cannot write to '" + path + "': it has " + what +
         " of one source, but this one comes from another; with segment_every=, another source starts a new "
         "file";
}

RecordingFiles::RecordingFiles(std::string path, const VideoFileOptions& options)
    : path_(std::move(path)),
      segment_(options.segment_every),
      keep_(make_keep(options)),
      reports_(options.reports_segments) {
  check_is_no_url(path_);
  check_segment(path_, options);
  if (segment_) names_.emplace(path_);
}

void RecordingFiles::open(const Context& context, const Make& make) {
  clock_ = &context.clock;
  place_ = core::lasting_path(path_);
  if (!names_) return;
  names_->settle();
  claim_ = PatternClaim::try_claim(names_->pattern(), keep_.has_value());
  if (!claim_) {
    throw Error(
        "cannot write '" + path_ +
        "': another recorder of this process can write a file of the same name, and the keep_ options of one "
        "of them would delete it; give them different names");
  }
  if (keep_) retention_ = std::make_unique<Retention>(names_->pattern(), *keep_);
  const auto& base = names_->pattern().base();
  if (names_->pattern().depth() == 0) {
    static_cast<void>(make_segment(make, nullptr));
  } else if (const int error = platform::may_write_in(base); error != 0) {
    throw Error("cannot create '" + path_ + "' in the folder '" + base +
                "': " + std::generic_category().message(error));
  }
}

void RecordingFiles::begin_file(const Make& make) {
  report_returned();
  if (names_) {
    name_ = make_segment(make, retention_.get());
    names_->note_taken();
  } else {
    name_ = make_single(make);
    if (const auto broken = std::exchange(broken_, {}); !broken.empty())
      log(LogLevel::Warning, "'" + name_ + "' continues '" + broken + "', which could not be written");
  }
  file_ = platform::find_regular_file(name_);
}

std::string RecordingFiles::make_segment(const Make& make, Retention* retention) {
  for (int tries = 1;; ++tries) {
    const auto next = names_->next(now());
    OpenSegment open(retention, next);
    names_->make_folders(next);
    auto path = names_->make_path(next);
    try {
      make(path, {.room = retention, .must_be_new = true});
      open.keep();
      return path;
    } catch (const NameTakenError&) {
      if (tries == kMostTries) throw;
    } catch (const Error&) {
      // Another recorder's retention may have removed the folder while it was empty.
      if (tries == kMostTries || names_->has_folders(next)) throw;
    }
  }
}

/// A pipe or device can receive several files in succession.
std::string RecordingFiles::make_single(const Make& make) const {
  std::error_code error;
  if (!has_file_ || !std::filesystem::is_regular_file(place_, error)) {
    make(place_, {});
    return place_;
  }
  for (int tries = 1;; ++tries) {
    auto path = make_next_path(place_);
    try {
      make(path, {.must_be_new = true});
      return path;
    } catch (const NameTakenError&) {
      if (tries == kMostTries) throw;
    }
  }
}

void RecordingFiles::end_file(bool has_pictures, const std::function<std::uint64_t()>& end) {
  const Completion completion(retention_.get());
  const auto bytes = end();
  facts_.keep_all();
  if (!has_pictures) return;
  has_file_ = true;
  report(bytes);
}

std::uint64_t RecordingFiles::give_up(const SavedPart& kept, const std::function<void()>& close) {
  const Completion completion(retention_.get());
  close();
  facts_.keep(kept.pictures);
  const auto lost = facts_.drop_unsafe();
  const bool is_here = kept.place == platform::FilePlace::Same;
  has_file_ = has_file_ || kept.pictures > 0 || !is_here;
  if (kept.pictures > 0 && is_here) {
    if (!names_) broken_ = name_;
    report(kept.bytes);
    return lost;
  }
  auto segment = facts_.take(name_, kept.bytes);  // describes the safe frames of a file that is missing
  if (kept.pictures > 0) {
    if (names_ && kept.place == platform::FilePlace::Moved && file_ && away_.size() < kMostAway)
      away_.push_back({std::move(segment), *file_});
    return lost;
  }
  if (names_) names_->give_back();
  return lost + segment.frames;
}

void RecordingFiles::report(Segment segment) {
  if (!names_ || !reports_ || finished_.add(std::move(segment))) return;
  log(LogLevel::Warning,
      "on_segment of '" + path_ + "' does not return: the oldest segments are not reported");
}

void RecordingFiles::report_returned() {
  std::erase_if(away_, [this](AwaySegment& each) {
    if (platform::find_regular_file(each.segment.path) != each.file) return false;
    report(std::move(each.segment));
    return true;
  });
}

void RecordingFiles::close(const std::function<void()>& finish) {
  try {
    finish();
  } catch (...) {
    close();
    throw;
  }
  close();
}

void RecordingFiles::close() noexcept {
  try {
    report_returned();
    for (const auto& each : away_)
      log(LogLevel::Warning,
          "'" + each.segment.path + "' was renamed or moved: it is not reported to on_segment");
  } catch (const std::exception&) {  // out of memory
  }
  away_.clear();
  retention_.reset();
  claim_.reset();
  finished_.close();
}

}  // namespace freshframe::media
