// The built-in scene as a source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <memory>
#include <string>

#include "media/ffmpeg/read/upright.hpp"

namespace freshframe::media {

/// `url`: "demo:circles?...". `turn`: of all frames. Throws OptionError that lists the options.
[[nodiscard]] std::unique_ptr<VideoSource> open_demo(const std::string& url, Turn turn = {});

}  // namespace freshframe::media
