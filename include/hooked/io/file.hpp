// Whole files: read at once, and written so that nobody ever finds half of one.
#pragma once

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "hooked/core/error.hpp"

namespace hooked {

/// Closes a file of the C library.
struct CloseFile {
  /// Closes it.
  void operator()(std::FILE* file) const { std::fclose(file); }
};
/// A file of the C library that is closed when it goes out of scope.
using OpenFile = std::unique_ptr<std::FILE, CloseFile>;

/// All bytes of the file at `path`.
/// Throws FormatError with the system's reason when it cannot be read.
inline std::string read_file(const std::filesystem::path& path) {
  const auto give_up = [&path](int reason) {
    fail<FormatError>(path.string(), ": cannot be read: ", std::generic_category().message(reason));
  };
  const OpenFile file(std::fopen(path.c_str(), "rb"));
  if (!file) give_up(errno);
  std::string bytes;
  std::error_code unknown;
  const auto size = std::filesystem::file_size(path, unknown);
  if (!unknown) {
    if (size > bytes.max_size()) {
      fail<FormatError>(path.string(), ": has ", size, " bytes, more than a program here can hold");
    }
    bytes.reserve(static_cast<std::size_t>(size));
  }
  std::array<char, 65536> chunk;
  while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    bytes.append(chunk.data(), count);
  }
  if (std::ferror(file.get())) give_up(errno);
  return bytes;
}

/// Writes a file under a temporary name in the same directory and gives it its own name in
/// `commit()`, which replaces an older file in one step. Without a commit (an error, an early
/// return) the temporary file is removed and the older file stays as it was. A symbolic link at
/// `path` is replaced, not followed.
class FileWriter {
 public:
  /// Throws FormatError with the system's reason when there is no such directory, it cannot be
  /// written to, or `path` is something else than a regular file.
  explicit FileWriter(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code none;
    const auto status = std::filesystem::status(path_, none);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
      fail<FormatError>(path_.string(), ": cannot be written: it is ",
                        std::filesystem::is_directory(status) ? "a directory" : "not a file");
    }
    // "x" never opens a file that exists: not another writer's, nor one left by a killed program.
    int number = 0;
    do {
      temporary_ = path_;
      temporary_ += ".tmp" + std::to_string(number++);
      file_.reset(std::fopen(temporary_.c_str(), "wbx"));
    } while (!file_ && errno == EEXIST);
    if (!file_) give_up(errno);
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter() {
    if (temporary_.empty()) return;
    file_.reset();
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
  }

  /// Appends. Throws FormatError with the system's reason (a full disk, a quota).
  void write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) give_up(errno);
  }

  /// Flushes to the disk, then renames; call once, last. Throws FormatError as `write` does.
  void commit() {
    if (std::fflush(file_.get()) != 0 || fsync(fileno(file_.get())) != 0) give_up(errno);
    if (std::fclose(file_.release()) != 0) give_up(errno);
    std::error_code error;
    std::filesystem::rename(temporary_, path_, error);
    if (error) give_up(error.value());
    temporary_.clear();
  }

 private:
  [[noreturn]] void give_up(int reason) const {
    fail<FormatError>(path_.string(),
                      ": cannot be written: ", std::generic_category().message(reason));
  }

  std::filesystem::path path_, temporary_;
  OpenFile file_;
};

/// Makes `bytes` the whole content of the file at `path`, in one step; see FileWriter.
inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  FileWriter file(path);
  file.write(bytes);
  file.commit();
}

/// Makes a directory and those above it; nothing happens if it is there.
/// Throws FormatError with the system's reason when that cannot be done.
inline void make_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail<FormatError>(path.string(), ": cannot be made: ", error.message());
}

}  // namespace hooked
