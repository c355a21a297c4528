// Lists the files of an image sequence: numbered, in a directory, or by a glob.
// SPDX-License-Identifier: Apache-2.0
#include "media/url/picture_list.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <utility>

#include "core/ascii.hpp"
#include "core/unit_text.hpp"
#include "media/url/name_pattern.hpp"

namespace freshframe::media {

// Parses patterns of numbered files: "frames/img_%05d.png".

namespace {

constexpr std::size_t kMostDigits = 18;  // fits into 64 bits

/// The position of a "%...d" in a string: [begin, end).
struct Field {
  std::size_t begin = std::string_view::npos;
  std::size_t end = std::string_view::npos;
};

Field find_field(std::string_view text, std::size_t from) {
  for (auto at = text.find('%', from); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 1 < text.size() && text[at + 1] == '%') {
      ++at;
      continue;
    }
    auto end = at + 1;
    while (end < text.size() && core::is_digit(text[end])) ++end;
    if (end < text.size() && text[end] == 'd') return {at, end + 1};
  }
  return {};
}

std::string with_single_percents(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] == '%' && i + 1 < text.size() && text[i + 1] == '%') ++i;
  }
  return result;
}

[[noreturn]] void refuse_pattern(const std::string& url, const std::string& why) {
  throw OptionError("cannot open '" + url + "': " + why);
}

}  // namespace

bool NumberPattern::is_pattern(std::string_view path) noexcept {
  return find_field(path, 0).begin != std::string_view::npos;
}

NumberPattern::NumberPattern(const std::string& path, const std::string& url) {
  const auto slash = path.rfind('/');
  const auto name_begin = slash == std::string::npos ? 0 : slash + 1;
  folder_ = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  const std::string_view name = std::string_view(path).substr(name_begin);
  if (find_field(folder_, 0).begin != std::string_view::npos) {
    refuse_pattern(url, "only the name of the file may contain a number, not that of a folder");
  }
  const auto field = find_field(name, 0);
  if (find_field(name, field.end).begin != std::string_view::npos) {
    refuse_pattern(url, "the name may contain only one number");
  }
  const auto digits = name.substr(field.begin + 1, field.end - field.begin - 2);
  if (!digits.empty()) {
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), width_);
    if (digits.front() != '0' || digits.size() < 2 || error != std::errc() || width_ == 0 ||
        width_ > kMostDigits) {
      refuse_pattern(url, "a number is written %d (1, 2, ... 10) or %05d (00001, with 1 to 18 digits)");
    }
  }
  before_ = with_single_percents(name.substr(0, field.begin));
  after_ = with_single_percents(name.substr(field.end));
}

std::string_view NumberPattern::find_digits(std::string_view name) const noexcept {
  if (name.size() <= before_.size() + after_.size()) return {};
  if (name.substr(0, before_.size()) != before_) return {};
  if (name.substr(name.size() - after_.size()) != after_) return {};
  const auto digits = name.substr(before_.size(), name.size() - before_.size() - after_.size());
  return std::all_of(digits.begin(), digits.end(), core::is_digit) ? digits : std::string_view();
}

std::optional<std::int64_t> NumberPattern::parse_number(std::string_view name) const {
  const auto digits = find_digits(name);
  if (digits.empty() || digits.size() > kMostDigits || digits.size() < width_) return std::nullopt;
  if (digits.front() == '0' && digits.size() > std::max<std::size_t>(width_, 1)) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

bool NumberPattern::is_too_long(std::string_view name) const noexcept {
  const auto digits = find_digits(name);
  return digits.size() > kMostDigits && digits.front() != '0';
}

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 27> kSuffixes = {
    ".png",  ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".tif",  ".tiff",
    ".webp", ".tga", ".pgm",  ".ppm", ".pbm",  ".pnm", ".pam", ".avif", ".heic",
    ".heif", ".jp2", ".j2k",  ".exr", ".dpx",  ".qoi", ".pcx", ".sgi",  ".xwd"};

/// Numbers may be timestamps, for example. With larger gaps, the numbers in between do not count as missing.
constexpr std::int64_t kMostPlaces = 1'000'000'000;

std::string list_suffixes() {
  std::string text;
  for (const auto suffix : kSuffixes) text += (text.empty() ? "" : ", ") + std::string(suffix);
  return text;
}

bool has_picture_suffix(const std::string& path) {
  const auto suffix = core::lower_case(fs::path(path).extension().string());
  return std::find(kSuffixes.begin(), kSuffixes.end(), suffix) != kSuffixes.end();
}

/// Includes links to missing files: an image that cannot be read counts as a lost frame.
bool is_listed(const std::string& path) {
  std::error_code ignored;
  const auto type = fs::status(path, ignored).type();
  return type == fs::file_type::regular ||
         (type == fs::file_type::not_found && fs::is_symlink(path, ignored));
}

[[noreturn]] void fail(const std::string& url, const std::string& why, int code = ENOENT) {
  throw SourceError("cannot open '" + url + "': " + why, url, code);
}

void check_stop(const std::string& url, const std::stop_token& stop) {
  if (stop.stop_requested())
    throw SourceError("'" + url + "' was stopped before it was opened", url, ECANCELED);
}

PictureList in_order(std::vector<std::string> paths, const std::string& url, const std::stop_token& stop) {
  std::sort(paths.begin(), paths.end(), [&](const std::string& a, const std::string& b) {
    check_stop(url, stop);
    return natural_less(a, b);
  });
  PictureList list;
  for (auto& path : paths) list.pictures.push_back({std::move(path), list.places++});
  return list;
}

/// Returns the names in a directory, without hidden ones.
std::vector<std::string> names_in(const std::string& folder, const std::string& url,
                                  const std::stop_token& stop) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    check_stop(url, stop);
    auto name = entry->path().filename().string();
    if (name.front() != '.') names.push_back(std::move(name));
  }
  if (error == std::errc::no_such_file_or_directory) {
    fail(url, "there is no such folder; check the path", error.value());
  }
  if (error) fail(url, error.message(), error.value());
  return names;
}

PictureList list_folder(const std::string& folder, const std::string& url, const std::stop_token& stop) {
  std::vector<std::string> paths;
  const auto names = names_in(folder, url, stop);
  for (const auto& name : names) {
    check_stop(url, stop);
    auto path = (fs::path(folder) / name).string();
    if (has_picture_suffix(name) && is_listed(path)) paths.push_back(std::move(path));
  }
  if (paths.empty()) {
    fail(url, names.empty() ? "the folder is empty: images are files that end in " + list_suffixes()
                            : "no image is in the folder: of " + core::count_text(names.size(), "name") +
                                  " none is a file that ends in " + list_suffixes());
  }
  return in_order(std::move(paths), url, stop);
}

PictureList list_glob(const std::string& pattern, const std::string& url, const std::stop_token& stop) {
  auto paths = find_paths(pattern, [&] { check_stop(url, stop); });
  if (paths.empty()) fail(url, "no file matches; check the path and the pattern");
  const auto names = paths.size();
  std::erase_if(paths, [&](const std::string& path) {
    check_stop(url, stop);
    return !has_picture_suffix(path) || !is_listed(path);
  });
  if (paths.empty()) {
    fail(url,
         core::count_text(names, "name") + " matched, but none is a file that ends in " + list_suffixes());
  }
  return in_order(std::move(paths), url, stop);
}

/// Suggests another pattern: "%04d" for "frame_0001.png".
std::string hint(const NumberPattern& pattern, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto digits = pattern.find_digits(name);
    if (digits.empty()) continue;
    const auto width = digits.front() == '0' ? "0" + std::to_string(digits.size()) : std::string();
    return "; '" + name + "' would match %" + width + "d";
  }
  return names.empty() ? "; the folder is empty" : "; check the path and the pattern";
}

PictureList list_numbers(const std::string& path, const std::string& url, const std::stop_token& stop) {
  const NumberPattern pattern(path, url);
  const auto names = names_in(pattern.folder(), url, stop);
  std::vector<std::pair<std::int64_t, std::string>> numbered;
  for (const auto& name : names) {
    check_stop(url, stop);
    if (const auto number = pattern.parse_number(name)) numbered.emplace_back(*number, name);
    if (pattern.is_too_long(name)) {
      fail(url, "the number in '" + name + "' has more than 18 digits; open the folder or a glob instead",
           EINVAL);
    }
  }
  if (numbered.empty()) fail(url, "no file of that name with a number" + hint(pattern, names));
  std::sort(numbered.begin(), numbered.end(), [&](const auto& a, const auto& b) {
    check_stop(url, stop);
    return a < b;
  });
  const std::int64_t first = numbered.front().first;
  std::int64_t step = 0;
  for (const auto& [number, name] : numbered) step = std::gcd(step, number - first);
  PictureList list;
  for (const auto& [number, name] : numbered) {
    check_stop(url, stop);
    list.places = step == 0 ? 0 : (number - first) / step;
    list.pictures.push_back({(fs::path(pattern.folder()) / name).string(), list.places});
  }
  ++list.places;
  if (list.places > kMostPlaces) {
    fail(url,
         "the numbers of its files are too far apart to count the missing ones; open the "
         "folder or a glob, for which numbers define only the order",
         EINVAL);
  }
  return list;
}

bool is_glob(const std::string& path) {
  return path.find_first_of("*?[") != std::string::npos;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return path.back() == '/' || fs::is_directory(path, ignored);
}

}  // namespace

bool names_pictures(const std::string& path) {
  if (path.empty()) return false;
  std::error_code ignored;
  if (is_folder(path)) return true;
  return (NumberPattern::is_pattern(path) || is_glob(path)) && !fs::exists(path, ignored);
}

void check_picture_names(const std::string& path, const std::string& url) {
  if (!is_folder(path) && NumberPattern::is_pattern(path)) static_cast<void>(NumberPattern(path, url));
}

PictureList list_pictures(const std::string& path, const std::string& url, const std::stop_token& stop) {
  if (is_folder(path)) return list_folder(path, url, stop);
  return NumberPattern::is_pattern(path) ? list_numbers(path, url, stop) : list_glob(path, url, stop);
}

bool natural_less(std::string_view a, std::string_view b) noexcept {
  const auto whole_a = a;
  const auto whole_b = b;
  const auto take = [](std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && core::is_digit(text[length])) ++length;
    auto digits = text.substr(0, length);
    text.remove_prefix(length);
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    return digits;
  };
  while (!a.empty() && !b.empty()) {
    if (core::is_digit(a.front()) && core::is_digit(b.front())) {
      const auto x = take(a);
      const auto y = take(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;  // "a1" and "a01"
}

}  // namespace freshframe::media
