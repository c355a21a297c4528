// The three messages, read with nlohmann-json and checked strictly.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/page_message.hpp"

#include <cstdint>
#include <utility>

#include "serve/state/strict_json.hpp"

namespace freshframe::serve {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaxWidth = 1 << 16;

bool read_ack(const Json& message, PageMessage& result) {
  const auto& what = message["ack"];
  if (message.size() != 1 || (what != "state" && what != "picture")) return false;
  result.kind = what == "state" ? PageMessage::Kind::AckState : PageMessage::Kind::AckPicture;
  return true;
}

bool read_view(const Json& message, PageMessage& result) {
  const auto& names = message["view"];
  if (!names.is_array() || names.size() > kMaxViewed) return false;
  result.kind = PageMessage::Kind::View;
  for (const auto& name : names) {
    if (!name.is_string()) return false;
    result.view.push_back(name.get<std::string>());
  }
  if (message.size() == 1) return true;
  const auto width = message.find("width");
  if (message.size() != 2 || width == message.end() || !width->is_number_integer()) return false;
  if (*width < 1 || *width > kMaxWidth) return false;
  result.width = width->get<int>();
  return true;
}

}  // namespace

std::optional<PageMessage> parse_page_message(std::string_view text) {
  if (text.size() > kMaxPageMessage) return std::nullopt;
  const auto message = strict_json(text);
  if (!message.is_object()) return std::nullopt;
  PageMessage result;
  const bool good = message.contains("ack")    ? read_ack(message, result)
                    : message.contains("view") ? read_view(message, result)
                                               : false;
  return good ? std::optional(std::move(result)) : std::nullopt;
}

}  // namespace freshframe::serve
