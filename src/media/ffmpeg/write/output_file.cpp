// The file that a muxer writes.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/output_file.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <filesystem>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::media {

int OutputFile::write(void* opaque, const std::uint8_t* data, int size) noexcept {
  auto& file = *static_cast<OutputFile*>(opaque);
  if (file.cut_) return AVERROR(EIO);
  const int error = file.write_all(data, static_cast<std::size_t>(size));
  return error == 0 ? size : AVERROR(error);
}

/// Returns the number of the error, or 0.
int OutputFile::write_all(const std::uint8_t* data, std::size_t size) noexcept {
  std::size_t written = 0;
  const auto part = [&](std::size_t /*done*/, std::size_t /*left*/) {
    const auto moved = ::write(descriptor_.get(), data + written, size - written);
    if (moved > 0) written += static_cast<std::size_t>(moved);
    return moved;
  };
  const int error = transfer_whole(size, part);
  if (error == 0 || !has_room_after(error)) return error;
  return transfer_whole(size - written, part);
}

bool OutputFile::has_room_after(int error) noexcept {
  return (error == ENOSPC || error == EDQUOT) && room_ != nullptr && room_->after_full();
}

std::int64_t OutputFile::seek(void* opaque, std::int64_t offset, int whence) noexcept {
  const int descriptor = static_cast<OutputFile*>(opaque)->descriptor_.get();
  struct stat status{};
  if (whence == AVSEEK_SIZE) return ::fstat(descriptor, &status) == 0 ? status.st_size : AVERROR(errno);
  const auto position = ::lseek(descriptor, offset, whence);
  return position < 0 ? AVERROR(errno) : position;
}

OutputFile::OutputFile(std::string path, DiskRoom* room) : path_(std::move(path)), room_(room) {
  open();
  struct stat status{};
  if (::fstat(descriptor_.get(), &status) != 0) fail(errno, "create");
  regular_ = S_ISREG(status.st_mode);
  if (regular_) claim(status.st_dev, status.st_ino);
  readable_ = readable_ && regular_;
  had_content_ = regular_ && status.st_size > 0;
  make_io();
}

void OutputFile::open() {
  constexpr mode_t kMode = 0666;
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC;
  descriptor_.reset(::open(path_.c_str(), kFlags | O_EXCL, kMode));
  if (descriptor_.get() < 0 && has_room_after(errno))
    descriptor_.reset(::open(path_.c_str(), kFlags | O_EXCL, kMode));
  created_ = descriptor_.get() >= 0;
  if (!created_) descriptor_.reset(::open(path_.c_str(), kFlags, kMode));
  readable_ = descriptor_.get() >= 0;
  // Pipes and devices can often only be written.
  if (!readable_ && errno != ENOENT) descriptor_.reset(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  if (descriptor_.get() < 0) fail(errno, "create");
}

void OutputFile::make_io() {
  io_ = make_writing_io<&OutputFile::write>(1 << 16, this, regular_ ? &OutputFile::seek : nullptr);
}

void OutputFile::claim(std::uint64_t device, std::uint64_t inode) {
  auto free = WriteClaim::of(device, inode);
  if (!free) {
    throw Error("cannot write '" + path_ +
                "': this process is writing the file already; give it another name");
  }
  claim_.emplace(std::move(*free));
}

OutputFile::~OutputFile() {
  io_.reset();
  remove_unused();
}

/// The name may be another file's by now.
void OutputFile::remove_unused() noexcept {
  if (!created_ || began_ || descriptor_.get() < 0) return;
  struct stat own{};
  struct stat named{};
  if (::fstat(descriptor_.get(), &own) != 0 || ::lstat(path_.c_str(), &named) != 0) return;
  if (own.st_dev == named.st_dev && own.st_ino == named.st_ino && own.st_size == 0) ::unlink(path_.c_str());
}

void OutputFile::begin() {
  if (regular_ && ::ftruncate(descriptor_.get(), 0) != 0) fail(errno, "empty");
  began_ = true;
}

std::uint32_t OutputFile::number_at(std::int64_t position) const {
  std::array<std::uint8_t, 4> bytes{};
  const int error = transfer_whole(bytes.size(), [&](std::size_t done, std::size_t left) {
    return ::pread(descriptor_.get(), bytes.data() + done, left, position + static_cast<std::int64_t>(done));
  });
  if (error != 0) fail(error, "read back");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

void OutputFile::overwrite(std::int64_t position, const std::array<std::uint8_t, 16>& bytes) const {
  const int error = transfer_whole(bytes.size(), [&](std::size_t done, std::size_t left) {
    return ::pwrite(descriptor_.get(), bytes.data() + done, left, position + static_cast<std::int64_t>(done));
  });
  if (error != 0) fail(error, "write the end of");
}

void OutputFile::cut(std::int64_t position) noexcept {
  cut_ = true;
  if (regular_) static_cast<void>(::ftruncate(descriptor_.get(), position) == 0);
}

void OutputFile::abandon() noexcept {
  if (std::exchange(began_, false)) cut(0);
  cut_ = true;
}

int OutputFile::close() noexcept {
  avio_flush(io_.get());
  int result = io_->error;
  struct stat status{};
  if (::fstat(descriptor_.get(), &status) == 0) size_ = status.st_size;
  remove_unused();
  if (const int error = descriptor_.close(); error != 0 && result >= 0) result = AVERROR(error);
  claim_.reset();
  return result;
}

void OutputFile::fail(int error, const char* doing) const {
  const auto folder = std::filesystem::path(path_).parent_path();
  std::error_code unknown;
  const bool no_folder = error == ENOENT && !folder.empty() && !std::filesystem::exists(folder, unknown);
  throw Error(std::string("cannot ") + doing + " '" + path_ + "': " + ffmpeg_text(AVERROR(error)) +
              (no_folder ? ": make the folder '" + folder.string() + "' first" : ""));
}

}  // namespace freshframe::media
