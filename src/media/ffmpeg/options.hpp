// Whether FFmpeg has an option of a name at all, in whatever part of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace freshframe::media {

/// Throws SourceError with `url` for names that no protocol, container or decoder of this FFmpeg knows. One
/// that only another than the stream's knows is found out when the stream is known.
void check_known(const std::map<std::string, std::string>& options, const std::string& url);

}  // namespace freshframe::media
