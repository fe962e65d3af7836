// The bytes of a file that is too large to be in memory beside what is made of it.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "hooked/core/error.hpp"
#include "hooked/io/file.hpp"

namespace hooked {

/// Bytes that are read where they are asked for: those of a regular file stay on the disk, those of
/// anything else (a pipe) and of a text are in memory. A file that is replaced meanwhile, as
/// FileWriter does it, is read as it was.
class FileBytes {
 public:
  /// Opens the file at `path`. Throws FormatError with the system's reason when it cannot be read.
  explicit FileBytes(const std::filesystem::path& path) : label_(path.string()) {
    std::error_code none;
    if (!std::filesystem::is_regular_file(path, none)) {
      bytes_ = read_file(path), size_ = bytes_.size();
      return;
    }
    file_.reset(std::fopen(path.c_str(), "rb"));
    if (!file_) give_up(std::generic_category().message(errno));
    std::error_code error;
    size_ = std::filesystem::file_size(path, error);
    if (error) give_up(error.message());
  }
  /// Bytes in memory, which errors call `label`.
  FileBytes(std::string bytes, std::string label)
      : label_(std::move(label)), bytes_(std::move(bytes)), size_(bytes_.size()) {}

  /// How many there are.
  std::uint64_t size() const { return size_; }
  /// What errors call them: the path of a file.
  const std::string& label() const { return label_; }
  /// All of them, where they are in memory; else empty.
  std::string_view in_memory() const { return bytes_; }

  /// Copies `count` bytes from `offset` on, for any number of threads at a time. Throws FormatError
  /// with the system's reason, and for a file that has become shorter.
  void read(std::uint64_t offset, std::size_t count, char* to) const {
    if (offset > size_ || count > size_ - offset) {
      fail<FormatError>(label_, ": bytes ", offset, " to ", offset + count, " of ", size_);
    }
    if (!file_) {
      if (count > 0) std::memcpy(to, bytes_.data() + offset, count);
      return;
    }
    while (count > 0) {
      constexpr std::size_t kMost = std::size_t{1} << 30;  // systems read less than 2 GiB at a time
      const auto got =
          pread(fileno(file_.get()), to, std::min(count, kMost), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) give_up(std::generic_category().message(errno));
      if (got == 0) give_up("it has become shorter");
      const auto bytes = static_cast<std::size_t>(got);
      to += bytes, offset += bytes, count -= bytes;
    }
  }

 private:
  [[noreturn]] void give_up(const std::string& reason) const {
    fail<FormatError>(label_, ": cannot be read: ", reason);
  }

  std::string label_;
  std::string bytes_;
  OpenFile file_;
  std::uint64_t size_ = 0;
};

}  // namespace hooked
