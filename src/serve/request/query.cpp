// Splits a query into parameters, and rejects queries that could be misread.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/query.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <vector>

#include "core/percent_escape.hpp"
#include "core/utf8.hpp"

namespace freshframe::serve {
namespace {

struct Pair {
  std::string_view name;
  std::string_view value;
};

/// Removes the first "a=1" from `query`. Empty parts are skipped.
std::optional<Pair> take_pair(std::string_view& query) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    return Pair{pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))};
  }
  return std::nullopt;
}

bool has_broken_escape(std::string_view text) {
  for (auto at = text.find('%'); at != std::string_view::npos;
       at = text.find('%', at + core::kPercentEscape)) {
    if (!core::percent_escape(text.substr(at))) return true;
  }
  return false;
}

std::string join_names(std::initializer_list<std::string_view> names) {
  std::string out;
  for (const auto name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

}  // namespace

std::optional<std::string> strictly_decoded(std::string_view text, bool plus_is_space) {
  if (has_broken_escape(text)) return std::nullopt;
  std::string spaced(text);
  if (plus_is_space) std::ranges::replace(spaced, '+', ' ');
  auto result = core::percent_decoded(spaced);
  if (result.find('\0') != std::string::npos) return std::nullopt;
  return result;
}

QueryValue query_value(std::string_view query, std::string_view name) {
  while (const auto pair = take_pair(query)) {
    if (pair->name != name) continue;
    auto text = strictly_decoded(pair->value, true);
    if (!text) return {.is = Parameter::Unreadable};
    return {.is = Parameter::Read, .text = *std::move(text)};
  }
  return {};
}

bool has_parameter(std::string_view query, std::string_view name) {
  return query_value(query, name).is != Parameter::Absent;
}

Parameter read_number(std::string_view query, std::string_view name, double least, double most,
                      double& into) {
  const auto [is, text] = query_value(query, name);
  if (is != Parameter::Read) return is;
  double number = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc() || end != last || !(number >= least && number <= most))
    return Parameter::Unreadable;
  into = number;
  return Parameter::Read;
}

std::string find_query_fault(std::string_view query, std::initializer_list<std::string_view> known) {
  std::vector<std::string_view> seen;
  while (const auto pair = take_pair(query)) {
    const auto name = strictly_decoded(pair->name, true);
    if (!name || !strictly_decoded(pair->value, true))
      return "the address contains an invalid escape: % must be followed by two hexadecimal digits other "
             "than 00";
    if (std::ranges::find(known, pair->name) == known.end()) {
      const auto text = "there is no parameter '" + core::to_utf8(*name) + "' here";
      return known.size() == 0 ? text + ": this address has no parameters"
                               : text + ": the parameters are " + join_names(known);
    }
    if (std::ranges::find(seen, pair->name) != seen.end())
      return "the parameter '" + *name + "' is given twice: pass it once";
    seen.push_back(pair->name);
  }
  return {};
}

}  // namespace freshframe::serve
