// freshframe.types.DevicePlane: a plane in GPU memory, shared with PyTorch and others through DLPack without
// a copy.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/device.hpp"
#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"

namespace nb = nanobind;

namespace freshframe::gil {

template <>
inline constexpr bool python_free<DeviceMemory> = true;
template <>
inline constexpr bool python_free<DevicePicture> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

/// Stream numbers of the array API: -1 means no synchronization, 1 and 2 are the default streams.
constexpr std::int64_t kNoWaiting = -1;
constexpr std::int64_t kAmbiguous = 0;
constexpr std::int64_t kLegacy = 1;
constexpr std::int64_t kPerThread = 2;

/// Unknown GPU work may read the image, so its memory is only reused once all earlier work has finished.
class UnnamedReaders {
 public:
  explicit UnnamedReaders(std::shared_ptr<const DeviceMemory> memory) : memory_(std::move(memory)) {}
  UnnamedReaders(const UnnamedReaders&) = delete;
  UnnamedReaders& operator=(const UnnamedReaders&) = delete;
  ~UnnamedReaders() { memory_->note_reader(kLegacy); }

 private:
  const std::shared_ptr<const DeviceMemory> memory_;
};

struct PlaneOnDevice {
  Frame frame;
  std::size_t index = 0;
  std::unique_ptr<UnnamedReaders> readers = {};  // created when __cuda_array_interface__ is read

  [[nodiscard]] const DevicePicture& picture() const { return *frame.on_device(); }
  [[nodiscard]] Plane shape() const { return picture().format.plane_shape(static_cast<int>(index)); }
};

// ---- structs of the DLPack header

constexpr int kCpu = 1;
constexpr int kCuda = 2;
constexpr std::uint64_t kReadOnly = 1;
constexpr std::uint64_t kIsCopied = 2;

struct Tensor {
  void* data = nullptr;
  int device_type = kCuda;
  int device_id = 0;
  int dimensions = 0;
  std::uint8_t code = 1;  // unsigned
  std::uint8_t bits = 8;
  std::uint16_t lanes = 1;
  std::int64_t* shape = nullptr;
  std::int64_t* strides = nullptr;  // in elements
  std::uint64_t byte_offset = 0;
};
struct OldManaged {
  Tensor tensor;
  void* context = nullptr;
  void (*deleter)(OldManaged* self) = nullptr;

  static constexpr const char* kName = "dltensor";
};
struct Managed {
  std::uint32_t major = 1;
  std::uint32_t minor = 0;
  void* context = nullptr;
  void (*deleter)(Managed* self) = nullptr;
  std::uint64_t flags = 0;
  Tensor tensor;

  static constexpr const char* kName = "dltensor_versioned";
};

/// Keeps the image alive for the consumer, which may release it on any thread.
template <class M>
struct Lent {
  M managed;
  Frame frame;
  std::shared_ptr<const DevicePicture> copy;  // used instead of the frame's image
  std::uintptr_t stream = 0;                  // the stream on which the consumer reads
  std::array<std::int64_t, 3> shape{};
  std::array<std::int64_t, 3> strides{};

  [[nodiscard]] const DevicePicture& picture() const { return copy ? *copy : *frame.on_device(); }

  static void give_back(M* managed) noexcept {
    const std::unique_ptr<Lent> lent(static_cast<Lent*>(managed->context));
    lent->picture().memory->note_reader(lent->stream);
  }
  static void drop(PyObject* capsule) noexcept {
    if (PyCapsule_IsValid(capsule, M::kName) == 0) return;  // a consumer has taken ownership
    auto* const managed = static_cast<M*>(PyCapsule_GetPointer(capsule, M::kName));
    managed->deleter(managed);
  }
};

template <class M>
nb::object make_capsule(const PlaneOnDevice& plane, std::shared_ptr<const DevicePicture> copy,
                        std::uintptr_t stream, std::uint64_t flags) {
  auto lent = std::make_unique<Lent<M>>();
  if (!copy) lent->frame = plane.frame;
  lent->copy = std::move(copy);
  lent->stream = stream;
  const auto& picture = lent->picture();
  const auto& place = picture.planes.at(plane.index);
  const auto shape = plane.shape();
  const std::int64_t channels = plane.index == 0 ? 1 : 2;
  lent->shape = {shape.rows, shape.row_bytes / channels, channels};
  lent->strides = {place.stride, channels, 1};
  auto& tensor = lent->managed.tensor;
  tensor.data = reinterpret_cast<void*>(place.address);  // NOLINT(performance-no-int-to-ptr): a GPU address
  tensor.device_id = picture.card;
  tensor.dimensions = plane.index == 0 ? 2 : 3;
  tensor.shape = lent->shape.data();
  tensor.strides = lent->strides.data();
  lent->managed.context = lent.get();
  lent->managed.deleter = &Lent<M>::give_back;
  if constexpr (requires { lent->managed.flags; }) lent->managed.flags = flags;
  const nb::object capsule = nb::steal(PyCapsule_New(&lent->managed, M::kName, &Lent<M>::drop));
  if (!capsule.is_valid()) throw nb::python_error();
  static_cast<void>(lent.release());  // the capsule's
  return capsule;
}

// ---- __dlpack__

std::int64_t stream_number(nb::handle given) {
  if (given.is_none()) return kLegacy;
  std::int64_t number = 0;
  if (!nb::try_cast(given, number))
    throw OptionTypeError("stream must be a CUDA stream as a number, or None, got " + describe_object(given));
  if (number == kAmbiguous || number < kNoWaiting) {
    throw OptionError(
        "stream must be 1 (the legacy default stream), 2 (the per-thread default stream), another CUDA "
        "stream, or -1 (no synchronization), got " +
        std::to_string(number));
  }
  return number;
}

std::pair<int, int> read_pair(nb::handle given, const char* what) {
  std::pair<int, int> result;
  const bool is_pair = nb::isinstance<nb::tuple>(given) && nb::len(given) == 2 &&
                       nb::try_cast(nb::borrow<nb::tuple>(given)[0], result.first) &&
                       nb::try_cast(nb::borrow<nb::tuple>(given)[1], result.second);
  if (!is_pair)
    throw OptionTypeError(std::string(what) + " must be a pair of numbers, got " + describe_object(given));
  return result;
}

void let_read(const DevicePicture& picture, std::int64_t stream) {
  // A forked child must not use the address: wait() refuses it.
  const bool is_child = forks::Registry::instance().generation() > 0;
  if (stream == kNoWaiting && !is_child) return;
  if (stream == kNoWaiting || stream == kLegacy || stream == kPerThread) return picture.memory->wait();
  picture.memory->wait_on(static_cast<std::uintptr_t>(stream));
}

/// Returns the plane of the copy in host memory, which is shared.
nb::object host_plane(const PlaneOnDevice& plane) {
  return nb::cast(plane.frame).attr("planes")[plane.index];
}

struct Wish {
  std::int64_t stream = kLegacy;
  bool has_version = false;  // 1.0 or newer, which supports read-only memory
  bool copies = false;
};

/// Makes the image, or a copy of it, readable on the stream. Returns the copy, or null.
std::shared_ptr<const DevicePicture> prepare(const DevicePicture& picture, bool copies, std::int64_t stream) {
  std::shared_ptr<const DevicePicture> copy = copies ? picture.memory->copied() : nullptr;
  let_read(copy ? *copy : picture, stream);
  return copy;
}

/// The stream for note_reader(), which may be called on any thread: the legacy stream waits for all threads'
/// streams.
std::uintptr_t reading_stream(std::int64_t stream) {
  return static_cast<std::uintptr_t>(stream == kNoWaiting || stream == kPerThread ? kLegacy : stream);
}

nb::object lend(gil::Held& held, const PlaneOnDevice& plane, const Wish& wish) {
  auto copy = gil::release(held, &prepare, plane.picture(), wish.copies, wish.stream);
  const auto stream = reading_stream(wish.stream);
  if (!wish.has_version) return make_capsule<OldManaged>(plane, std::move(copy), stream, 0);
  const auto flags = wish.copies ? kIsCopied : kReadOnly;
  return make_capsule<Managed>(plane, std::move(copy), stream, flags);
}

nb::object lend_plane(gil::Held& held, const PlaneOnDevice& plane, nb::handle stream, nb::handle max_version,
                      nb::handle dl_device, nb::handle copy) {
  Wish wish{.stream = stream_number(stream)};
  wish.has_version = !max_version.is_none() && read_pair(max_version, "max_version").first >= 1;
  const bool forbids_copy = copy.is(Py_False);
  if (!dl_device.is_none()) {
    const auto [kind, number] = read_pair(dl_device, "dl_device");
    if (kind == kCpu) {
      if (forbids_copy)
        throw nb::buffer_error(
            "the frame is on the GPU, and reading it here needs a copy, which copy=False forbids");
      return nb::module_::import_("freshframe._media.frame_arrays")
          .attr("host_dlpack")(host_plane(plane), wish.has_version ? nb::borrow(max_version) : nb::none(),
                               copy);
    }
    if (kind != kCuda || number != plane.picture().card) {
      throw nb::buffer_error(("the frame is on the GPU, DLPack device (2, " +
                              std::to_string(plane.picture().card) + "), and cannot be exported to device (" +
                              std::to_string(kind) + ", " + std::to_string(number) +
                              "): leave out dl_device=, or pass (1, 0) for a copy in host memory")
                                 .c_str());
    }
  }
  wish.copies = copy.is(Py_True) || !wish.has_version;
  if (wish.copies && forbids_copy) {
    throw nb::buffer_error(
        "frames are immutable, but this consumer may write to them, because it requests a DLPack version "
        "before 1.0: it needs a copy, which copy=False forbids");
  }
  return lend(held, plane, wish);
}

// ---- the class

nb::tuple get_shape(const PlaneOnDevice& plane) {
  const auto shape = plane.shape();
  if (plane.index == 0) return nb::make_tuple(shape.rows, shape.row_bytes);
  return nb::make_tuple(shape.rows, shape.row_bytes / 2, 2);
}

/// Version 3 of the CUDA array interface. The consumer keeps the plane alive while it reads.
nb::dict get_array_interface(gil::Held& held, PlaneOnDevice& plane) {
  gil::release(held, &let_read, plane.picture(), kLegacy);
  const auto& picture = plane.picture();
  if (!plane.readers) plane.readers = std::make_unique<UnnamedReaders>(picture.memory);
  const auto& place = picture.planes.at(plane.index);
  nb::dict result;
  result["version"] = 3;
  result["shape"] = get_shape(plane);
  result["typestr"] = "|u1";
  result["data"] = nb::make_tuple(place.address, true);  // read-only
  result["strides"] = plane.index == 0 ? nb::make_tuple(place.stride, 1) : nb::make_tuple(place.stride, 2, 1);
  result["stream"] = nb::none();  // the image is complete
  return result;
}

std::string describe_plane(const PlaneOnDevice& plane) {
  const auto shape = plane.shape();
  return "DevicePlane(" + std::to_string(shape.rows) + "x" +
         (plane.index == 0 ? std::to_string(shape.row_bytes) : std::to_string(shape.row_bytes / 2) + "x2") +
         ", '" + device_name(plane.frame) + "')";
}

nb::object convert_plane(const PlaneOnDevice& plane, nb::handle dtype, nb::handle copy) {
  return nb::module_::import_("freshframe._media.frame_arrays")
      .attr("cast_array")(host_plane(plane), dtype, copy);
}

nb::object on_device(const Frame& frame) {
  if (frame.on_device() == nullptr) return nb::none();
  return nb::make_tuple(PlaneOnDevice{.frame = frame, .index = 0}, PlaneOnDevice{.frame = frame, .index = 1});
}

}  // namespace

std::string device_name(const Frame& frame) {
  const auto* const picture = frame.on_device();
  return picture == nullptr ? "cpu" : "cuda:" + std::to_string(picture->card);
}

void bind_frame_device(nb::module_& module, nb::class_<Frame>& frame) {
  nb::class_<PlaneOnDevice>(module, "DevicePlane", nb::is_final(),
                            "A uint8 plane in GPU memory, which must not be modified. "
                            "torch.from_dlpack(plane) returns a tensor that shares this memory.")
      .def_prop_ro("shape", &get_shape, nb::sig("def shape(self, /) -> tuple[int, ...]"),
                   "(H, W) for luma, (H, W, 2) for chroma.")
      .def(
          "__dlpack__", gil::entry<&lend_plane>, nb::kw_only(), nb::arg("stream").none() = nb::none(),
          nb::arg("max_version").none() = nb::none(), nb::arg("dl_device").none() = nb::none(),
          nb::arg("copy").none() = nb::none(),
          nb::sig("def __dlpack__(self, *, stream: int | None = None, max_version: tuple[int, int] | None = "
                  "None, dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> typing.Any"),
          "Exports the plane to DLPack: without a copy for consumers that support version 1.0, with a copy "
          "on the GPU for older ones. `dl_device=(1, 0)` exports the copy in host memory, which is made once "
          "and then shared.\n\nWork that is submitted to `stream` afterwards starts once the image is "
          "complete. -1 means no synchronization.\n\nRaises:\n    BufferError: A copy is needed, but "
          "`copy=False`; or `dl_device` is another device.\n    DeviceError: The GPU has failed, or has too "
          "little memory for a copy.\nGIL: released")
      .def(
          "__dlpack_device__",
          [](const PlaneOnDevice& self) { return nb::make_tuple(kCuda, self.picture().card); },
          nb::sig("def __dlpack_device__(self) -> tuple[int, int]"), "(2, the number of the GPU).")
      .def_prop_ro(
          "__cuda_array_interface__", gil::entry<&get_array_interface>,
          nb::sig("def __cuda_array_interface__(self, /) -> dict[str, typing.Any]"),
          "The plane for consumers without DLPack, such as Numba: version 3 of the interface, read-only, "
          "without a copy. Keep a reference to the plane while you read it.\n\nRaises:\n    DeviceError: The "
          "GPU has failed.\nGIL: released")
      .def("__array__", &convert_plane, nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(),
           nb::sig("def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> "
                   "numpy.typing.NDArray[typing.Any]"),
           "Returns the plane in host memory. The image is downloaded once, then shared.")
      .def("__repr__", &describe_plane);
  frame
      .def_prop_ro("device", &device_name,
                   "The device whose memory holds the image: \"cpu\", or a GPU such as \"cuda:0\".")
      .def_prop_ro(
          "on_device", &on_device,
          nb::sig("def on_device(self, /) -> tuple[DevicePlane, DevicePlane] | None"),
          "The luma and chroma planes (NV12) in GPU memory, or None if the image is in host memory. To keep "
          "images on the GPU, use open(on_device=True).");
}

}  // namespace freshframe::python
