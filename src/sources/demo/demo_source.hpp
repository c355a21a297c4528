// The built-in scene as a source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <memory>
#include <string>

namespace freshframe::media {

/// `url`: "demo:circles?...". Throws OptionError that lists the options.
[[nodiscard]] std::unique_ptr<VideoSource> open_demo(const std::string& url);

}  // namespace freshframe::media
