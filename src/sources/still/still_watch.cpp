// Looks at the keyframes of a source: which count, what the counters and the log say, and what outlives a restart.
// SPDX-License-Identifier: Apache-2.0
#include "sources/still/still_watch.hpp"

#include "freshframe/log.hpp"
#include "freshframe/stats.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/file_place.hpp"
#include "core/percent_escape.hpp"
#include "core/watch/frozen_text.hpp"
#include "media/stream/detached_call.hpp"
#include "media/stream/reconnect.hpp"
#include "platform/file.hpp"
#include "platform/folder.hpp"
#include "platform/machine.hpp"
#include "sources/still/picture_digest.hpp"

namespace freshframe::media {
namespace {

constexpr double kDefaultLimit = 60;  // seconds
constexpr Seconds kDense{0.4};        // between keyframes
constexpr Seconds kOfDense{1};        // between counted ones

std::string_view get_name(StillRule::Kind kind) {
  switch (kind) {
    case StillRule::Kind::Still:
      return "frozen";
    case StillRule::Kind::Loop:
      return "loop";
    case StillRule::Kind::Flat:
      return "flat";
    case StillRule::Kind::None:
      break;
  }
  return "";
}

constexpr Seconds kWriteInterval{60};
constexpr std::chrono::seconds kDiskPatience{1};  // with a disk, at the start and at the end
constexpr std::uint64_t kForm =
    0x323A6C6C69747366;  // "fstill:2", where the machine has its lowest byte first

// Note [Times over restarts]
// As long as the machine runs, its monotonic clock goes on, and no setting of the time makes two pictures seem further
// apart than they are. After it was started again there is the Unix time alone. A board without a clock that runs on
// has a wrong time until the network has set it. So a picture that would be newer than now, or of before 2020, is of
// a clock that was wrong, and has the time of the picture before it, the first one the time of the machine's start:
// 0.

// The file: the head, the pictures, and a digest of all that. Numbers are the machine's own.
struct Head {
  std::uint64_t form = kForm;
  std::uint64_t count = 0;          // count of pictures
  std::uint64_t before_motion = 0;  // those from before the newest motion
  std::uint64_t boot = 0;           // number of the machine's start; 0 if not known
  double unix_at_zero = 0;          // Unix time at 0 of the monotonic clock
};
struct Stored {
  std::uint64_t bits;
  double seconds;  // seconds of the monotonic clock
};
constexpr double kClockIsSet = 1577836800;  // 2020

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
T value_at(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

std::uint64_t compute_sum(const std::string& bytes, std::size_t size) {
  return compute_digest(reinterpret_cast<const std::uint8_t*>(bytes.data()), size);
}

/// Another number after each start of the machine.
std::uint64_t read_boot() {
  const auto id = platform::boot_id();
  return id.empty() ? 0 : compute_sum(id, id.size());
}

std::string pack_past(const StillRule::Past& past, double unix_at_zero) {
  std::string bytes;
  append(bytes, Head{.count = past.pictures.size(),
                     .before_motion = past.before_motion,
                     .boot = read_boot(),
                     .unix_at_zero = unix_at_zero});
  for (const auto& picture : past.pictures) {
    append(bytes, Stored{picture.bits, Seconds(picture.time.time_since_epoch()).count()});
  }
  append(bytes, compute_sum(bytes, bytes.size()));
  return bytes;
}

/// nullopt means it is damaged, or of another form.
std::optional<StillRule::Past> unpack_past(const std::string& bytes, double unix_at_zero, double unix_now) {
  constexpr std::size_t kLeast = sizeof(Head) + sizeof(std::uint64_t);
  if (bytes.size() < kLeast) return std::nullopt;
  const auto head = value_at<Head>(bytes, 0);
  const std::size_t end = bytes.size() - sizeof(std::uint64_t);
  if (head.form != kForm || head.count != (bytes.size() - kLeast) / sizeof(Stored) ||
      end != sizeof(Head) + head.count * sizeof(Stored) ||
      compute_sum(bytes, end) != value_at<std::uint64_t>(bytes, end))
    return std::nullopt;
  const bool same_boot = head.boot != 0 && head.boot == read_boot();
  double before = 0;
  StillRule::Past past{.before_motion = static_cast<std::size_t>(head.before_motion)};
  for (std::size_t i = 0; i < head.count; ++i) {
    auto [picture, seconds] = value_at<Stored>(bytes, sizeof(Head) + i * sizeof(Stored));
    if (!same_boot) {  // Note [Times over restarts]
      const double unix_time = head.unix_at_zero + seconds;
      const bool is_wrong = unix_time < kClockIsSet || unix_time > unix_now;
      seconds = before = is_wrong ? before : unix_time - unix_at_zero;
    }
    past.pictures.push_back({picture, TimePoint(to_duration(Seconds(seconds)))});
  }
  return past;
}

std::string file_name(std::string_view node) {
  return core::percent_encoded(node.empty() ? "source" : node) + ".frozen";
}

}  // namespace

/// The digests of a source's keyframes in FOLDER/NODE.frozen, so that a picture from before a restart is known. One
/// thread, which waits for no disk but a second at its start and its end: another one reads and writes. Each file is
/// written whole under another name, and then takes the place of the one before: 16 bytes for each picture, 16 KiB at
/// most. Of two sources with one name in one folder the file of the last writer is kept.
class StillMemory {
 public:
  /// Makes the folder if it is missing, and reads what an earlier run has kept.
  StillMemory(const std::string& folder, std::string_view node, std::string title)
      : title_(std::move(title)),
        path_((std::filesystem::path(core::lasting_path(folder)) / file_name(node)).string()) {
    read();
  }

  /// Waits up to a second until it has been read. Throws SourceRefused if it cannot be read or written.
  void wait(const std::stop_token& stop) {
    if (!reading_) return;
    if (!reading_->wait(std::chrono::steady_clock::now() + kDiskPatience, stop)) {
      if (stop.stop_requested()) return;
      return warn("'" + path_ + "' does not answer; pictures from before the restart are known once it does");
    }
    try {
      reading_->check();
    } catch (const std::system_error& error) {
      throw SourceRefused("cannot open " + title_ + ": remember: cannot read or write '" + path_ +
                              "': " + error.code().message(),
                          path_, error.code().value());
    }
  }

  /// Once, when it has been read: what an earlier run has kept, without what would be later than now. A damaged file
  /// is reported, and counts as empty like a missing file.
  [[nodiscard]] std::optional<StillRule::Past> take(const Clock& clock) {
    if (!reading_ || !reading_->wait(TimePoint{}, {})) return std::nullopt;
    std::string why;
    try {
      reading_->check();
    } catch (const std::exception& error) {
      why = error.what();
    }
    reading_.reset();
    if (!why.empty()) {
      tell(why);
      return std::nullopt;
    }
    is_read_ = true;
    told_ = false;
    if (!*bytes_) return StillRule::Past{};
    const auto now = clock.now();
    const double unix_now = clock.unix_time(now);
    auto past = unpack_past(**bytes_, unix_now - Seconds(now.time_since_epoch()).count(), unix_now);
    if (!past) {
      log(LogLevel::Warning, title_ + ": '" + path_ +
                                 "' is damaged or of another version: no picture from before the " +
                                 "restart is known");
      return StillRule::Past{};
    }
    std::erase_if(past->pictures,
                  [&](const StillRule::Past::Picture& picture) { return picture.time > now; });
    past->before_motion = std::min(past->before_motion, past->pictures.size());
    return past;
  }

  /// Once a minute of `now`: writes, unless the write before has not ended, which is reported once. Nothing is
  /// written over a file that has not been read: that is tried again.
  void keep(const StillRule& rule, TimePoint now, const Clock& clock) {
    unix_at_zero_ = clock.unix_time(now) - Seconds(now.time_since_epoch()).count();
    if (!kept_) kept_ = now;  // the file contains what was read
    if (reading_) return;
    if (now - *kept_ < kWriteInterval) return;
    kept_ = now;
    if (!is_read_) return read();
    if (!is_written()) return tell("the disk has not answered for a minute");
    write(rule);
  }

  /// Writes what keep() has not, and waits for it up to a second.
  void close(const StillRule& rule) {
    if (!kept_ || !is_read_) return;
    const auto until = std::chrono::steady_clock::now() + kDiskPatience;
    if (writing_) static_cast<void>(writing_->wait(until, {}));
    if (!is_written()) return tell("the disk does not answer");
    write(rule);
    if (writing_) static_cast<void>(writing_->wait(until, {}));
    static_cast<void>(is_written());
  }

 private:
  void read() {
    const auto job = [path = path_, bytes = bytes_] {
      std::filesystem::create_directories(std::filesystem::path(path).parent_path());
      if (const int error = platform::may_write_in(std::filesystem::path(path).parent_path().string());
          error != 0)
        throw std::system_error(error, std::generic_category(), "'" + path + "'");
      std::ifstream file(path, std::ios::binary);
      if (!file && errno == ENOENT) return;
      constexpr std::size_t kMost =
          sizeof(Head) + StillRule::kWholesKept * sizeof(Stored) + sizeof(std::uint64_t);
      std::string found(kMost + 1, '\0');
      file.read(found.data(), static_cast<std::streamsize>(found.size()));
      if (!file && !file.eof()) throw std::system_error(errno, std::generic_category(), "'" + path + "'");
      found.resize(static_cast<std::size_t>(file.gcount()));
      *bytes = std::move(found);
    };
    try {
      reading_.emplace(job);
    } catch (const std::exception& error) {  // no thread
      tell(error.what());
    }
  }

  void write(const StillRule& rule) {
    try {
      writing_.emplace([path = path_, bytes = pack_past(rule.past(), unix_at_zero_)] {
        platform::WholeFile target;
        int error = platform::find_whole_file(path, target);
        if (error == 0) error = platform::replace_whole_file(target, bytes, platform::Durability::Synced);
        if (error != 0) throw std::system_error(error, std::generic_category(), "'" + path + "'");
      });
    } catch (const std::exception& error) {  // no thread
      writing_.reset();
      tell(error.what());
    }
  }

  /// Whether the write before has ended. If it failed, that is reported once.
  [[nodiscard]] bool is_written() {
    if (!writing_) return true;
    if (!writing_->wait(TimePoint{}, {})) return false;
    try {
      writing_->check();
      told_ = false;
    } catch (const std::exception& error) {
      tell(error.what());
    }
    writing_.reset();
    return true;
  }

  void warn(const std::string& why) const {
    log(LogLevel::Warning, title_ + ": cannot remember its pictures: " + why);
  }
  void tell(const std::string& why) {
    if (!std::exchange(told_, true)) warn(why);
  }

  const std::string title_;
  const std::string path_;
  double unix_at_zero_ = 0;  // Unix time at 0 of the clock, at the newest picture
  std::optional<TimePoint> kept_;
  const std::shared_ptr<std::optional<std::string>> bytes_ =
      std::make_shared<std::optional<std::string>>();  // of the file, once it was read; nullopt without one
  std::optional<DetachedCall> reading_;                // until its bytes are taken
  std::optional<DetachedCall> writing_;
  bool is_read_ = false;
  bool told_ = false;  // whether it was reported that reading or writing fails
};

StillWatch::StillWatch(std::string title, std::optional<double> frozen_after, std::string remember)
    : title_(std::move(title)),
      limit_(frozen_after.value_or(kDefaultLimit)),
      is_ill_(frozen_after.has_value()),
      folder_(std::move(remember)) {}

StillWatch::~StillWatch() = default;

void StillWatch::open(const Context& context) {
  if (folder_.empty() || limit_ == 0) return;
  memory_ = std::make_unique<StillMemory>(folder_, context.node, title_);
  memory_->wait(context.stop);
  if (!rule_) rule_.emplace();
  learn_past(context);
}

void StillWatch::learn_past(const Context& context) {
  const auto past = memory_->take(context.clock);
  if (!past) return;
  if (!std::exchange(learned_, true)) rule_->remember(*past);  // or it runs again, and knows its pictures
}

void StillWatch::close() {
  if (memory_) memory_->close(*rule_);
  memory_.reset();
}

void StillWatch::note_picture(const Frame& picture, TimePoint captured, const Context& context) {
  if (!counts(captured)) return;
  constexpr int kEnds = 3;  // new pictures, as where a picture is no longer frozen
  ask_picture(captured);
  note_seen(picture, captured, context);
  news_ = suspects_ ? 0 : news_ + 1;
  if (news_ >= kEnds) bytes_.reset();
}

bool StillWatch::needs_picture(TimePoint now) const noexcept {
  constexpr double kShare = 0.25;
  const Seconds apart = suspects_ ? kOfDense : Seconds(kShare * limit_);
  return limit_ > 0 && (!pictured_ || now - *pictured_ >= apart);
}

void StillWatch::ask_picture(TimePoint now) noexcept {
  pictured_ = now;
  ++asked_;
}

void StillWatch::note_seen(const Frame& picture, TimePoint captured, const Context& context) {
  if (limit_ == 0) return;
  if (!rule_) rule_.emplace();
  rule_->add(compute_digest(picture.luma()), captured);
  asked_ = 0;
  suspects_ = rule_->verdict().kind != StillRule::Kind::None;
  tell(captured, context);
}

void StillWatch::note_packet(std::span<const std::uint8_t> bytes, TimePoint captured,
                             const Context& context) {
  if (!counts(captured)) return;
  if (!bytes_) bytes_.emplace();
  news_ = 0;
  bytes_->add({.bits = compute_digest(bytes.data(), bytes.size())}, captured);
  tell(captured, context);
}

/// Pictures and packets may both give a verdict where a source decodes now and then: returns the verdict that has
/// lasted longer. Only pictures show a lack of contrast.
StillRule::Verdict StillWatch::verdict() const {
  using Kind = StillRule::Kind;
  const auto of_pictures = rule_ && asked_ <= kUnseen ? rule_->verdict() : StillRule::Verdict();
  if (!bytes_ || of_pictures.kind == Kind::Flat) return of_pictures;
  const auto of_bytes = bytes_->verdict();
  if (of_bytes.kind == Kind::None) return of_pictures;
  return of_pictures.kind == Kind::None || of_bytes.since <= of_pictures.since ? of_bytes : of_pictures;
}

bool StillWatch::counts(TimePoint captured) {
  if (limit_ == 0) return false;
  const bool dense = last_ && captured - *last_ < kDense;
  last_ = captured;
  if (counted_ && captured - *counted_ < (dense ? kOfDense : kDense)) return false;
  counted_ = captured;
  return true;
}

void StillWatch::tell(TimePoint captured, const Context& context) {
  const auto verdict = this->verdict();
  const double seconds = Seconds(captured - verdict.since).count();
  const bool lasts = verdict.kind != StillRule::Kind::None && seconds >= limit_;
  auto& book = context.counters.source();
  if (memory_) learn_past(context);
  if (memory_) memory_->keep(*rule_, captured, context.clock);
  if (lasts) {
    book.set_frozen({.kind = std::string(get_name(verdict.kind)),
                     .seconds = seconds,
                     .period = verdict.period,
                     .frames = verdict.pictures,
                     .contents = verdict.contents,
                     .is_ill = is_ill_});
  } else if (told_ != StillRule::Kind::None) {
    book.set_frozen({});
  }
  const auto before = std::exchange(told_, lasts ? verdict.kind : StillRule::Kind::None);
  if (told_ == before) return;
  const std::string_view since = lasts && verdict.remembered ? "; it is one from before the restart" : "";
  const auto name = context.node.empty() ? title_ : std::string(context.node) + ": " + title_;
  log(LogLevel::Warning, name + " " + core::frozen_text(book.snapshot(captured)) + std::string(since));
}

}  // namespace freshframe::media
