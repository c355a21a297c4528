// Why a session with an RTSP server could not begin, or has ended.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/protocol/fault.hpp"

#include <system_error>

#include "core/ascii.hpp"

namespace freshframe::media::rtsp {

std::string errno_text(int code) {
  auto text = std::generic_category().message(code);
  if (!text.empty()) text[0] = core::lower_case(text[0]);
  return text;
}

}  // namespace freshframe::media::rtsp
