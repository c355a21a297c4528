// Checks whether any part of FFmpeg has an option of a name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace freshframe::media {

/// Throws SourceError with `url` for names that no protocol, container or decoder of this FFmpeg knows. An
/// option of a protocol, container or decoder that this stream does not use is refused later, when the stream
/// is open.
void check_known(const std::map<std::string, std::string>& options, const std::string& url);

}  // namespace freshframe::media
