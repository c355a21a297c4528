// The built-in scene: its ground truth compared with its pixels, and its motion.
// SPDX-License-Identifier: Apache-2.0
#include "sources/demo/scene.hpp"

#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "cpp/media/paced.hpp"
#include "sources/demo/demo_url.hpp"
#include "sources/demo/paint.hpp"
#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using test::pixels_of;
using test::render_demo;

constexpr int kRimPoints = 720;

/// Interpolates a plane between its pixels. Beyond the edges, the nearest pixels count.
double value_at(const Plane& plane, double x, double y) {
  const auto pixel = [&](double px, double py) {
    const int column = std::clamp(static_cast<int>(px), 0, plane.row_bytes - 1);
    return static_cast<double>(plane.row(std::clamp(static_cast<int>(py), 0, plane.rows - 1))[column]);
  };
  const double fx = std::floor(x);
  const double fy = std::floor(y);
  const double top = std::lerp(pixel(fx, fy), pixel(fx + 1, fy), x - fx);
  const double bottom = std::lerp(pixel(fx, fy + 1), pixel(fx + 1, fy + 1), x - fx);
  return std::lerp(top, bottom, y - fy);
}

struct RimPoint {
  double cosine;
  double sine;
};

RimPoint rim_point(int index) {
  const double angle = 2 * std::numbers::pi * index / kRimPoints;
  return {std::cos(angle), std::sin(angle)};
}

bool inside(const DemoCircle& circle, double x, double y) {
  return std::hypot(x - circle.x, y - circle.y) < circle.r;
}

bool touches_another(const DemoCircle& circle, const std::vector<DemoCircle>& circles) {
  return std::ranges::any_of(circles, [&](const DemoCircle& other) {
    return other.id != circle.id &&
           std::hypot(other.x - circle.x, other.y - circle.y) < circle.r + other.r + 3;
  });
}

TEST(DemoScene, SameUrlAndSeqGiveSamePixelsInAnyOrder) {
  const std::string url = "demo:circles?size=320x180&balls=7&seed=9";
  const DemoOptions options = parse_demo_url(url);
  const DemoScene scene(options);
  const DemoPainter painter(options, scene);
  std::vector<std::vector<std::uint8_t>> forwards(5);
  for (int n = 0; n < 5; ++n) {
    FrameBuilder frame(painter.format());
    painter.paint(scene.balls(n), frame);
    forwards[static_cast<std::size_t>(n)] = pixels_of(std::move(frame).publish());
  }
  for (int n = 4; n >= 0; --n)
    EXPECT_EQ(pixels_of(render_demo(url, n)), forwards[static_cast<std::size_t>(n)]) << n;
  EXPECT_NE(forwards[0], forwards[1]);
  EXPECT_NE(pixels_of(render_demo("demo:circles?size=320x180&balls=7&seed=10", 0)), forwards[0]);
}

TEST(DemoScene, TruthIsWhereTheLumaHasItsEdge) {
  const std::string url = "demo:circles?balls=5&seed=3";
  int measured = 0;
  for (const std::int64_t seq : {0, 77, 500, 123456789}) {
    const Frame frame = render_demo(url, seq);
    const Plane luma = frame.luma();
    const auto circles = demo_circles(url, seq);
    for (const DemoCircle& circle : circles) {
      // In front of another ball, the edge has less contrast.
      if (circle.visible < 1 || touches_another(circle, circles)) continue;
      ++measured;
      double radius = 0;  // error of the drawn ball against the truth
      double right = 0;
      double down = 0;
      for (int i = 0; i < kRimPoints; ++i) {
        const auto [cosine, sine] = rim_point(i);
        const auto along = [&, cosine = cosine, sine = sine](double r) {
          return value_at(luma, circle.x + r * cosine, circle.y + r * sine);
        };
        const double ball = along(circle.r - 2.5);
        const double behind = along(circle.r + 2.5);
        ASSERT_GT(ball, behind + 20) << "ball " << circle.id << " of frame " << seq << " at point " << i;
        double edge = circle.r - 2.5;
        while (along(edge) > 0.5 * (ball + behind)) edge += 0.05;
        radius += (edge - circle.r) / kRimPoints;
        right += 2 * cosine * edge / kRimPoints;
        down += 2 * sine * edge / kRimPoints;
      }
      SCOPED_TRACE("ball " + std::to_string(circle.id) + " of frame " + std::to_string(seq));
      EXPECT_NEAR(radius, 0, 0.15);
      EXPECT_NEAR(right, 0, 0.15);
      EXPECT_NEAR(down, 0, 0.15);
    }
  }
  EXPECT_GT(measured, 10);
}

TEST(DemoScene, VisibleIsTheShareOfTheRimThatIsNeitherHiddenNorOutside) {
  const std::string url = "demo:circles?size=640x360&balls=40&seed=2";
  int partly = 0;
  for (std::int64_t seq = 0; seq < 300; seq += 60) {
    const auto circles = demo_circles(url, seq);
    for (auto circle = circles.begin(); circle != circles.end(); ++circle) {
      int seen = 0;
      for (int i = 0; i < kRimPoints; ++i) {
        const auto [cosine, sine] = rim_point(i);
        const double x = circle->x + circle->r * cosine;
        const double y = circle->y + circle->r * sine;
        const bool hidden =
            std::any_of(circle + 1, circles.end(), [&](const auto& nearer) { return inside(nearer, x, y); });
        if (!hidden && x >= -0.5 && y >= -0.5 && x <= 639.5 && y <= 359.5) ++seen;
      }
      // The sampled fraction may be off by one point at each end of an arc.
      EXPECT_NEAR(circle->visible, static_cast<double>(seen) / kRimPoints, 8.0 / kRimPoints);
      if (circle->visible > 0 && circle->visible < 1) ++partly;
    }
  }
  EXPECT_GT(partly, 20);
}

TEST(DemoScene, NearerBallsArePaintedOverTheOthers) {
  const std::string url = "demo:circles?size=640x360&balls=12&seed=5";
  int compared = 0;
  for (std::int64_t seq = 0; seq < 600; seq += 100) {
    const Frame frame = render_demo(url, seq);
    const auto circles = demo_circles(url, seq);
    for (auto circle = circles.begin(); circle != circles.end(); ++circle) {
      for (auto nearer = circle + 1; nearer != circles.end(); ++nearer) {
        const bool nearest = std::none_of(nearer + 1, circles.end(), [&](const auto& other) {
          return inside(other, nearer->x, nearer->y);
        });
        if (!nearest || !inside(*circle, nearer->x, nearer->y)) continue;
        // The centre of the nearer ball looks the same without the farther one.
        const DemoOptions options = parse_demo_url(url);
        const DemoScene scene(options);
        const DemoPainter painter(options, scene);
        auto balls = scene.balls(seq);
        std::erase_if(balls, [&](const DemoBall& ball) { return ball.id == circle->id; });
        FrameBuilder builder(painter.format());
        painter.paint(balls, builder);
        const Frame alone = std::move(builder).publish();
        for (int plane = 0; plane < 3; ++plane) {
          const double scale = plane == 0 ? 1 : 0.5;
          const auto index = static_cast<std::size_t>(plane);
          EXPECT_EQ(value_at(frame.planes()[index], scale * nearer->x, scale * nearer->y),
                    value_at(alone.planes()[index], scale * nearer->x, scale * nearer->y));
        }
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 0);
}

TEST(DemoScene, BallsMoveSmoothlyAndTheirCentresStayInThePicture) {
  for (const std::string url : {"demo:circles?balls=30", "demo:circles?balls=30&size=16x16",
                                "demo:circles?balls=30&size=8192x16", "demo:circles?balls=30&size=16x8192"}) {
    const DemoOptions options = parse_demo_url(url);
    auto before = demo_circles(url, 0);
    ASSERT_EQ(before.size(), 30U);
    for (std::int64_t seq = 1; seq < 600; ++seq) {
      const auto now = demo_circles(url, seq);
      for (std::size_t i = 0; i < now.size(); ++i) {
        EXPECT_EQ(now[i].id, static_cast<int>(i));
        ASSERT_LT(std::hypot(now[i].x - before[i].x, now[i].y - before[i].y), 0.025 * options.height) << url;
        ASSERT_TRUE(now[i].x >= 0 && now[i].x <= options.width - 1 && now[i].y >= 0 &&
                    now[i].y <= options.height - 1)
            << url << " " << now[i].x << " " << now[i].y;
      }
      before = now;
    }
  }
}

TEST(DemoScene, TheSceneDoesNotDependOnTheFrameRate) {
  const auto slow = demo_circles("demo:circles?fps=30", 45);
  const auto fast = demo_circles("demo:circles?fps=60", 90);
  for (std::size_t i = 0; i < slow.size(); ++i) {
    EXPECT_DOUBLE_EQ(slow[i].x, fast[i].x);
    EXPECT_DOUBLE_EQ(slow[i].y, fast[i].y);
  }
}

TEST(DemoScene, AnyNumberOfBallsInAnySizeIsPainted) {
  for (const std::string url : {"demo:circles?balls=0&size=16x16", "demo:circles?balls=100&size=16x16",
                                "demo:circles?balls=100&size=64x1024", "demo:circles?balls=1&size=1024x16"}) {
    const Frame frame = render_demo(url, 12);
    EXPECT_EQ(demo_circles(url, 12).size(), static_cast<std::size_t>(parse_demo_url(url).balls));
    const auto pixels = pixels_of(frame);
    EXPECT_GE(*std::ranges::min_element(pixels), 16) << url;
    EXPECT_LE(*std::ranges::max_element(pixels), 240) << url;
  }
}

}  // namespace
}  // namespace freshframe::media
