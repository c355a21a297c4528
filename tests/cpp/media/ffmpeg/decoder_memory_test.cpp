// The missing part of a damaged frame does not show the previous content of pooled memory.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/frame.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/frame/picture_memory.hpp"
#include "cpp/media/files.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr std::uint8_t kOfAnotherCamera = 0xAB;

/// Memory filled as if it had held another camera's images.
class UsedMemory final : public core::PictureMemory {
 public:
  std::uint8_t* allocate(std::size_t bytes) noexcept override {
    constexpr std::size_t kAligned = 64;
    auto* memory = static_cast<std::uint8_t*>(
        std::aligned_alloc(kAligned, (bytes + kAligned - 1) / kAligned * kAligned));
    if (memory != nullptr) std::memset(memory, kOfAnotherCamera, bytes);
    return memory;
  }
  void deallocate(std::uint8_t* memory) noexcept override { std::free(memory); }
};

/// Returns the first half of the file's first packet.
AvPacketPtr half_a_picture(AVFormatContext& input) {
  auto packet = make_av_packet();
  require(av_read_frame(&input, packet.get()));
  av_shrink_packet(packet.get(), packet->size / 2);
  return packet;
}

TEST(DecoderMemory, HalfAPictureDoesNotShowAnotherCamerasOne) {
  const Folder folder;
  const auto path = folder.file("a.avi");
  write_encoded(path, AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ422P, 2, [](AVFrame& frame, int /*number*/) {
    for (std::size_t i = 0; i < frame.buf[0]->size; ++i) {
      // Detail everywhere, so that half of the bytes contain half of the image.
      frame.buf[0]->data[i] = static_cast<std::uint8_t>(i * 7 % 120);
    }
  });
  const auto input = open_input(path);
  FramePool::get_shared().use(std::make_shared<UsedMemory>());
  {
    Dictionary options;
    Decoder decoder(*input->streams[0], {.low_delay = true}, options);
    const auto packet = half_a_picture(*input);
    static_cast<void>(decoder.send(*packet, {}));  // may report an error
    const auto frame = make_av_frame();
    ASSERT_EQ(decoder.receive(*frame), Decoder::Result::Frame);
    const auto* const row = frame->data[0] + std::ptrdiff_t{kHeight - 1} * frame->linesize[0];
    EXPECT_EQ(std::count(row, row + kWidth, kOfAnotherCamera), 0);
  }
  FramePool::get_shared().use(nullptr);
}

}  // namespace
}  // namespace freshframe::test
