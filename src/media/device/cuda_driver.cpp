// Loads the NVIDIA driver's functions at run time, without linking to CUDA or including its headers.
// SPDX-License-Identifier: Apache-2.0
#include "media/device/cuda_driver.hpp"

#include "freshframe/forks.hpp"

#include <mutex>
#include <optional>
#include <utility>

#include "platform/library.hpp"

namespace freshframe::media {
namespace {

constexpr const char* kDriverLibrary = "libcuda.so.1";
constexpr const char* kDecoderLibrary = "libnvcuvid.so.1";
constexpr int kNotInitialized = 3;
constexpr int kInsufficientDriver = 35;
constexpr int kNoDevice = 100;
constexpr int kDriverMismatch = 803;

template <class Function>
bool find(const platform::Library& library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(library.find(name).address);
  return function != nullptr;
}

std::optional<platform::Library> load_library(const char* name) {
  try {
    return platform::Library::load(name);
  } catch (const platform::LoadError&) {
    return std::nullopt;
  }
}

bool find_memory(const platform::Library& cuda, CudaDriver& driver) {
  return find(cuda, "cuMemGetInfo_v2", driver.memory_info) && find(cuda, "cuMemAlloc_v2", driver.allocate) &&
         find(cuda, "cuMemFree_v2", driver.deallocate) &&
         find(cuda, "cuMemcpy2DAsync_v2", driver.copy_rows) &&
         find(cuda, "cuStreamCreate", driver.make_stream) &&
         find(cuda, "cuStreamDestroy_v2", driver.destroy_stream) &&
         find(cuda, "cuStreamSynchronize", driver.wait_for_stream) &&
         find(cuda, "cuStreamWaitEvent", driver.stream_waits) &&
         find(cuda, "cuEventCreate", driver.make_event) &&
         find(cuda, "cuEventDestroy_v2", driver.destroy_event) &&
         find(cuda, "cuEventRecord", driver.record) &&
         find(cuda, "cuEventSynchronize", driver.wait_for_event);
}

/// Returns the reason why the libraries cannot be used, or an empty string.
std::string load(CudaDriver& driver) {
  const auto loaded_cuda = load_library(kDriverLibrary);
  if (!loaded_cuda)
    return "no NVIDIA driver is installed, or this container has no access to it (libcuda.so.1)";
  const auto loaded_decoders = load_library(kDecoderLibrary);
  if (!loaded_decoders) {
    return "the driver's decoders are missing (libnvcuvid.so.1); for a container, set "
           "NVIDIA_DRIVER_CAPABILITIES=compute,utility,video";
  }
  const auto& cuda = *loaded_cuda;
  const auto& decoders = *loaded_decoders;
  const bool complete =
      find(cuda, "cuInit", driver.init) && find(cuda, "cuDriverGetVersion", driver.driver_version) &&
      find(cuda, "cuDeviceGetCount", driver.device_count) && find(cuda, "cuDeviceGet", driver.device) &&
      find(cuda, "cuDeviceGetName", driver.device_name) &&
      find(cuda, "cuDevicePrimaryCtxGetState", driver.primary_state) &&
      find(cuda, "cuDevicePrimaryCtxSetFlags_v2", driver.set_primary_flags) &&
      find(cuda, "cuDevicePrimaryCtxRetain", driver.retain_primary) &&
      find(cuda, "cuDevicePrimaryCtxRelease_v2", driver.release_primary) &&
      find(cuda, "cuCtxPushCurrent_v2", driver.push_context) &&
      find(cuda, "cuCtxPopCurrent_v2", driver.pop_context) &&
      find(cuda, "cuGetErrorName", driver.error_name) && find_memory(cuda, driver) &&
      find(decoders, "cuvidGetDecoderCaps", driver.decoder_capabilities);
  return complete ? "" : "the NVIDIA driver is too old: CUDA 11.0 (driver 450) or newer is required";
}

std::string start_failure(const CudaDriver& driver, int error) {
  switch (error) {
    case kNoDevice:
      return "the NVIDIA driver finds no GPU";
    case kInsufficientDriver:
    case kDriverMismatch:
      return "the NVIDIA driver is too old for its GPU or its libraries (" + driver.get_error_name(error) +
             ")";
    case kNotInitialized:
      return "the parent process uses the GPU and forked this one: start it with multiprocessing's \"spawn\"";
    default:
      return "the NVIDIA driver cannot be started: " + driver.get_error_name(error);
  }
}

}  // namespace

struct LoadedDriver {
  std::mutex mutex;
  forks::Hold<std::mutex> hold{mutex};
  CudaDriver table;        // guarded by mutex until it is loaded
  bool is_loaded = false;  // guarded by mutex; the libraries stay loaded
};

std::string CudaDriver::get_error_name(int error) const {
  const char* name = nullptr;
  if (error_name == nullptr || error_name(error, &name) != 0 || name == nullptr)
    return "error " + std::to_string(error);
  return name;
}

FoundDriver find_cuda_driver() {
  auto& loaded = forks::ProcessWide<LoadedDriver>::get();
  const std::scoped_lock lock(loaded.mutex);
  if (!loaded.is_loaded) {
    if (auto reason = load(loaded.table); !reason.empty()) return {.reason = std::move(reason)};
    loaded.is_loaded = true;
  }
  const int error = loaded.table.init(0);
  if (error != 0) return {.reason = start_failure(loaded.table, error)};
  return {.driver = &loaded.table};
}

}  // namespace freshframe::media
