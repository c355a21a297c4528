// dlopen, dlsym and the symbol tables of libraries.
// SPDX-License-Identifier: Apache-2.0
#include "platform/library.hpp"

#include "freshframe/forks.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <string_view>

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/stat.h>

namespace freshframe::platform {
namespace {

// Identifies a library's file.
struct FileIdentity {
  dev_t device;
  ino_t number;
  off_t size_bytes;
  std::int64_t changed_s;
  std::int64_t changed_ns;
  bool operator==(const FileIdentity&) const = default;
};

// The files of the loaded libraries, by handle. Thread-safe.
class LoadedFiles {
 public:
  /// Returns false if the file of `library` has changed since it was loaded, because dlopen() then returns
  /// the old code.
  bool is_current(void* library) {
    const link_map* map = nullptr;
    struct stat file{};
    if (::dlinfo(library, RTLD_DI_LINKMAP, static_cast<void*>(&map)) != 0 || ::stat(map->l_name, &file) != 0)
      return true;
    const FileIdentity now{file.st_dev, file.st_ino, file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
    const std::lock_guard lock(mutex_);
    return files_.emplace(library, now).first->second == now;
  }

 private:
  std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::map<void*, FileIdentity> files_;  // guarded by mutex_
};

Symbol describe_symbol(void* address) {
  Symbol symbol{address};
  Dl_info info{};
  void* entry = nullptr;
  if (::dladdr1(address, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr) return symbol;
  const auto& known = *static_cast<const ElfW(Sym)*>(entry);
  if (info.dli_saddr != address) return symbol;
  symbol.size_bytes = known.st_size;
  const auto type = ELF64_ST_TYPE(known.st_info);
  if (type == STT_FUNC) symbol.kind = SymbolKind::Function;
  if (type == STT_OBJECT) symbol.kind = SymbolKind::Data;
  return symbol;
}

// Calls visit(name) for each exported symbol, using the hash table, which all linkers write.
template <class Visit>
void visit_exported(const link_map& map, const Visit& visit) {
  const std::uint32_t* hash = nullptr;
  const ElfW(Sym)* symbols = nullptr;
  const char* names = nullptr;
  for (const auto* entry = map.l_ld; entry->d_tag != DT_NULL; ++entry) {
    const auto address = entry->d_un.d_ptr;  // NOLINTBEGIN(performance-no-int-to-ptr): so it is in memory
    if (entry->d_tag == DT_GNU_HASH) hash = reinterpret_cast<const std::uint32_t*>(address);
    if (entry->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const ElfW(Sym)*>(address);
    if (entry->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(address);
  }  // NOLINTEND(performance-no-int-to-ptr)
  if (hash == nullptr || symbols == nullptr || names == nullptr) return;
  const auto bucket_count = hash[0];
  const auto first = hash[1];
  const auto* const buckets = hash + 4 + hash[2] * (sizeof(ElfW(Addr)) / sizeof *hash);
  const auto* const chain = buckets + bucket_count;
  for (std::uint32_t bucket = 0; bucket < bucket_count; ++bucket) {
    for (auto index = buckets[bucket]; index >= first; ++index) {
      visit(std::string_view(names + symbols[index].st_name));
      if ((chain[index - first] & 1U) != 0) break;  // the last symbol of its bucket
    }
  }
}

}  // namespace

Library Library::load(const std::string& path) {
  // Never use RTLD_DEEPBIND: a library that overrides malloc, such as a sanitizer, would only take effect in
  // part.
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return Library(handle);
  const char* const why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc has one per thread
  throw LoadError(why != nullptr ? why : "unknown reason");
}

std::optional<Library> Library::find_loaded(const std::string& path) {
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  return handle != nullptr ? std::optional(Library(handle)) : std::nullopt;
}

bool Library::is_current() const {
  return forks::ProcessWide<LoadedFiles>::get().is_current(handle_);
}

Symbol Library::find(const std::string& name) const {
  void* const address = ::dlsym(handle_, name.c_str());
  return address != nullptr ? describe_symbol(address) : Symbol{};
}

std::vector<std::string> Library::exported_names(const std::string& prefix) const {
  std::vector<std::string> result;
  const link_map* map = nullptr;
  if (::dlinfo(handle_, RTLD_DI_LINKMAP, static_cast<void*>(&map)) != 0) return result;
  visit_exported(*map, [&](std::string_view name) {
    if (name.substr(0, prefix.size()) == prefix) result.emplace_back(name.substr(prefix.size()));
  });
  std::sort(result.begin(), result.end());
  return result;
}

void* loaded_symbol(const char* name) noexcept {
  return ::dlsym(RTLD_DEFAULT, name);
}

void keep_loaded(const void* address) noexcept {
  Dl_info info{};
  void* map = nullptr;
  if (::dladdr1(address, &info, &map, RTLD_DL_LINKMAP) == 0 || map == nullptr) return;
  const char* const name = static_cast<const link_map*>(map)->l_name;
  if (name != nullptr && name[0] != '\0') (void)::dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
}

}  // namespace freshframe::platform
