// The files of one recorder, one after the other.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/recording_files.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/unit_text.hpp"
#include <unistd.h>

namespace freshframe::media {
namespace {

/// The first of "out_2.mp4", "out_3.mp4", ... that does not exist.
std::string continued(const std::string& path) {
  const auto name = std::filesystem::path(path);
  for (int number = 2;; ++number) {
    const auto next = name.parent_path() /
                      (name.stem().string() + "_" + std::to_string(number) + name.extension().string());
    std::error_code error;
    if (!std::filesystem::exists(next, error)) return next.string();
  }
}

void check_segment(const std::string& path, const VideoFileOptions& options) {
  constexpr double kShortest = 1;  // seconds
  const auto& segment = options.segment;
  if (segment && !(*segment >= kShortest)) {
    throw OptionError("segment of a video file must be at least 1 second, got " +
                      core::seconds_text(*segment));
  }
  const bool is_pattern = SegmentPattern::is_one(path);
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
    throw OptionError("cannot write '" + path +
                      "': a number or a time in the name is for segments, and segment, their length in "
                      "seconds, is not given");
  }
  if (!segment && options.keep)
    throw OptionError("keep deletes old segments of '" + path + "', and segment, their length, is not given");
}

std::uint64_t length_of(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

RecordingFiles::RecordingFiles(std::string path, const VideoFileOptions& options)
    : path_(std::move(path)),
      segment_(options.segment),
      keep_(options.keep),
      reports_(options.reports_segments) {
  check_segment(path_, options);
  if (keep_) check_keep(*keep_);
  if (segment_) names_.emplace(path_);
}

void RecordingFiles::open(const Context& context, const std::function<void(const std::string&)>& make) {
  clock_ = &context.clock;
  if (!names_) return;
  claim_ = PatternClaim::of(names_->pattern(), keep_.has_value());
  if (!claim_) {
    throw Error(
        "cannot write '" + path_ +
        "': another recorder of this process can write a file of the same name, and keep of one of them "
        "would delete it; give them different names");
  }
  if (keep_) retention_ = std::make_unique<Retention>(names_->pattern(), *keep_);
  const auto& base = names_->pattern().base();
  if (names_->pattern().depth() == 0) {
    make(names_->path_of(names_->next(now())));
  } else if (::access(base.c_str(), W_OK | X_OK) != 0) {
    throw Error("cannot create '" + path_ + "': " + std::generic_category().message(errno) + ": '" + base +
                "'");
  }
}

void RecordingFiles::begin(const std::function<void(const std::string&, DiskRoom*)>& make) {
  if (!names_) {
    auto next = name_.empty() ? path_ : continued(path_);
    make(next, nullptr);
    name_ = std::move(next);
    return;
  }
  const auto next = names_->next(now());
  if (retention_) retention_->begin(next);
  names_->make_folders(next);
  auto path = names_->path_of(next);
  make(path, retention_.get());
  name_ = std::move(path);
  names_->taken();
}

void RecordingFiles::end(bool has_pictures, const std::function<void()>& end) {
  struct Ended {
    ~Ended() {
      if (retention != nullptr) retention->finish();
    }
    Retention* retention;
  };
  auto facts = std::exchange(facts_, {});
  {
    const Ended ended{retention_.get()};
    end();
  }
  if (!has_pictures || !names_ || !reports_) return;
  if (!finished_.add(facts.take(name_, length_of(name_)))) {
    log(LogLevel::Warning,
        "on_segment of '" + path_ + "' does not return: it is not told the oldest segments");
  }
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
  retention_.reset();
  claim_.reset();
  finished_.close();
}

}  // namespace freshframe::media
