// Pictures in files, one after the other, as a video.
// SPDX-License-Identifier: Apache-2.0
#include "media/picture_sequence.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "media/ffmpeg_error.hpp"
#include "media/url.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe {

PictureSequence::PictureSequence(std::string url, OpenOptions options)
    : url_(std::move(url)), options_(std::move(options)), maker_(wanted_size(options_)) {
  check_picture_names(local_path(url_), this->url());
}

std::string PictureSequence::url() const {
  return mask_passwords(url_);
}

double PictureSequence::fps() const noexcept {
  return options_.fps.value_or(kDefaultFps);
}

std::optional<std::int64_t> PictureSequence::total() const {
  if (options_.loop) return std::nullopt;
  return static_cast<std::int64_t>(list_.pictures.size());
}

void PictureSequence::open(const Context& context) {
  list_ = list_pictures(local_path(url_), url(), context.stop);
  warn_of_missing();
  describe(context);
  if (options_.realtime) {
    pacer_.emplace(fps(), options_.loop ? std::nullopt : std::optional(list_.places));
  }
}

void PictureSequence::warn_of_missing() const {
  if (list_.missing() == 0) return;
  std::int64_t place = 0;
  const auto gap = std::find_if(list_.pictures.begin(), list_.pictures.end(),
                                [&](const auto& picture) { return picture.place != place++; });
  log(LogLevel::Warning, "'" + url() + "': " + std::to_string(list_.missing()) +
                             " numbers have no picture, the first of them before '" + gap->path +
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
      throw SourceTimeout("cannot open '" + url() + "': no picture could be decoded in time; " + why, url(),
                          ETIMEDOUT);
    }
    try {
      Dictionary options(options_.options);
      const auto first = decode(picture, seconds_left(), options, context);
      if (const auto unknown = options.leftovers(); !unknown.empty()) {
        throw GraphError(unknown_option_text(url(), first.container, first.codec, unknown));
      }
      const char* pixel_format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(first.frame->format));
      const auto size = maker_.size_of(*first.frame);
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
    } catch (const GraphError& error) {
      throw SourceError(error.what(), url(), EINVAL);
    }
  }
  throw SourceError("cannot open '" + url() + "': none of its " + std::to_string(list_.pictures.size()) +
                        " pictures could be decoded; of the first: " + why,
                    url());
}

DecodedPicture PictureSequence::decode(const ListedPicture& picture, double limit, Dictionary& options,
                                       const Context& context) const {
  auto decoded = decode_picture({.url = picture.path,
                                 .path = picture.path,
                                 .open_timeout = limit,
                                 .read_timeout = limit,
                                 .stop = context.stop,
                                 .most_pixels = Decoder::most_pixels(options_.options)},
                                options_.decoder_threads.value_or(1), options);
  if (!decoded.still) {
    throw SourceError(
        "cannot read '" + picture.path + "': it is a video (" + decoded.container + "), not a picture",
        picture.path);
  }
  return decoded;
}

std::optional<SourceItem<Frame>> PictureSequence::read(const Context& context) {
  while (const auto turn = pacer_ ? paced_turn(context) : next_turn(context)) {
    if (turn->picture == nullptr) {
      context.counters.drop(NodeDropCause::Decode);
      continue;
    }
    try {
      Dictionary options(options_.options);
      auto picture = decode(*turn->picture, options_.read_timeout, options, context);
      ++decoded_in_pass_;
      if (sizes_.changes_with({picture.frame->width, picture.frame->height}))
        context.counters.source().count_size_change();
      return SourceItem<Frame>{.value = maker_.make(std::move(picture.frame)),
                               .pts = static_cast<double>(turn->n) / fps(),
                               .captured = turn->due,
                               .seq = turn->n};
    } catch (const SourceError& error) {
      if (context.stop.stop_requested()) return std::nullopt;
      context.counters.drop(NodeDropCause::Decode);
      log(LogLevel::Warning, error.what());
    }
  }
  return std::nullopt;
}

std::optional<PictureSequence::Turn> PictureSequence::next_turn(const Context& context) {
  if (context.stop.stop_requested()) return std::nullopt;
  if (next_ == list_.pictures.size() && !start_again()) return std::nullopt;
  const auto& picture = list_.pictures[next_++];
  if (const auto gap = picture.place - place_; gap > 0) {
    context.counters.drop(NodeDropCause::Decode, static_cast<std::uint64_t>(gap));
  }
  place_ = picture.place + 1;
  return Turn{passes_ * list_.places + picture.place, &picture, context.clock.now()};
}

std::optional<PictureSequence::Turn> PictureSequence::paced_turn(const Context& context) {
  const auto tick = pacer_->next(context.clock, context.stop);
  if (!tick) return std::nullopt;
  if (tick->missed > 0) context.counters.drop(NodeDropCause::Device, tick->missed);
  const auto place = tick->n % list_.places;
  const auto found =
      std::lower_bound(list_.pictures.begin(), list_.pictures.end(), place,
                       [](const auto& picture, std::int64_t wanted) { return picture.place < wanted; });
  return Turn{tick->n, found->place == place ? &*found : nullptr, tick->due};
}

bool PictureSequence::start_again() {
  if (!options_.loop) return false;
  if (decoded_in_pass_ == 0) {
    throw SourceError("cannot loop '" + url() + "': none of its pictures could be decoded", url());
  }
  ++passes_;
  decoded_in_pass_ = 0;
  next_ = 0;
  place_ = 0;
  return true;
}

}  // namespace freshframe
