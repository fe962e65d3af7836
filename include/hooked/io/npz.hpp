// .npz: many arrays in one file, a ZIP archive with one NAME.npy for each, as numpy.savez writes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/io/file.hpp"
#include "hooked/io/file_bytes.hpp"
#include "hooked/io/named_tensor.hpp"
#include "hooked/io/npy.hpp"
#include "hooked/io/tensor_file.hpp"
#include "hooked/io/zip.hpp"

namespace hooked {

/// A .npz file. Names come without ".npy".
class NpzFile : public TensorFile {
 public:
  /// Reads and validates the whole file. Throws FormatError that names file, member, what was found
  /// and what was expected.
  explicit NpzFile(const std::filesystem::path& path) : NpzFile(read_file(path), path.string()) {}

  /// The same for bytes in memory, which errors call `label`.
  NpzFile(std::string file, std::string label)
      : TensorFile(FileBytes(std::move(file), std::move(label))) {
    const std::string_view all = bytes().in_memory();
    for (const ZipMember& member : ZipReader(all, this->label()).members()) {
      const std::string where = text(this->label(), ": member \"", member.name, '"');
      if (!member.name.ends_with(".npy")) fail<FormatError>(where, " is not a .npy file");
      StoredTensor stored = parse_npy(all.substr(member.offset, member.size), where);
      stored.offset += member.offset;
      add(member.name.substr(0, member.name.size() - 4), stored);
    }
  }
};

/// Writes tensors (any strides), in the order given, into one uncompressed .npz, in one step. The
/// same tensors give the same bytes. Names are printable ASCII without slashes, such as
/// `blocks.0.attn.hook_pattern`.
/// Throws FormatError for other, repeated or empty names, when the archive would reach 4 GiB or
/// 65535 tensors, or when the file cannot be written.
inline void save_npz(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  check_names(path, tensors);
  std::uint64_t total = kZipEndSize;
  for (const auto& [name, values] : tensors) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
      return c >= ' ' && c <= '~' && c != '/' && c != '\\';
    });
    if (!plain || name.size() > 60'000) {
      fail<FormatError>(path.string(), ": cannot be written: the name \"", name,
                        "\" is not short, printable ASCII without slashes");
    }
    total += kZipLocalSize + kZipDirectorySize + 2 * (name.size() + 4) +
             npy_header(values.dtype(), values.shape()).size() + values.size();
  }
  if (total >= kZip64 || tensors.size() >= 0xffff) {
    fail<FormatError>(path.string(), ": cannot be written: ", tensors.size(), " tensors in ", total,
                      " bytes, a .npz holds less than 65535 in less than 4 GiB; "
                      "keep fewer of them, or use safetensors");
  }
  FileWriter file(path);
  std::vector<ZipMember> members;
  std::uint32_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const std::string header = npy_header(tensor.values.dtype(), tensor.values.shape());
    tensor.values.visit_bytes([&](std::string_view numbers) {
      const auto size = static_cast<std::uint32_t>(header.size() + numbers.size());
      members.push_back({tensor.name + ".npy", crc32(numbers, crc32(header)), size, offset});
      const std::string local = zip_local_header(members.back());
      file.write(local);
      file.write(header);
      file.write(numbers);
      offset += static_cast<std::uint32_t>(local.size()) + size;
    });
  }
  file.write(zip_directory(members, offset));
  file.commit();
}

}  // namespace hooked
