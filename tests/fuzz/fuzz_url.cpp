// Fuzzes what reads a URL and options before anything is opened: open(), the masking of passwords, patterns.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/url/masked_url.hpp"
#include "media/url/picture_list.hpp"
#include "media/url/source_url.hpp"
#include "sources/camera/options.hpp"

namespace {

using namespace freshframe;
using namespace freshframe::core;
using namespace freshframe::media;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The input's parts, which zero bytes separate.
std::vector<std::string> parts_of(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == 0) {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(data[i]);
    }
  }
  parts.resize(std::max<std::size_t>(parts.size(), 4));
  return parts;
}

OpenOptions options_of(const std::vector<std::string>& parts) {
  OpenOptions options;
  const auto number = [](const std::string& text) { return std::strtod(text.c_str(), nullptr); };
  if (!parts[1].empty()) options.fps = number(parts[1]);
  if (!parts[2].empty()) {
    const double side = number(parts[2]);
    if (std::abs(side) < 1e9) options.width = options.height = static_cast<int>(side);
    options.open_timeout = side;
  }
  options.realtime = parts[3] == "r";
  options.loop = parts[3] == "l";
  for (std::size_t i = 4; i + 1 < parts.size(); i += 2) options.options[parts[i]] = parts[i + 1];
  return options;
}

template <class Call>
void allow_refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    require(std::strlen(error.what()) > 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = parts_of(data, size);
  const auto& url = parts[0];
  const auto masked = mask_passwords(url);
  require(mask_passwords(masked) == masked);
  allow_refusal([&] {
    const auto source = open(url, options_of(parts));
    const SourceUrl known(url);
    require(source->url() == (known.kind == UrlKind::Camera ? camera_path(url) : known.masked));
    require(known.kind == UrlKind::Live || known.kind == UrlKind::Camera || known.masked == masked);
  });
  if (url.rfind("demo:", 0) == 0) allow_refusal([&] { static_cast<void>(demo_circles(url, 3)); });
  if (NumberPattern::is_pattern(url)) {
    allow_refusal([&] {
      const NumberPattern pattern(url, masked);
      const auto number = pattern.parse_number(parts[1]);
      require(!number || (*number >= 0 && !pattern.find_digits(parts[1]).empty()));
    });
  }
  require(!(natural_less(parts[0], parts[1]) && natural_less(parts[1], parts[0])));
  require(natural_less(parts[0], parts[1]) || natural_less(parts[1], parts[0]) || parts[0] == parts[1]);
  return 0;
}
