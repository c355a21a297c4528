// Frame handles, and the shared object behind them: its pixel formats, its holders, its share of the frame
// budget.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/frame.hpp"

#include "freshframe/device.hpp"
#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/mutex.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/fork_hold.hpp"
#include "core/frame/frame_access.hpp"
#include "core/frame/frame_budget.hpp"

namespace freshframe::core {

// Note [Who holds a frame]
//
// One word counts three kinds of holders: engine handles, loans and pins. The body is freed when the word
// reaches 0. The budget must know whether the engine holds the frame (engine > 0) and whether it is on loan
// (engine == 0, loans > 0). Both only change when the engine count leaves or reaches 0. The thread that takes
// it to 0 while loans remain atomically turns its reference into a pin, so that the body outlives settle(),
// and then drops the pin. settle() reads the word under a mutex and corrects the budget accordingly, so the
// last call leaves it right.
struct FrameBody {
  static constexpr std::uint64_t kEngine = 1;
  static constexpr std::uint64_t kLoan = std::uint64_t{1} << 24;
  static constexpr std::uint64_t kPin = std::uint64_t{1} << 48;
  static constexpr std::uint64_t kCountMask = kLoan - 1;

  static constexpr std::uint64_t engine_count(std::uint64_t word) noexcept { return word & kCountMask; }
  static constexpr std::uint64_t loan_count(std::uint64_t word) noexcept {
    return (word / kLoan) & kCountMask;
  }

  struct Form {
    std::atomic<bool> made{false};
    Picture picture;
    FramePool::Buffer memory;  // empty for the frame's original format, whose memory is elsewhere
    std::atomic<bool> packed{false};
    FramePool::Buffer packed_memory;  // empty if the planes are already packed
    Picture pooled;                   // guarded by conversions(), as is pooled_memory
    FramePool::Buffer pooled_memory;  // empty until the image has been copied
  };

  FrameBody(const Picture& picture, std::size_t size, std::function<void()> on_release,
            const PixelOps& pixel_ops);
  /// For an image on a GPU, which is not copied to host memory yet.
  FrameBody(std::shared_ptr<const DevicePicture> on_card, const PixelOps& pixel_ops);
  FrameBody(const FrameBody&) = delete;
  FrameBody& operator=(const FrameBody&) = delete;
  ~FrameBody();

  void hold(bool loan, std::uint16_t holder) noexcept;
  void drop(bool loan, std::uint16_t holder) noexcept;
  /// Returns the frame in this format, converting if needed. One thread converts, others wait for it.
  const Form& form(PixelFormat format);
  std::span<const std::uint8_t> pack(PixelFormat format);
  Picture pool(PixelFormat format);
  void settle() noexcept;
  void attach(const std::shared_ptr<FrameBudget>& budget) noexcept;

  std::atomic<std::uint64_t> holders{kEngine};
  PixelFormat primary;
  std::array<Form, kPixelFormats> forms;
  const PixelOps* ops;
  std::function<void()> release;
  std::atomic<std::size_t> bytes;
  const forks::Birthplace birthplace;
  const std::shared_ptr<const DevicePicture> device;  // null for an image in host memory
  Mutex convert_mutex{LockRank::Conversion};

  std::atomic<FrameBudget*> lender{nullptr};  // kept alive by `budget`, once that is set
  std::atomic<bool> moved{false};             // see FrameAccess::is_moved()

  Mutex budget_mutex{LockRank::Place};
  std::shared_ptr<FrameBudget> budget FRESHFRAME_GUARDED_BY(budget_mutex);
  // Whether the frame counts as published in the budget.
  bool counted FRESHFRAME_GUARDED_BY(budget_mutex) = false;
  std::uint8_t generation FRESHFRAME_GUARDED_BY(budget_mutex) = 0;  // the frame's generation in the budget
  std::size_t charged FRESHFRAME_GUARDED_BY(budget_mutex) = 0;  // bytes of this frame in the budget's loans
  std::size_t charged_device FRESHFRAME_GUARDED_BY(budget_mutex) = 0;  // on a GPU

 private:
  /// Returns convert_mutex or, for a frame inherited from the parent process, a mutex of this process.
  Mutex& conversions() noexcept;
  const Form& convert(Form& target, PixelFormat format);
  void fetch(Form& own);
  [[nodiscard]] std::size_t device_bytes() const noexcept { return device ? device->bytes : 0; }
};

namespace {

/// Size of the packed image in bytes. Throws OptionError if the format is subsampled and a size is odd,
/// because then there is no packed form.
[[nodiscard]] std::size_t packed_size(const PictureFormat& format) {
  const bool half_width = format.format == PixelFormat::Nv12 || format.format == PixelFormat::I420 ||
                          format.format == PixelFormat::I422;
  const bool half_height = format.format == PixelFormat::Nv12 || format.format == PixelFormat::I420;
  if ((half_width && format.width % 2 != 0) || (half_height && format.height % 2 != 0)) {
    throw OptionError("a frame in " + std::string(to_string(format.format)) + " of odd size " +
                      std::to_string(format.width) + "x" + std::to_string(format.height) +
                      " has no single array: use planes, luma or bgr");
  }
  std::size_t bytes = 0;
  for (int i = 0; i < format.plane_count(); ++i) {
    const auto shape = format.plane_shape(i);
    bytes += static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.row_bytes);
  }
  return bytes;
}

[[nodiscard]] bool lies_packed(const Picture& picture) noexcept {
  const auto* expected = picture.planes[0].data;
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    const auto& plane = picture.planes[static_cast<std::size_t>(i)];
    if (plane.data != expected || (plane.rows > 1 && plane.stride != plane.row_bytes)) return false;
    expected += static_cast<std::ptrdiff_t>(plane.rows) * plane.row_bytes;
  }
  return true;
}

void copy_packed(const Picture& picture, std::uint8_t* to) noexcept {
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    const auto& plane = picture.planes[static_cast<std::size_t>(i)];
    for (int y = 0; y < plane.rows; ++y) {
      std::memcpy(to, plane.row(y), static_cast<std::size_t>(plane.row_bytes));
      to += plane.row_bytes;
    }
  }
}

}  // namespace

}  // namespace freshframe::core

namespace freshframe {

namespace {

core::FrameBody::Form& form_slot(core::FrameBody& body, PixelFormat format) {
  return body.forms[static_cast<std::size_t>(format)];
}

struct InheritedConversions {
  Mutex mutex{LockRank::Conversion};
  core::ForkHold hold{mutex, LockRank::Conversion};
};

const Picture& made_picture(const core::FrameBody& body, PixelFormat format) {
  return body.forms[static_cast<std::size_t>(format)].picture;
}

}  // namespace

core::FrameBody::FrameBody(const Picture& picture, std::size_t size, std::function<void()> on_release,
                           const PixelOps& pixel_ops)
    : primary(picture.format.format), ops(&pixel_ops), release(std::move(on_release)), bytes(size) {
  auto& first = form_slot(*this, primary);
  first.picture = picture;
  first.made.store(true, std::memory_order_release);
}

core::FrameBody::FrameBody(std::shared_ptr<const DevicePicture> on_card, const PixelOps& pixel_ops)
    : primary(on_card->format.format), ops(&pixel_ops), bytes(on_card->bytes), device(std::move(on_card)) {
  form_slot(*this, primary).picture.format = device->format;
}

// Note [Inherited frames]
//
// A forked child may use the frames that it inherited. In the parent, another thread may have been converting
// or counting one at the time of the fork. So the child locks none of their mutexes: it converts under its
// own mutex, repeats unfinished conversions, and counts nothing. It does not free them either, because a
// camera's buffer or a worker's lease would then be refilled while the parent still reads it.
core::FrameBody::~FrameBody() {
  if (budget) {
    if (counted) budget->unpublish(generation);
    if (charged > 0) budget->charge(-static_cast<std::ptrdiff_t>(charged));
    if (charged_device > 0) budget->charge_device(-static_cast<std::ptrdiff_t>(charged_device));
    if (device) budget->give_device(device->bytes);
  }
  if (release) release();
}

void core::FrameBody::hold(bool loan, std::uint16_t holder) noexcept {
  if (holder != 0) lender.load(std::memory_order_acquire)->lend(holder, 1, device_bytes());
  const auto before = holders.fetch_add(loan ? kLoan : kEngine, std::memory_order_relaxed);
  if (!loan && engine_count(before) == 0) settle();  // the caller's loan keeps the body alive in the meantime
}

void core::FrameBody::drop(bool loan, std::uint16_t holder) noexcept {
  if (holder != 0) lender.load(std::memory_order_acquire)->lend(holder, -1, device_bytes());
  auto word = holders.load(std::memory_order_relaxed);
  const auto unit = loan ? kLoan : kEngine;
  bool pinned = false;
  std::uint64_t next = 0;
  do {
    pinned = !loan && engine_count(word) == 1 && loan_count(word) > 0;
    next = word - unit + (pinned ? kPin : 0);
  } while (!holders.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  if (pinned) {
    settle();
    next = holders.fetch_sub(kPin, std::memory_order_acq_rel) - kPin;
  }
  if (next == 0 && !birthplace.is_inherited()) delete this;
}

Mutex& core::FrameBody::conversions() noexcept {
  return birthplace.is_inherited() ? forks::ProcessWide<InheritedConversions>::get().mutex : convert_mutex;
}

const core::FrameBody::Form& core::FrameBody::form(PixelFormat format) {
  auto& target = form_slot(*this, format);
  if (target.made.load(std::memory_order_acquire)) return target;
  const Lock lock(conversions());
  if (auto& own = form_slot(*this, primary); !own.made.load(std::memory_order_relaxed)) fetch(own);
  if (target.made.load(std::memory_order_relaxed)) return target;
  return convert(target, format);
}

/// Other threads may read the image's format at the same time.
void core::FrameBody::fetch(Form& own) {
  FrameBuilder builder(own.picture.format);
  device->memory->fetch(builder.picture());
  own.picture.planes = builder.picture().planes;
  const auto added = builder.size_bytes();
  own.memory = std::move(builder).take_memory();
  own.made.store(true, std::memory_order_release);
  bytes.fetch_add(added, std::memory_order_relaxed);
  settle();
}

const core::FrameBody::Form& core::FrameBody::convert(Form& target, PixelFormat format) {
  const auto& from = made_picture(*this, primary);
  PictureFormat wanted = from.format;
  wanted.format = format;
  FrameBuilder builder(wanted);
  if (!ops->convert(from, builder.picture()) && !basic_pixel_ops().convert(from, builder.picture())) {
    throw Error("cannot convert a " + std::string(to_string(primary)) + " frame to " +
                std::string(to_string(format)) +
                ": the PixelOps that this frame was created with cannot do it; create frames with "
                "freshframe::pixel_ops()");
  }
  target.picture = builder.picture();
  const auto added = builder.size_bytes();
  target.memory = std::move(builder).take_memory();
  target.made.store(true, std::memory_order_release);
  bytes.fetch_add(added, std::memory_order_relaxed);
  settle();
  return target;
}

std::span<const std::uint8_t> core::FrameBody::pack(PixelFormat format) {
  auto& target = form_slot(*this, format);
  const auto size = core::packed_size(target.picture.format);
  static_cast<void>(form(format));
  const auto result = [&] {
    const auto* memory = target.packed_memory ? target.packed_memory.get() : target.picture.planes[0].data;
    return std::span<const std::uint8_t>(memory, size);
  };
  if (target.packed.load(std::memory_order_acquire)) return result();
  const Lock lock(conversions());
  if (target.packed.load(std::memory_order_relaxed)) return result();
  if (!core::lies_packed(target.picture)) {
    target.packed_memory = FramePool::get_shared().take(size);
    core::copy_packed(target.picture, target.packed_memory.get());
    bytes.fetch_add(size, std::memory_order_relaxed);
    settle();
  }
  target.packed.store(true, std::memory_order_release);
  return result();
}

Picture core::FrameBody::pool(PixelFormat format) {
  auto& target = form_slot(*this, format);
  static_cast<void>(form(format));
  const Lock lock(conversions());
  if (target.pooled_memory) return target.pooled;
  FrameBuilder builder(target.picture.format);
  if (!basic_pixel_ops().convert(target.picture, builder.picture())) throw Error("cannot copy a frame");
  target.pooled = builder.picture();
  bytes.fetch_add(builder.size_bytes(), std::memory_order_relaxed);
  target.pooled_memory = std::move(builder).take_memory();
  settle();
  return target.pooled;
}

void core::FrameBody::settle() noexcept {
  if (birthplace.is_inherited()) return;  // see Note [Inherited frames]
  const Lock lock(budget_mutex);
  if (!budget) return;
  const auto word = holders.load(std::memory_order_acquire);
  const bool held = engine_count(word) > 0;
  const bool lent = !held && loan_count(word) > 0;
  const std::size_t charge = lent ? bytes.load(std::memory_order_relaxed) - device_bytes() : 0;
  const std::size_t on_card = lent ? device_bytes() : 0;
  if (on_card != charged_device) {
    budget->charge_device(static_cast<std::ptrdiff_t>(on_card) - static_cast<std::ptrdiff_t>(charged_device));
    charged_device = on_card;
  }
  if (charge != charged) {
    budget->charge(static_cast<std::ptrdiff_t>(charge) - static_cast<std::ptrdiff_t>(charged));
    charged = charge;
  }
  if (held != counted) {
    counted = held;
    if (held) {
      generation = budget->publish();
    } else {
      budget->unpublish(generation);
    }
  }
}

void core::FrameBody::attach(const std::shared_ptr<core::FrameBudget>& to) noexcept {
  if (birthplace.is_inherited()) return;
  {
    const Lock lock(budget_mutex);
    if (budget) return;
    budget = to;
    if (device) to->take_device(device->bytes, device->most_bytes);
    lender.store(to.get(), std::memory_order_release);
  }
  settle();
}

Frame::Frame(const Frame& other) noexcept
    : body_(other.body_),
      form_(other.form_),
      loan_(other.loan_),
      damaged_(other.damaged_),
      holder_(other.holder_) {
  if (body_ != nullptr) body_->hold(loan_, holder_);
}

void Frame::drop() noexcept {
  body_->drop(loan_, holder_);
}

const PictureFormat& Frame::picture_format() const noexcept {
  return made_picture(*body_, form_).format;
}

std::span<const Plane> Frame::planes() const {
  const auto& made = body_->form(form_).picture;
  return {made.planes.data(), static_cast<std::size_t>(made.format.plane_count())};
}

Picture Frame::picture() const {
  return body_->form(form_).picture;
}

const DevicePicture* Frame::on_device() const noexcept {
  return form_ == body_->primary ? body_->device.get() : nullptr;
}

Plane Frame::luma() const {
  const bool packed_color = form_ == PixelFormat::Bgr || form_ == PixelFormat::Rgb;
  if (!packed_color) return planes()[0];
  return body_->form(PixelFormat::Gray).picture.planes[0];
}

Frame Frame::to(PixelFormat format) const {
  body_->form(format);
  body_->hold(loan_, holder_);
  return {body_, format, loan_, damaged_, holder_};
}

bool Frame::has(PixelFormat format) const noexcept {
  return form_slot(*body_, format).made.load(std::memory_order_acquire);
}

std::span<const std::uint8_t> Frame::pack_planes() const {
  return body_->pack(form_);
}

bool Frame::has_packed() const noexcept {
  return form_slot(*body_, form_).packed.load(std::memory_order_acquire);
}

Picture Frame::pool_picture() const {
  return body_->pool(form_);
}

const PixelOps& Frame::ops() const noexcept {
  return *body_->ops;
}

std::size_t Frame::size_bytes() const noexcept {
  return body_ == nullptr ? 0 : body_->bytes.load(std::memory_order_relaxed);
}

Frame Frame::keep() const noexcept {
  return core::FrameAccess::loan(*this);
}

Frame core::FrameAccess::loan(const Frame& frame, std::uint16_t holder) noexcept {
  auto* const body = frame.body_;
  if (body == nullptr) return {};
  const auto* lender = body->lender.load(std::memory_order_acquire);
  if (lender == nullptr || !lender->knows(holder)) holder = 0;
  body->hold(true, holder);
  return {body, frame.form_, true, frame.damaged_, holder};
}

Frame core::FrameAccess::engine(const Frame& frame) noexcept {
  if (frame.body_ == nullptr) return {};
  frame.body_->hold(false, 0);
  return {frame.body_, frame.form_, false, frame.damaged_};
}

bool core::FrameAccess::is_loan(const Frame& frame) noexcept {
  return frame.loan_;
}

void core::FrameAccess::attach(const Frame& frame, const std::shared_ptr<FrameBudget>& budget) {
  if (frame.body_ != nullptr) frame.body_->attach(budget);
}

bool core::FrameAccess::is_attached(const Frame& frame) noexcept {
  return frame.body_ != nullptr && frame.body_->lender.load(std::memory_order_acquire) != nullptr;
}

bool core::FrameAccess::is_moved(const Frame& frame) noexcept {
  return frame.body_ != nullptr && frame.body_->moved.load(std::memory_order_relaxed);
}

void core::FrameAccess::mark_moved(const Frame& frame) noexcept {
  if (frame.body_ != nullptr) frame.body_->moved.store(true, std::memory_order_relaxed);
}

const void* core::FrameAccess::identity(const Frame& frame) noexcept {
  return frame.body_;
}

Frame Frame::wrap(std::shared_ptr<const DevicePicture> picture, const PixelOps& ops) {
  const auto format = picture->format.format;
  return {new core::FrameBody(std::move(picture), ops), format, false};
}

Frame Frame::wrap(std::span<const Picture> forms, std::size_t bytes, std::function<void()> release,
                  const PixelOps& ops) {
  auto frame = wrap(forms.front(), bytes, std::move(release), ops);
  for (const auto& other : forms.subspan(1)) {
    auto& form = form_slot(*frame.body_, other.format.format);
    form.picture = other;
    form.made.store(true, std::memory_order_release);
  }
  return frame;
}

Frame Frame::wrap(const Picture& picture, std::size_t bytes, std::function<void()> release,
                  const PixelOps& ops) {
  return {new core::FrameBody(picture, bytes, std::move(release), ops), picture.format.format, false};
}

}  // namespace freshframe
