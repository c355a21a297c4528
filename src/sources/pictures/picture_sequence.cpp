// Reads a sequence of image files as a video.
// SPDX-License-Identifier: Apache-2.0
#include "sources/pictures/picture_sequence.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <utility>

#include "core/file_place.hpp"
#include "media/ffmpeg/error.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {

PictureSequence::PictureSequence(SourceUrl url, OpenOptions options)
    : url_(std::move(url)),
      options_(std::move(options)),
      maker_(wanted_size(options_), wanted_quarters(options_)) {
  check_picture_names(url_.path(), url_.masked);
}

double PictureSequence::fps() const noexcept {
  return options_.fps.value_or(kDefaultFps);
}

std::optional<std::int64_t> PictureSequence::total() const {
  if (options_.loop) return std::nullopt;
  return static_cast<std::int64_t>(list_.pictures.size());
}

void PictureSequence::open(const Context& context) {
  directory_ = core::lasting_path(".");
  list_ = list_pictures(url_.path(), url_.masked, context.stop);
  warn_about_missing();
  describe(context);
  select();
  if (options_.realtime) {
    pacer_.emplace(fps(), options_.loop ? std::nullopt : std::optional(end_ - begin_));
  }
}

void PictureSequence::select() {
  constexpr double kTolerance = 0.0005;  // seconds by which a user's time may differ from an image's
  const auto place_from = [&](double time) {
    const double place = std::ceil((time - kTolerance) * fps());
    return static_cast<std::int64_t>(std::clamp(place, 0.0, static_cast<double>(list_.places)));
  };
  begin_ = place_from(options_.start.value_or(0));
  end_ = options_.end ? place_from(*options_.end) : list_.places;
  place_ = begin_;
  std::erase_if(list_.pictures,
                [&](const auto& picture) { return picture.place < begin_ || picture.place >= end_; });
  if (!list_.pictures.empty()) return;
  std::ostringstream text;
  text << "cannot open '" << url() << "' from " << options_.start.value_or(0)
       << " s: there is no image at that time; at " << fps() << " fps the last one is at "
       << static_cast<double>(list_.places - 1) / fps() << " s";
  throw SourceError(text.str(), url(), EINVAL);
}

void PictureSequence::warn_about_missing() const {
  if (list_.missing() == 0) return;
  std::int64_t place = 0;
  const auto gap = std::find_if(list_.pictures.begin(), list_.pictures.end(),
                                [&](const auto& picture) { return picture.place != place++; });
  log(LogLevel::Warning, "'" + url() + "': " + std::to_string(list_.missing()) +
                             " numbers have no image, the first of them before '" + gap->path +
                             "': they count as lost frames");
}

void PictureSequence::describe(const Context& context) {
  const auto began = std::chrono::steady_clock::now();
  const auto seconds_left = [&] {
    return options_.open_timeout - Seconds(std::chrono::steady_clock::now() - began).count();
  };
  std::string why;
  for (const auto& picture : list_.pictures) {
    if (seconds_left() <= 0) {
      throw SourceTimeoutError("cannot open '" + url() + "': no image could be decoded in time; " + why,
                               url(), ETIMEDOUT);
    }
    try {
      Dictionary options(options_.options);
      const auto first = decode(picture, seconds_left(), options, context);
      if (const auto unknown = options.leftovers(); !unknown.empty()) {
        throw OptionError(unknown_option_text(url(), first.container, first.codec, unknown));
      }
      const char* pixel_format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(first.frame->format));
      maker_.set_turn(first.turn);
      const auto size = maker_.compute_size(*first.frame);
      info_ = {.codec = first.codec,
               .width = size.width,
               .height = size.height,
               .fps = fps(),
               .frame_count = static_cast<std::int64_t>(list_.pictures.size()),
               .duration = static_cast<double>(list_.places) / fps(),
               .pixel_format = pixel_format != nullptr ? pixel_format : "",
               .container = first.container,
               .interlaced = is_interlaced(*first.frame)};
      return;
    } catch (const SourceError& error) {
      if (context.stop.stop_requested()) throw;
      if (why.empty()) why = error.what();
    } catch (const OptionError& error) {
      throw SourceError(error.what(), url(), EINVAL);
    }
  }
  const auto count = list_.pictures.size();
  throw SourceError("cannot open '" + url() + "': " +
                        (count == 1 ? "its only image could not be decoded: "
                                    : "none of its " + std::to_string(count) +
                                          " images could be decoded; the first one failed: ") +
                        why,
                    url());
}

DecodedPicture PictureSequence::decode(const ListedPicture& picture, double limit, Dictionary& options,
                                       const Context& context) const {
  auto decoded = decode_picture({.url = picture.path,
                                 .path = (std::filesystem::path(directory_) / picture.path).string(),
                                 .open_timeout = limit,
                                 .read_timeout = limit,
                                 .stop = context.stop,
                                 .most_pixels = Decoder::most_pixels(options_.options)},
                                options_.decoder_threads.value_or(1), options);
  if (!decoded.still) {
    throw SourceError(
        "cannot read '" + picture.path + "': it is a video (" + decoded.container + "), not an image",
        picture.path);
  }
  return decoded;
}

std::optional<SourceItem<Frame>> PictureSequence::read(const Context& context) {
  while (const auto step = pacer_ ? paced_step(context) : next_step(context)) {
    if (step->picture == nullptr) {
      context.counters.drop(NodeDropCause::Decode);
      continue;
    }
    try {
      Dictionary options(options_.options);
      auto picture = decode(*step->picture, options_.read_timeout, options, context);
      ++decoded_in_pass_;
      maker_.set_turn(picture.turn);
      if (sizes_.changes_with({picture.frame->width, picture.frame->height}))
        context.counters.source().count_size_change();
      return SourceItem<Frame>{.value = maker_.make(std::move(picture.frame)),
                               .pts = static_cast<double>(step->n) / fps(),
                               .captured = step->due,
                               .seq = step->n,
                               .path = std::make_shared<const std::string>(step->picture->path)};
    } catch (const SourceError& error) {
      if (context.stop.stop_requested()) return std::nullopt;
      context.counters.drop(NodeDropCause::Decode);
      log(LogLevel::Warning, error.what());
    }
  }
  return std::nullopt;
}

std::optional<PictureSequence::Step> PictureSequence::next_step(const Context& context) {
  if (context.stop.stop_requested()) return std::nullopt;
  if (next_ == list_.pictures.size()) {
    count_missing_before(end_, context);
    if (!start_again()) return std::nullopt;
  }
  const auto& picture = list_.pictures[next_++];
  count_missing_before(picture.place, context);
  place_ = picture.place + 1;
  return Step{passes_ * (end_ - begin_) + picture.place, &picture, context.clock.now()};
}

void PictureSequence::count_missing_before(std::int64_t place, const Context& context) {
  const auto missing = place - std::exchange(place_, place);
  if (missing > 0) context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(missing));
}

std::optional<PictureSequence::Step> PictureSequence::paced_step(const Context& context) {
  const auto tick = pacer_->next(context.clock, context.stop);
  if (!tick) return std::nullopt;
  if (tick->missed > 0) context.counters.drop(NodeDropCause::Device, tick->missed);
  const auto place = begin_ + tick->n % (end_ - begin_);
  const auto found =
      std::lower_bound(list_.pictures.begin(), list_.pictures.end(), place,
                       [](const auto& picture, std::int64_t wanted) { return picture.place < wanted; });
  const bool exists = found != list_.pictures.end() && found->place == place;
  return Step{begin_ + tick->n, exists ? &*found : nullptr, tick->due};
}

bool PictureSequence::start_again() {
  if (!options_.loop) return false;
  if (decoded_in_pass_ == 0) {
    throw SourceError("cannot loop '" + url() + "': none of its images could be decoded", url());
  }
  ++passes_;
  decoded_in_pass_ = 0;
  next_ = 0;
  place_ = begin_;
  return true;
}

}  // namespace freshframe::media
