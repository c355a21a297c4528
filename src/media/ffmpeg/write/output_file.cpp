// The file that a muxer writes.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/output_file.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "media/ffmpeg/error.hpp"

namespace freshframe::media {

int OutputFile::write(void* opaque, const std::uint8_t* data, int size) noexcept {
  auto& file = *static_cast<OutputFile*>(opaque);
  if (file.cut_) return AVERROR(EIO);
  const int error = file.write_all(data, static_cast<std::size_t>(size));
  return error == 0 ? size : AVERROR(error);
}

/// Returns an error code, or 0.
int OutputFile::write_all(const std::uint8_t* data, std::size_t size) noexcept {
  const std::span bytes(data, size);
  std::size_t written = 0;
  const int error = file_.write(bytes, written);
  if (error == 0 || !make_room_after(error)) return error;
  std::size_t rest = 0;
  return file_.write(bytes.subspan(written), rest);
}

bool OutputFile::make_room_after(int error) noexcept {
  return platform::is_no_room(error) && opening_.room != nullptr && opening_.room->after_full();
}

std::int64_t OutputFile::seek(void* opaque, std::int64_t offset, int whence) noexcept {
  const auto& file = static_cast<OutputFile*>(opaque)->file_;
  platform::FileFacts facts;
  int error = 0;
  if (whence == AVSEEK_SIZE) {
    error = file.look(facts);
    return error == 0 ? facts.size_bytes : AVERROR(error);
  }
  const auto from = whence == SEEK_SET   ? platform::SeekFrom::Begin
                    : whence == SEEK_CUR ? platform::SeekFrom::Here
                                         : platform::SeekFrom::End;
  const auto position = file.seek(offset, from, error);
  return error == 0 ? position : AVERROR(error);
}

OutputFile::OutputFile(std::string path, FileOpening opening) : path_(std::move(path)), opening_(opening) {
  open();
  constexpr int kMostTries = 100;
  for (int tries = 1; !claim(); ++tries) {
    if (tries == kMostTries) refuse("other programs keep replacing it");
    open();
  }
  make_io();
}

void OutputFile::open() {
  int error = 0;
  file_ = platform::File::create(path_, error);
  if (!file_.is_open() && make_room_after(error)) file_ = platform::File::create(path_, error);
  created_ = file_.is_open();
  if (error == EEXIST && opening_.must_be_new) throw NameTakenError("'" + path_ + "' already exists");
  if (!created_ && !opening_.must_be_new) file_ = platform::File::open_or_create(path_, error);
  readable_ = file_.is_open();
  // Pipes and devices can often not be opened for reading.
  if (!readable_ && error != ENOENT && !opening_.must_be_new)
    file_ = platform::File::open_to_write(path_, error);
  if (!file_.is_open()) fail(error, "create");
}

bool OutputFile::claim() {
  platform::FileFacts facts;
  if (const int error = file_.look(facts); error != 0) fail(error, "create");
  regular_ = facts.is_regular;
  readable_ = readable_ && regular_;
  had_content_ = regular_ && facts.size_bytes > 0;
  if (!regular_) return true;
  const char* why = nullptr;
  const core::OpenedFile opened{.number = file_.number(), .id = facts.id};
  auto own = core::WriteClaim::try_claim(opened, core::WriteClaim::Purpose::Write, why);
  // Another program may have renamed or removed the file before it was locked.
  const bool is_here = file_.place(path_) == platform::FilePlace::Same;
  if (created_ && opening_.must_be_new && (!own || !is_here))
    throw NameTakenError("another program has taken '" + path_ + "'");
  if (!is_here) return false;
  if (!own) refuse(why);
  claim_.emplace(std::move(*own));
  return true;
}

void OutputFile::make_io() {
  io_ = make_writing_io<&OutputFile::write>(1 << 16, this, regular_ ? &OutputFile::seek : nullptr);
}

void OutputFile::refuse(const char* why) const {
  throw Error("cannot write '" + path_ + "': " + why + "; write to another path");
}

OutputFile::~OutputFile() {
  io_.reset();
  remove_unused();
}

/// The name may refer to another file by now.
void OutputFile::remove_unused() noexcept {
  if (!created_ || began_ || !file_.is_open()) return;
  platform::FileFacts facts;
  std::error_code ignored;
  if (file_.has_name(path_) && file_.look(facts) == 0 && facts.size_bytes == 0)
    std::filesystem::remove(path_, ignored);
}

void OutputFile::begin_file() {
  if (claim_ && core::ReadClaim::is_claimed(claim_->file()))
    refuse("a source of this process is reading the file");
  if (const int error = regular_ ? file_.cut(0) : 0; error != 0) fail(error, "empty");
  began_ = true;
}

std::uint32_t OutputFile::number_at(std::int64_t position) const {
  std::array<std::uint8_t, 4> bytes{};
  const int error = file_.read_at(position, bytes);
  if (error != 0) fail(error, "read back");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

void OutputFile::overwrite(std::int64_t position, const std::array<std::uint8_t, 16>& bytes) const {
  const int error = file_.write_at(position, bytes);
  if (error != 0) fail(error, "write the end of");
}

void OutputFile::cut(std::int64_t position) noexcept {
  cut_ = true;
  if (regular_) static_cast<void>(file_.cut(position));
}

void OutputFile::abandon() noexcept {
  if (std::exchange(began_, false)) cut(0);
  cut_ = true;
}

int OutputFile::close() noexcept {
  avio_flush(io_.get());
  int result = io_->error;
  platform::FileFacts facts;
  if (file_.look(facts) == 0) size_ = facts.size_bytes;
  remove_unused();
  if (claim_) claim_->release();  // before closing: the claim unlocks through the open descriptor
  if (const int error = file_.close(); error != 0 && result >= 0) result = AVERROR(error);
  return result;
}

void OutputFile::fail(int error, const char* doing) const {
  const auto folder = std::filesystem::path(path_).parent_path();
  std::error_code unknown;
  const bool no_folder = error == ENOENT && !folder.empty() && !std::filesystem::exists(folder, unknown);
  throw Error(std::string("cannot ") + doing + " '" + path_ + "': " + ffmpeg_text(AVERROR(error)) +
              (no_folder ? ": create the folder '" + folder.string() + "' first" : ""));
}

}  // namespace freshframe::media
