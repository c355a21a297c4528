// The subset of ONNX Runtime's C ABI that is used: a table of functions whose positions never change.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Places in OrtApi]
// OrtGetApiBase() returns OrtApiBase, and its GetApi(version) a table of functions to which later versions
// only append ("the ordering of these fields MUST not change", onnxruntime_c_api.cc of ONNX Runtime).
// Functions are declared here by their place in that table. So no header of 8,000 lines must be shipped, and
// one build runs on every runtime that has kApiVersion.
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshframe::inference::ort {

// Opaque: OrtEnv, OrtStatus ...
struct Env;
struct Status;
struct Session;
struct SessionOptions;
struct RunOptions;
struct Value;
struct MemoryInfo;
struct TypeInfo;
struct TensorInfo;  // OrtTensorTypeAndShapeInfo
struct Metadata;
struct Allocator;
struct CudaOptions;      // OrtCUDAProviderOptionsV2
struct TensorrtOptions;  // OrtTensorRTProviderOptionsV2
struct IoBinding;
struct Subgraph;  // OrtEpAssignedSubgraph
struct Node;      // OrtEpAssignedNode

/// API version of ONNX Runtime 1.16. Supported by all versions from 1.20 on, whose wheels contain the library
/// as a separate file.
inline constexpr std::uint32_t kApiVersion = 16;
/// From this minor version of ONNX Runtime 1 on, the table has GetGraphAssignment and what follows.
inline constexpr int kVersionWithAssignment = 24;

struct ApiBase {
  const void* (*get_api)(std::uint32_t version);
  const char* (*version)();
};
inline constexpr const char* kEntryPoint = "OrtGetApiBase";
using EntryPoint = const ApiBase* (*)();

/// ONNXTensorElementDataType.
enum class Element : int {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13
};

inline constexpr int kTypeTensor = 1;         // ONNX_TYPE_TENSOR
inline constexpr int kSequential = 0;         // ORT_SEQUENTIAL
inline constexpr int kAllOptimizations = 99;  // ORT_ENABLE_ALL
inline constexpr int kDeviceAllocator = 0;    // OrtDeviceAllocator
inline constexpr int kArenaAllocator = 1;     // OrtArenaAllocator
inline constexpr int kDefaultMemory = 0;      // OrtMemTypeDefault
inline constexpr int kLogError = 3;           // ORT_LOGGING_LEVEL_ERROR
inline constexpr int kLogFatal = 4;

using LogFunction = void (*)(void* parameter, int severity, const char* category, const char* id,
                             const char* place, const char* message);

/// A function of the table: its position and type.
template <std::size_t kPlace, class Function>
struct Entry {};

using GetErrorMessage = Entry<2, const char*(const Status*)>;
using CreateEnvWithCustomLogger = Entry<4, Status*(LogFunction, void*, int, const char*, Env**)>;
using DisableTelemetryEvents = Entry<6, Status*(const Env*)>;
using CreateSession = Entry<7, Status*(const Env*, const char*, const SessionOptions*, Session**)>;
using CreateSessionFromArray =
    Entry<8, Status*(const Env*, const void*, std::size_t, const SessionOptions*, Session**)>;
using Run = Entry<9, Status*(Session*, const RunOptions*, const char* const*, const Value* const*,
                             std::size_t, const char* const*, std::size_t, Value**)>;
using CreateSessionOptions = Entry<10, Status*(SessionOptions**)>;
using SetSessionExecutionMode = Entry<13, Status*(SessionOptions*, int)>;
using SetSessionLogSeverityLevel = Entry<22, Status*(SessionOptions*, int)>;
using SetSessionGraphOptimizationLevel = Entry<23, Status*(SessionOptions*, int)>;
using SetIntraOpNumThreads = Entry<24, Status*(SessionOptions*, int)>;
using SetInterOpNumThreads = Entry<25, Status*(SessionOptions*, int)>;
using SessionGetInputCount = Entry<30, Status*(const Session*, std::size_t*)>;
using SessionGetOutputCount = Entry<31, Status*(const Session*, std::size_t*)>;
using SessionGetInputTypeInfo = Entry<33, Status*(const Session*, std::size_t, TypeInfo**)>;
using SessionGetOutputTypeInfo = Entry<34, Status*(const Session*, std::size_t, TypeInfo**)>;
using SessionGetInputName = Entry<36, Status*(const Session*, std::size_t, Allocator*, char**)>;
using SessionGetOutputName = Entry<37, Status*(const Session*, std::size_t, Allocator*, char**)>;
using CreateRunOptions = Entry<39, Status*(RunOptions**)>;
using RunOptionsSetTerminate = Entry<46, Status*(RunOptions*)>;
using CreateTensorAsOrtValue = Entry<48, Status*(Allocator*, const std::int64_t*, std::size_t, int, Value**)>;
using CreateTensorWithDataAsOrtValue =
    Entry<49, Status*(const MemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t, int, Value**)>;
using IsTensor = Entry<50, Status*(const Value*, int*)>;
using GetTensorMutableData = Entry<51, Status*(Value*, void**)>;
using CastTypeInfoToTensorInfo = Entry<55, Status*(const TypeInfo*, const TensorInfo**)>;
using GetOnnxTypeFromTypeInfo = Entry<56, Status*(const TypeInfo*, int*)>;
using GetTensorElementType = Entry<60, Status*(const TensorInfo*, int*)>;
using GetDimensionsCount = Entry<61, Status*(const TensorInfo*, std::size_t*)>;
using GetDimensions = Entry<62, Status*(const TensorInfo*, std::int64_t*, std::size_t)>;
using GetSymbolicDimensions = Entry<63, Status*(const TensorInfo*, const char**, std::size_t)>;
using GetTensorTypeAndShape = Entry<65, Status*(const Value*, TensorInfo**)>;
using CreateMemoryInfo = Entry<68, Status*(const char*, int, int, int, MemoryInfo**)>;
using CreateCpuMemoryInfo = Entry<69, Status*(int, int, MemoryInfo**)>;
using AllocatorFree = Entry<76, Status*(Allocator*, void*)>;
using GetAllocatorWithDefaultOptions = Entry<78, Status*(Allocator**)>;
using ReleaseStatus = Entry<93, void(Status*)>;
using ReleaseMemoryInfo = Entry<94, void(MemoryInfo*)>;
using ReleaseSession = Entry<95, void(Session*)>;
using ReleaseValue = Entry<96, void(Value*)>;
using ReleaseRunOptions = Entry<97, void(RunOptions*)>;
using ReleaseTypeInfo = Entry<98, void(TypeInfo*)>;
using ReleaseTensorInfo = Entry<99, void(TensorInfo*)>;
using ReleaseSessionOptions = Entry<100, void(SessionOptions*)>;
using SessionGetModelMetadata = Entry<111, Status*(const Session*, Metadata**)>;
using MetadataGetProducerName = Entry<112, Status*(const Metadata*, Allocator*, char**)>;
using MetadataLookup = Entry<116, Status*(const Metadata*, Allocator*, const char*, char**)>;
using ReleaseMetadata = Entry<118, void(Metadata*)>;
using MetadataGetKeys = Entry<123, Status*(const Metadata*, Allocator*, char***, std::int64_t*)>;
using GetAvailableProviders = Entry<125, Status*(char***, int*)>;
using ReleaseAvailableProviders = Entry<126, Status*(char**, int)>;
using AddSessionConfigEntry = Entry<130, Status*(SessionOptions*, const char*, const char*)>;
using CreateAllocator = Entry<131, Status*(const Session*, const MemoryInfo*, Allocator**)>;
using ReleaseAllocator = Entry<132, void(Allocator*)>;
using RunWithBinding = Entry<133, Status*(Session*, const RunOptions*, const IoBinding*)>;
using CreateIoBinding = Entry<134, Status*(Session*, IoBinding**)>;
using ReleaseIoBinding = Entry<135, void(IoBinding*)>;
using BindInput = Entry<136, Status*(IoBinding*, const char*, const Value*)>;
using BindOutput = Entry<137, Status*(IoBinding*, const char*, const Value*)>;
using AppendTensorrt = Entry<170, Status*(SessionOptions*, const TensorrtOptions*)>;
using CreateTensorrtOptions = Entry<171, Status*(TensorrtOptions**)>;
using UpdateTensorrtOptions =
    Entry<172, Status*(TensorrtOptions*, const char* const*, const char* const*, std::size_t)>;
using ReleaseTensorrtOptions = Entry<174, void(TensorrtOptions*)>;
using AppendCuda = Entry<204, Status*(SessionOptions*, const CudaOptions*)>;
using CreateCudaOptions = Entry<205, Status*(CudaOptions**)>;
using UpdateCudaOptions =
    Entry<206, Status*(CudaOptions*, const char* const*, const char* const*, std::size_t)>;
using ReleaseCudaOptions = Entry<208, void(CudaOptions*)>;
using AppendProvider =
    Entry<216, Status*(SessionOptions*, const char*, const char* const*, const char* const*, std::size_t)>;
using GetGraphAssignment = Entry<407, Status*(const Session*, const Subgraph* const**, std::size_t*)>;
using SubgraphGetProvider = Entry<408, Status*(const Subgraph*, const char**)>;
using SubgraphGetNodes = Entry<409, Status*(const Subgraph*, const Node* const**, std::size_t*)>;
using NodeGetOperator = Entry<412, Status*(const Node*, const char**)>;

}  // namespace freshframe::inference::ort
