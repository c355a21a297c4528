// The file behind a muxer.
// SPDX-License-Identifier: Apache-2.0
#include "media/file/output_file.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::media {

int OutputFile::write(void* opaque, WrittenByte* data, int size) noexcept {
  const auto& file = *static_cast<OutputFile*>(opaque);
  if (file.cut_) return AVERROR(EIO);
  int done = 0;
  while (done < size) {
    const auto written = ::write(file.descriptor_, data + done, static_cast<std::size_t>(size - done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return AVERROR(errno);
    done += static_cast<int>(written);
  }
  return size;
}

std::int64_t OutputFile::seek(void* opaque, std::int64_t offset, int whence) noexcept {
  const int descriptor = static_cast<OutputFile*>(opaque)->descriptor_;
  struct stat status{};
  if (whence == AVSEEK_SIZE) return ::fstat(descriptor, &status) == 0 ? status.st_size : AVERROR(errno);
  const auto position = ::lseek(descriptor, offset, whence);
  return position < 0 ? AVERROR(errno) : position;
}

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  constexpr int kBufferSize = 1 << 16;
  constexpr mode_t kMode = 0666;
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  readable_ = descriptor_ >= 0;
  // Pipes and devices can often only be written.
  if (descriptor_ < 0 && errno != ENOENT) descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail(errno, "create");
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) fail(errno, "create");
  regular_ = S_ISREG(status.st_mode);
  if (regular_) claim(status.st_dev, status.st_ino);
  readable_ = readable_ && regular_;
  had_content_ = regular_ && status.st_size > 0;
  auto* const buffer = static_cast<std::uint8_t*>(av_malloc(kBufferSize));
  if (buffer == nullptr) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer, kBufferSize, 1, this, nullptr, &OutputFile::write,
                               regular_ ? &OutputFile::seek : nullptr));
  if (!io_) throw std::bad_alloc();
}

void OutputFile::claim(std::uint64_t device, std::uint64_t inode) {
  auto free = WriteClaim::of(device, inode);
  if (free) {
    claim_.emplace(std::move(*free));
    return;
  }
  ::close(descriptor_);
  throw Error("cannot write '" + path_ + "': this process is writing the file already; give it another name");
}

OutputFile::~OutputFile() {
  io_.reset();
  if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::begin() {
  if (regular_ && ::ftruncate(descriptor_, 0) != 0) fail(errno, "empty");
}

std::uint32_t OutputFile::number_at(std::int64_t position) const {
  std::array<std::uint8_t, 4> bytes{};
  if (::pread(descriptor_, bytes.data(), bytes.size(), position) != static_cast<ssize_t>(bytes.size()))
    fail(errno != 0 ? errno : EIO, "read back");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

void OutputFile::overwrite(std::int64_t position, const std::array<std::uint8_t, 16>& bytes) const {
  if (::pwrite(descriptor_, bytes.data(), bytes.size(), position) != static_cast<ssize_t>(bytes.size()))
    fail(errno != 0 ? errno : EIO, "write the end of");
}

void OutputFile::cut(std::int64_t position) noexcept {
  cut_ = true;
  if (regular_) static_cast<void>(::ftruncate(descriptor_, position) == 0);
}

int OutputFile::close() noexcept {
  avio_flush(io_.get());
  int result = io_->error;
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0 && result >= 0) result = AVERROR(errno);
  claim_.reset();
  return result;
}

void OutputFile::fail(int error, const char* doing) const {
  throw Error(std::string("cannot ") + doing + " '" + path_ + "': " + ffmpeg_text(AVERROR(error)));
}

}  // namespace freshframe::media
