// Redirects FFmpeg's log lines to freshframe's log sink instead of stderr.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/log.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "core/ascii.hpp"
#include "core/url/masked_url.hpp"
#include "core/utf8.hpp"
#include "media/url/open_secrets.hpp"

extern "C" {
#include <libavutil/log.h>
}

namespace freshframe::media {

// Makes strings from servers and devices safe to print on a terminal.

std::string visible_text(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto size = core::letter_size(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool is_control = first < 0x20 || first == 0x7F ||
                            (first == 0xC2 && size == 2 && static_cast<unsigned char>(text[1]) < 0xA0);
    result += size == 0 || is_control ? kReplacement : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return result;
}

std::string shown_words(std::string_view text) {
  constexpr std::size_t kMost = 100;
  return std::string(core::first_letters(visible_text(hide_secrets(core::mask_passwords(text))), kMost));
}

namespace {

thread_local FfmpegErrorCapture* capture = nullptr;
thread_local HttpListening* listening = nullptr;

/// FFmpeg's "info" lines are details such as encoder statistics. freshframe logs INFO only when sources open
/// or are lost.
std::optional<LogLevel> to_level(int level) {
  if (level <= AV_LOG_ERROR) return LogLevel::Error;
  if (level <= AV_LOG_WARNING) return LogLevel::Warning;
  if (level <= AV_LOG_INFO) return LogLevel::Debug;
  return std::nullopt;
}

/// FFmpeg prints some lines in several calls. Returns the line once its newline arrives.
std::optional<std::string> complete_line(void* object, int level, const char* format, va_list arguments) {
  thread_local std::string pending;
  thread_local int print_prefix = 1;
  std::array<char, 1024> buffer{};
  va_list again;
  va_copy(again, arguments);
  int had_prefix = print_prefix;
  const int size = av_log_format_line2(object, level, format, arguments, buffer.data(),
                                       static_cast<int>(buffer.size()), &print_prefix);
  if (size < static_cast<int>(buffer.size())) {
    pending += buffer.data();
    // the line is too long for the buffer, such as a signed URL, and its newline was cut off: format it again
  } else {
    std::string whole(static_cast<std::size_t>(size) + 1, '\0');
    av_log_format_line2(object, level, format, again, whole.data(), size + 1, &had_prefix);
    whole.pop_back();
    pending += whole;
  }
  va_end(again);
  constexpr std::size_t kLongest = std::size_t{64} << 10;
  if ((pending.empty() || pending.back() != '\n') && pending.size() < kLongest) return std::nullopt;
  std::string line;
  line.swap(pending);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

/// "[mov,mp4 @ 0x55d0c8] moov atom not found" -> "moov atom not found". Removes up to two prefixes.
std::string without_prefix(std::string line) {
  while (line.rfind('[', 0) == 0) {
    const auto end = line.find("] ");
    if (end == std::string::npos || line.find(" @ ") > end) break;
    line.erase(0, end + 2);
  }
  return line;
}

/// Matches log lines about connections that ended early and streams that are broken or joined in the middle.
/// They are symptoms of many causes, and the line with the cause may follow later.
bool is_symptom(std::string_view line) {
  constexpr std::array<std::string_view, 6> kSymptoms{"Stream ends prematurely",   "non-existing PPS",
                                                      "non-existing SPS",          "no frame!",
                                                      "decode_slice_header error", "Packet corrupt"};
  return std::any_of(kSymptoms.begin(), kSymptoms.end(),
                     [&](std::string_view symptom) { return line.find(symptom) == 0; });
}

/// FFmpeg reports the regular end of an HTTP body without a length as premature.
bool is_end_of_unsized(std::string_view line) {
  return line.starts_with("Stream ends prematurely") && line.ends_with("should be 18446744073709551615");
}

/// `object`: the source of the log line. Returns true for demuxers, codecs and parsers.
bool is_reader(const void* object) {
  if (object == nullptr) return false;
  const auto* speaker = *static_cast<const AVClass* const*>(object);
  return speaker != nullptr && std::string_view(speaker->class_name) == "AVFormatContext";
}

/// Makes the scheme of a redirect lower-case in FFmpeg's own buffer, which it reads after this message.
/// FFmpeg compares schemes case-sensitively: it would request "HTTPS://host" from port 80, unencrypted.
void lower_scheme(char* header) {
  const std::string_view line(header);
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || core::lower_case(line.substr(0, colon)) != "location") return;
  const auto begin = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
  const auto scheme = core::lower_case(line.substr(begin, line.find_first_of(":/?#", begin) - begin));
  if (line.substr(begin + scheme.size()).starts_with(':')) std::ranges::copy(scheme, header + begin);
}

/// Returns a header line of an HTTP response. Relies on a log message that is not
/// a documented interface, but is the same in FFmpeg 4.4 to 9.0.
std::optional<std::string> header_in(int level, std::string_view format, va_list arguments) {
  if (level != AV_LOG_TRACE || format != "header='%s'\n") return std::nullopt;
  va_list copy;
  va_copy(copy, arguments);
  char* const given = va_arg(copy, char*);
  va_end(copy);
  if (given == nullptr) return std::string();
  lower_scheme(given);
  return std::string(given);
}

/// If the line reports a response, returns whether it is a redirect. FFmpeg exposes this only in its log, and
/// its RTSP client follows redirects without a limit.
std::optional<bool> redirect_in(int level, std::string_view format,
                                const std::optional<std::string>& header) {
  if (level == AV_LOG_INFO && format.starts_with("Status %d: Redirecting")) return true;
  if (!header || !header->starts_with("HTTP/")) return std::nullopt;
  return std::string_view(*header).substr(std::min(header->find(' '), header->size())).starts_with(" 3");
}

/// Returns true when FFmpeg starts to connect. This log message is also the same in 4.4 to 9.0.
bool is_connection(int level, std::string_view format) {
  return level == AV_LOG_VERBOSE && format.starts_with("Starting connection attempt");
}

/// Returns true at the last (empty) chunk of an HTTP body. This log message is also the same in 4.4 to 9.0.
bool is_last_chunk(int level, std::string_view format, va_list arguments) {
  if (level != AV_LOG_TRACE || !format.starts_with("Chunked encoding data size: %")) return false;
  va_list copy;
  va_copy(copy, arguments);
  const auto size = va_arg(copy, std::uint64_t);
  va_end(copy);
  return size == 0;
}

/// Returns true if FFmpeg cannot decompress an HTTP body, which it tries for ever. This log message is also
/// the same in 4.4 to 9.0.
bool is_undecompressed(int level, std::string_view format) {
  return level == AV_LOG_WARNING && format.starts_with("inflate return value");
}

/// Records HTTP responses and new connections.
void note_server(FfmpegErrorCapture& errors, int level, std::string_view format, va_list arguments) {
  const auto header = header_in(level, format, arguments);
  if (header) errors.note_header(*header);
  if (is_last_chunk(level, format, arguments)) errors.note_last_chunk();
  if (!errors.limits_redirects()) return;
  if (const auto elsewhere = redirect_in(level, format, header)) errors.note_answer(*elsewhere);
  if (is_connection(level, format)) errors.note_connection();
}

void on_line(void* object, int raw_level, const char* format, va_list arguments) noexcept {
  try {
    const int level = raw_level & 0xff;  // higher bits hold a colour
    if (capture != nullptr) note_server(*capture, level, format, arguments);
    if (listening != nullptr) {
      if (const auto header = header_in(level, format, arguments)) listening->hear(object, *header);
      if (is_undecompressed(level, format)) listening->fail_body();
    }
    const auto ours = to_level(level);
    if (!ours || level > av_log_get_level()) return;
    const auto line = complete_line(object, level, format, arguments);
    if (!line || line->empty()) return;
    const auto safe = visible_text(hide_secrets(core::mask_passwords(*line)));
    bool hushed = is_end_of_unsized(without_prefix(safe));
    if (capture != nullptr && *ours == LogLevel::Error && !hushed) {
      hushed = capture->take(without_prefix(safe), is_reader(object));
    } else if (capture != nullptr && *ours == LogLevel::Warning) {
      hushed = capture->hushes_warnings();
      capture->note(safe);
    }
    log(hushed ? LogLevel::Debug : *ours, safe);
  } catch (...) {  // out of memory: lose the line, because exceptions must not pass through FFmpeg's C code
  }
}

}  // namespace

void install_ffmpeg_log() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(on_line); });
}

HttpListening::HttpListening(Hear hear, std::function<void()> fail_body)
    : hear_(std::move(hear)), fail_body_(std::move(fail_body)), outer_(listening) {
  install_ffmpeg_log();
  listening = this;
}

HttpListening::~HttpListening() {
  listening = outer_;
}

FfmpegErrorCapture::FfmpegErrorCapture(Purpose purpose) : purpose_(purpose), outer_(capture) {
  install_ffmpeg_log();
  capture = this;
}

FfmpegErrorCapture::~FfmpegErrorCapture() {
  capture = outer_;
}

std::string FfmpegErrorCapture::in_brackets() const {
  if (cause_.empty()) return {};
  if (cause_.rfind("Stream ends prematurely", 0) == 0) return " (the server closed the connection early)";
  if (cause_.find("certificate") != std::string::npos &&
      (cause_.find("verif") != std::string::npos || cause_.find("does not match") != std::string::npos)) {
    return " (" + cause_ +
           "; options={\"ca_file\": ...} names an authority, {\"tls_verify\": \"0\"} accepts any certificate)";
  }
  constexpr std::string_view kAdvice = ", see the documentation if you wish to increase it";
  const auto at = cause_.find(kAdvice);
  if (at == std::string::npos) return " (" + cause_ + ")";
  if (cause_.find("pixel") == std::string::npos) return " (" + cause_.substr(0, at) + ")";
  return " (" + cause_.substr(0, at) + "; options={\"max_pixels\": ...} allows more)";
}

bool FfmpegErrorCapture::met_last_chunk() noexcept {
  return capture != nullptr && capture->met_last_chunk_;
}

std::optional<bool> FfmpegErrorCapture::chunks_of_answer() noexcept {
  return capture != nullptr && capture->met_answer_ ? std::optional(capture->met_chunks_) : std::nullopt;
}

void FfmpegErrorCapture::note_header(std::string_view line) {
  const auto text = core::lower_case(line);
  if (text.starts_with("http/")) {
    met_answer_ = true;
    met_chunks_ = met_last_chunk_ = false;  // a new response, after a redirect
  }
  met_chunks_ =
      met_chunks_ || (text.starts_with("transfer-encoding:") && text.find("chunked") != std::string::npos);
}

bool FfmpegErrorCapture::take(const std::string& line, bool from_reader) {
  const bool ours = purpose_ != Purpose::Reader || from_reader;
  met_stream_limit_ = met_stream_limit_ || line.find("max_streams") != std::string::npos;
  if (ours && (cause_.empty() || (is_symptom(cause_) && !is_symptom(line)))) cause_ = line;
  return purpose_ != Purpose::Reader;
}

}  // namespace freshframe::media
