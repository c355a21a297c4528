// Creates the errors of network sources, with the same wording for all clients.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/stream_errors.hpp"

#include "freshframe/error.hpp"

#include <cerrno>

#include "core/unit_text.hpp"

namespace freshframe::media {

std::string host_text(const std::string& url, const std::string& host) {
  return url.find(host) != std::string::npos ? "'" + host + "'" : "its host";
}

void throw_stopped(const std::string& url) {
  throw SourceError("'" + url + "' was stopped", url, ECANCELED);
}

void throw_no_address_in_time(const std::string& url, const std::string& host, double seconds) {
  throw SourceTimeoutError("the address of " + host_text(url, host) + " was not found within " +
                               core::seconds_text(seconds) + ": '" + url + "'",
                           url, ETIMEDOUT);
}

void throw_not_opened(const std::string& url, double seconds, const std::string& why) {
  throw SourceTimeoutError("'" + url + "' could not be opened within " + core::seconds_text(seconds) +
                               (why.empty() ? "" : ": " + why),
                           url, ETIMEDOUT);
}

void throw_no_video(const std::string& url, double seconds, const std::string& why) {
  throw SourceTimeoutError(
      "'" + url + "' sent no video for " + core::seconds_text(seconds) + (why.empty() ? "" : ": " + why), url,
      ETIMEDOUT);
}

}  // namespace freshframe::media
