// Chooses the video to read if there are several: renditions of a playlist, or cameras in one multiplex.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/input/video_choice.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include "core/ascii.hpp"
#include "media/ffmpeg/read/probing.hpp"

namespace freshframe::media {

std::optional<Rendition> parse_rendition(const std::string& text) {
  constexpr std::size_t kMostDigits = 5;
  if (text == "best") return Rendition{};
  if (text == "worst") return Rendition{.by = Rendition::By::Worst};
  std::string_view digits = text;
  const bool height = digits.ends_with('p');
  if (height) digits.remove_suffix(1);
  if (!core::all_digits(digits) || digits.size() > kMostDigits) return std::nullopt;
  const int value = std::stoi(std::string(digits));
  if (height && value == 0) return std::nullopt;
  return Rendition{.by = height ? Rendition::By::Height : Rendition::By::Number, .value = value};
}

namespace {

std::vector<AVStream*> list_videos(const AVFormatContext& input) {
  std::vector<AVStream*> videos;
  std::copy_if(input.streams, input.streams + input.nb_streams, std::back_inserter(videos),
               [](const AVStream* stream) { return is_whole_video(*stream); });
  return videos;
}

/// Returns null if the list is empty.
AVStream* choose_first(const std::vector<AVStream*>& videos, bool largest) {
  const auto before = [largest](const AVStream* one, const AVStream* other) {
    return largest ? count_pixels(*one) > count_pixels(*other) : count_pixels(*one) < count_pixels(*other);
  };
  const auto found = std::min_element(videos.begin(), videos.end(), before);
  return found == videos.end() ? nullptr : *found;
}

}  // namespace

AVStream* chosen_video(const AVFormatContext& input, const Rendition& wanted) {
  auto videos = list_videos(input);
  if (wanted.by == Rendition::By::Number) {
    const auto place = static_cast<std::size_t>(wanted.value);
    return place < videos.size() && has_decoder(*videos[place]) ? videos[place] : nullptr;
  }
  std::erase_if(videos, [](const AVStream* one) { return !has_decoder(*one); });
  if (wanted.by != Rendition::By::Height) return choose_first(videos, wanted.by == Rendition::By::Best);
  auto low = videos;
  std::erase_if(low, [&](const AVStream* one) { return one->codecpar->height > wanted.value; });
  return low.empty() ? choose_first(videos, false) : choose_first(low, true);
}

std::vector<std::string> describe_videos(const AVFormatContext& input) {
  std::vector<std::string> list;
  for (const AVStream* stream : list_videos(input)) {
    auto text = describe_video(*stream);
    const auto* rate = av_dict_get(stream->metadata, "variant_bitrate", nullptr, 0);  // from the playlist
    // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion): FFmpeg wrote it
    if (rate != nullptr) text += ", " + std::to_string(std::atoll(rate->value) / 1000) + " kbit/s";
    list.push_back(std::move(text));
  }
  return list;
}

}  // namespace freshframe::media
