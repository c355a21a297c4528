// Loads the NVIDIA driver's functions at run time, without linking to CUDA or including its headers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace freshframe::media {

/// A GPU's limits for a codec, with the layout of the driver's CUVIDDECODECAPS.
struct DecoderCapabilities {
  int codec = 0;
  int chroma = 1;  // 4:2:0
  unsigned bits_minus8 = 0;
  unsigned reserved[3] = {};
  std::uint8_t is_supported = 0;
  std::uint8_t engines = 0;
  std::uint16_t formats = 0;
  unsigned most_width = 0;
  unsigned most_height = 0;
  unsigned most_blocks = 0;  // blocks of 16x16 pixels
  std::uint16_t least_width = 0;
  std::uint16_t least_height = 0;
  unsigned rest[11] = {};
};
static_assert(sizeof(DecoderCapabilities) == 88);

/// A copy of rows, by default from the GPU to the host, with the layout of the driver's CUDA_MEMCPY2D.
struct RowsCopy {
  static constexpr int kInHost = 1;
  static constexpr int kOnCard = 2;

  std::size_t source_x = 0;  // bytes
  std::size_t source_y = 0;
  int source_kind = kOnCard;
  const void* source_host = nullptr;
  std::uint64_t source_device = 0;
  void* source_array = nullptr;
  std::size_t source_pitch = 0;
  std::size_t target_x = 0;
  std::size_t target_y = 0;
  int target_kind = kInHost;
  void* target_host = nullptr;
  std::uint64_t target_device = 0;
  void* target_array = nullptr;
  std::size_t target_pitch = 0;
  std::size_t width_bytes = 0;
  std::size_t height = 0;
};
static_assert(sizeof(RowsCopy) == 128);

/// Functions named as in the driver's documentation. Each returns 0, or an error code.
struct CudaDriver {
  int (*init)(unsigned flags) = nullptr;
  int (*driver_version)(int* version) = nullptr;  // 12040: CUDA 12.4
  int (*device_count)(int* count) = nullptr;
  int (*device)(int* device, int index) = nullptr;
  int (*device_name)(char* name, int size, int device) = nullptr;
  int (*primary_state)(int device, unsigned* flags, int* is_active) = nullptr;
  int (*set_primary_flags)(int device, unsigned flags) = nullptr;
  int (*retain_primary)(void** context, int device) = nullptr;
  int (*release_primary)(int device) = nullptr;
  int (*push_context)(void* context) = nullptr;
  int (*pop_context)(void** context) = nullptr;
  int (*error_name)(int error, const char** name) = nullptr;
  int (*copy_rows)(const RowsCopy* copy, void* stream) = nullptr;  // cuMemcpy2DAsync
  int (*wait_for_stream)(void* stream) = nullptr;
  int (*decoder_capabilities)(DecoderCapabilities* wish) = nullptr;
  int (*memory_info)(std::size_t* free, std::size_t* total) = nullptr;
  int (*allocate)(std::uint64_t* address, std::size_t bytes) = nullptr;
  int (*deallocate)(std::uint64_t address) = nullptr;
  int (*make_stream)(void** stream, unsigned flags) = nullptr;
  int (*destroy_stream)(void* stream) = nullptr;
  int (*make_event)(void** event, unsigned flags) = nullptr;
  int (*destroy_event)(void* event) = nullptr;
  int (*record)(void* event, void* stream) = nullptr;
  int (*wait_for_event)(void* event) = nullptr;
  int (*stream_waits)(void* stream, void* event, unsigned flags) = nullptr;

  /// Returns "CUDA_ERROR_NO_DEVICE", or the number if the error has no name.
  [[nodiscard]] std::string get_error_name(int error) const;
};

/// A working driver, or the reason why there is none.
struct FoundDriver {
  const CudaDriver* driver = nullptr;
  std::string reason = {};  // the end of a sentence, such as "no NVIDIA driver is installed"
};

/// Loads and initialises the driver at the first call that finds it. Thread-safe.
[[nodiscard]] FoundDriver find_cuda_driver();

}  // namespace freshframe::media
