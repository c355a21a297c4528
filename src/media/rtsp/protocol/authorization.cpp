// Answers a server's challenges: Basic (RFC 7617) and Digest (RFC 7616, 2617, 2069).
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/protocol/authorization.hpp"

#include <array>
#include <cstddef>
#include <iomanip>
#include <memory>
#include <new>
#include <span>
#include <sstream>
#include <utility>

#include "media/ffmpeg/base64.hpp"
#include <sys/random.h>

extern "C" {
#include <libavutil/md5.h>
#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <libavutil/sha512.h>
}

namespace freshframe::media::rtsp {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

const std::uint8_t* octets_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

struct FreeHash {
  void operator()(void* hash) const noexcept { av_free(hash); }
};

std::string md5(std::string_view text) {
  std::array<std::uint8_t, 16> sum{};
  av_md5_sum(sum.data(), octets_of(text), text.size());
  return hex(sum);
}

template <class Hash>
std::string sha(std::string_view text, Hash* (*make)(), int (*init)(Hash*, int),
                void (*update)(Hash*, const std::uint8_t*, std::size_t),
                void (*finish)(Hash*, std::uint8_t*)) {
  constexpr int kBits = 256;
  const std::unique_ptr<Hash, FreeHash> hash(make());
  if (!hash || init(hash.get(), kBits) < 0) throw std::bad_alloc();
  update(hash.get(), octets_of(text), text.size());
  std::array<std::uint8_t, kBits / 8> sum{};
  finish(hash.get(), sum.data());
  return hex(sum);
}

std::string hashed(DigestHash kind, std::string_view text) {
  switch (kind) {
    case DigestHash::Md5:
      return md5(text);
    case DigestHash::Sha256:
      return sha<AVSHA>(text, av_sha_alloc, av_sha_init, av_sha_update, av_sha_final);
    case DigestHash::Sha512T256:
      return sha<AVSHA512>(text, av_sha512_alloc, av_sha512_init, av_sha512_update, av_sha512_final);
  }
  return {};
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

}  // namespace

Authorization::Authorization(std::optional<Credentials> credentials, std::string client_nonce)
    : credentials_(std::move(credentials)), client_nonce_(std::move(client_nonce)) {}

std::string Authorization::random_text() {
  std::array<std::uint8_t, 8> bytes{};
  // Without entropy, at the start of a machine, the nonce is zeros: it only protects against chosen texts.
  static_cast<void>(::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK));
  return hex(bytes);
}

bool Authorization::accept(const std::vector<Challenge>& challenges) {
  const auto* best = strongest(challenges);
  if (!credentials_ || best == nullptr || attempts_ >= kMostAttempts) return false;
  // A second refusal means wrong credentials, unless the server says that only its nonce was too old.
  if (attempts_ > 0 && !best->stale) return false;
  challenge_ = *best;
  uses_ = 0;
  ++attempts_;
  return true;
}

std::string Authorization::header(std::string_view method, std::string_view uri) {
  if (!challenge_) return {};
  if (challenge_->digest) return digest(method, uri);
  return "Basic " + base64(credentials_->user + ":" + credentials_->password);
}

std::string Authorization::digest(std::string_view method, std::string_view uri) {
  const auto& asked = *challenge_;
  const auto hash = [&](const std::string& text) { return hashed(asked.hash, text); };
  std::ostringstream count;
  count << std::hex << std::setw(8) << std::setfill('0') << ++uses_;
  auto secret = hash(credentials_->user + ":" + asked.realm + ":" + credentials_->password);
  if (asked.session) secret = hash(secret + ":" + asked.nonce + ":" + client_nonce_);
  const auto action = hash(std::string(method) + ":" + std::string(uri));
  const auto middle =
      asked.qop ? asked.nonce + ":" + count.str() + ":" + client_nonce_ + ":auth" : asked.nonce;
  std::string text = "Digest username=" + in_quotes(credentials_->user) +
                     ", realm=" + in_quotes(asked.realm) + ", nonce=" + in_quotes(asked.nonce) +
                     ", uri=" + in_quotes(uri) +
                     ", response=" + in_quotes(hash(secret + ":" + middle + ":" + action));
  if (asked.opaque) text += ", opaque=" + in_quotes(*asked.opaque);
  if (!asked.algorithm.empty()) text += ", algorithm=" + asked.algorithm;
  if (asked.qop) text += ", qop=auth, nc=" + count.str();
  if (asked.qop || asked.session) text += ", cnonce=" + in_quotes(client_nonce_);
  return text;
}

}  // namespace freshframe::media::rtsp
