// The built-in scene as a source, in real time or as fast as it is read.
// SPDX-License-Identifier: Apache-2.0
#include "sources/demo/demo_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <string>
#include <utility>

#include "core/pacer.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "sources/demo/demo_url.hpp"
#include "sources/demo/paint.hpp"
#include "sources/demo/scene.hpp"
#include "sources/live/device_time.hpp"

namespace freshframe::media {
namespace {

class DemoSource final : public VideoSource {
 public:
  DemoSource(std::string url, const DemoOptions& options, Turn turn)
      : url_(std::move(url)),
        options_(options),
        turn_(turn),
        scene_(options),
        pacer_(options.fps, options.frames) {}

  [[nodiscard]] bool live() const noexcept override { return options_.paced; }
  [[nodiscard]] std::optional<std::int64_t> total() const override {
    return options_.paced ? std::nullopt : options_.frames;
  }
  [[nodiscard]] std::string url() const override { return url_; }

  [[nodiscard]] VideoInfo info() const override {
    const auto size = turned(FrameSize{options_.width, options_.height}, turn_);
    VideoInfo info{.codec = "rawvideo",
                   .width = size.width,
                   .height = size.height,
                   .fps = options_.fps,
                   .frame_count = options_.frames,
                   .duration = {},
                   .pixel_format = "yuv420p",
                   .container = "demo"};
    if (options_.frames) info.duration = static_cast<double>(*options_.frames) / options_.fps;
    return info;
  }

  void open(const Context& context) override {
    painter_ = std::make_unique<DemoPainter>(options_, scene_, context.stop);
    if (context.stop.stop_requested()) {
      throw SourceError("'" + url_ + "' was stopped before it was opened", url_, ECANCELED);
    }
  }

  std::optional<SourceItem<Frame>> read(const Context& context) override {
    if (options_.paced) {
      const auto tick = pacer_.next(context.clock, context.stop);
      if (!tick) return std::nullopt;
      if (tick->missed > 0) context.counters.drop(NodeDropCause::Device, tick->missed);
      auto paced = item(tick->n, tick->due);
      paced.utc = compute_device_utc(context.clock, tick->due);
      return paced;
    }
    if (context.stop.stop_requested() || (options_.frames && unpaced_ >= *options_.frames))
      return std::nullopt;
    return item(unpaced_++, context.clock.now());
  }

  void close() override { painter_.reset(); }

 private:
  [[nodiscard]] SourceItem<Frame> item(std::int64_t n, TimePoint captured) const {
    FrameBuilder frame(painter_->format());
    painter_->paint(scene_.balls(n), frame);
    return {.value = turned(std::move(frame).publish(pixel_ops()), turn_),
            .pts = static_cast<double>(n) / options_.fps,
            .captured = captured,
            .seq = n};
  }

  std::string url_;
  DemoOptions options_;
  Turn turn_;
  DemoScene scene_;
  std::unique_ptr<DemoPainter> painter_;  // exists from open() to close()
  core::Pacer pacer_;
  std::int64_t unpaced_ = 0;
};

}  // namespace

std::vector<DemoShape> demo_shapes(const std::string& url, std::int64_t seq) {
  const auto options = parse_demo_url(url);
  if (!options.shapes) throw OptionError("demo.shapes() needs a URL of demo:shapes, got '" + url + "'");
  if (seq < 0)
    throw OptionError("demo.shapes() needs a frame number of at least 0, got " + std::to_string(seq));
  return DemoScene(options).shapes(seq);
}

std::unique_ptr<VideoSource> open_demo(const std::string& url, Turn turn) {
  return std::make_unique<DemoSource>(url, parse_demo_url(url), turn);
}

}  // namespace freshframe::media

namespace freshframe {

std::vector<DemoCircle> demo_circles(const std::string& url, std::int64_t seq) {
  const auto options = media::parse_demo_url(url);
  if (options.shapes) {
    throw OptionError("demo.circles() needs a URL of demo:circles, got '" + url +
                      "': use demo.shapes() for demo:shapes");
  }
  if (seq < 0)
    throw OptionError("demo.circles() needs a frame number of at least 0, got " + std::to_string(seq));
  return media::DemoScene(options).truth(seq);
}

}  // namespace freshframe
