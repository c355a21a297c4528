// Decoders write into slabs while a pipeline has a process node, without changing the frames.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <optional>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "process/memory/slab_pool.hpp"
#include <gtest/gtest.h>

namespace freshframe::process {
namespace {

constexpr int kSlabFrames = 40;

struct SlabPictures {
  std::vector<test::Bytes> pixels;
  int in_slabs = 0;
};

bool lies_in_slab(const Frame& frame) {
  for (const auto& plane : frame.planes()) {
    if (!SlabPool::get_shared().find(plane.data)) return false;
  }
  return true;
}

SlabPictures decode(const std::string& path, int threads) {
  test::Hand hand;
  const auto source = open(path, {.decoder_threads = threads});
  source->open(hand.context());
  SlabPictures seen;
  std::vector<Frame> kept;  // so that slabs are in use by references, frames in flight and kept frames
  while (auto item = source->read(hand.context())) {
    test::Bytes pixels;
    for (const auto& plane : item->value.planes()) {
      const auto part = test::packed_luma(plane);
      pixels.insert(pixels.end(), part.begin(), part.end());
    }
    seen.pixels.push_back(std::move(pixels));
    seen.in_slabs += lies_in_slab(item->value) ? 1 : 0;
    kept.push_back(std::move(item->value));
    if (kept.size() > 7) kept.erase(kept.begin());
  }
  source->close();
  return seen;
}

struct Clip {
  std::string name;
  std::optional<AVCodecID> codec = {};  // none means x264 with B frames
  AVPixelFormat format = AV_PIX_FMT_YUV420P;
};

void PrintTo(const Clip& clip, std::ostream* out) {
  *out << clip.name;
}

class DecoderSlabs : public ::testing::TestWithParam<Clip> {
 protected:
  [[nodiscard]] std::string clip() const {
    const auto path = folder_.file(GetParam().name);
    if (!GetParam().codec) return test::write_video(path, kSlabFrames);
    test::write_encoded(path, *GetParam().codec, GetParam().format, kSlabFrames,
                        [](AVFrame& frame, int number) {
                          for (int plane = 0; plane < 4 && frame.buf[plane] != nullptr; ++plane) {
                            for (std::size_t i = 0; i < frame.buf[plane]->size; ++i) {
                              frame.buf[plane]->data[i] =
                                  static_cast<std::uint8_t>(i / 7 + static_cast<std::size_t>(number) * 5);
                            }
                          }
                        });
    return path;
  }

 private:
  const test::Folder folder_;
};

TEST_P(DecoderSlabs, ThePicturesAreThoseOfFFmpegsOwnMemory) {
  const auto path = clip();
  for (const int threads : {1, 2}) {
    const auto plain = decode(path, threads);
    EXPECT_EQ(plain.in_slabs, 0);
    EXPECT_TRUE(SlabPool::get_shared().slabs().empty()) << "without a process node there is no slab";
    EXPECT_EQ(plain.pixels.size(), std::size_t{kSlabFrames});
    const SlabUse use;
    const auto shared = decode(path, threads);
    EXPECT_EQ(shared.in_slabs, kSlabFrames);
    EXPECT_EQ(shared.pixels, plain.pixels);
  }
  EXPECT_TRUE(SlabPool::get_shared().slabs().empty());
}

INSTANTIATE_TEST_SUITE_P(Clips, DecoderSlabs,
                         ::testing::Values(Clip{"h264.mp4"}, Clip{"ffv1.mkv", AV_CODEC_ID_FFV1},
                                           Clip{"ffv1_444.mkv", AV_CODEC_ID_FFV1, AV_PIX_FMT_YUV444P},
                                           Clip{"ffv1_alpha.mkv", AV_CODEC_ID_FFV1, AV_PIX_FMT_YUVA420P},
                                           Clip{"mpeg4.avi", AV_CODEC_ID_MPEG4},
                                           Clip{"mjpeg.avi", AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ422P},
                                           Clip{"gray.mkv", AV_CODEC_ID_FFV1, AV_PIX_FMT_GRAY8}),
                         [](const auto& clip) {
                           return clip.param.name.substr(0, clip.param.name.find('.'));
                         });

TEST(DecoderSlab, TheDemoSceneDrawsIntoSlabs) {
  test::Hand hand;
  const SlabUse use;
  const auto source = open("demo:circles?size=320x240&balls=2&pace=0&frames=3");
  source->open(hand.context());
  const auto item = source->read(hand.context());
  ASSERT_TRUE(item.has_value());
  EXPECT_TRUE(lies_in_slab(item->value));
  source->close();
}

TEST(DecoderSlab, WithoutRoomInSlabsFFmpegsOwnMemoryIsUsed) {
  const test::Folder folder;
  const auto path = test::write_video(folder.file("a.mp4"), 10);
  SlabPool none([] { return std::size_t{0}; });
  FramePool::get_shared().use({&none, [](SlabPool*) {}});
  const auto seen = decode(path, 2);
  FramePool::get_shared().use(nullptr);
  EXPECT_EQ(seen.pixels.size(), 10U);
  EXPECT_EQ(seen.in_slabs, 0);
}

}  // namespace
}  // namespace freshframe::process
