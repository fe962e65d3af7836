// safetensors: named tensors in one file. 8 bytes of header length (little-endian), a JSON header
// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...} with an optional
// "__metadata__" of strings, then the numbers, without holes or overlaps.
// Format: https://github.com/huggingface/safetensors#format
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "hooked/io/dtype.hpp"
#include "hooked/io/file.hpp"
#include "hooked/io/file_bytes.hpp"
#include "hooked/io/json.hpp"
#include "hooked/io/named_tensor.hpp"
#include "hooked/io/tensor_file.hpp"

namespace hooked {

/// The reference implementation's limit, against files that make a reader allocate.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

/// A safetensors file with F64, F32, F16, BF16, I64, I32, U8 and BOOL tensors of up to six axes.
class SafetensorsFile : public TensorFile {
 public:
  /// The texts under "__metadata__", by key.
  using Metadata = std::map<std::string, std::string>;

  /// Reads and validates the header; numbers are read when they are asked for. Throws FormatError
  /// that names file, tensor, what was found and what was expected.
  explicit SafetensorsFile(const std::filesystem::path& path) : SafetensorsFile(FileBytes(path)) {}

  /// The same for bytes in memory, which errors call `label`.
  SafetensorsFile(std::string file, std::string label)
      : SafetensorsFile(FileBytes(std::move(file), std::move(label))) {}

  /// The file's "__metadata__"; empty when it has none.
  const Metadata& metadata() const { return metadata_; }

 private:
  using Json = nlohmann::ordered_json;
  struct Range {
    std::uint64_t begin, end;
    std::string name;
  };

  explicit SafetensorsFile(FileBytes file) : TensorFile(std::move(file)) {
    const std::string header = find_header();
    data_begin_ = 8 + header.size();
    std::vector<Range> ranges;
    const nlohmann::ordered_json parsed = parse_json(header, this->label() + ": header");
    for (const auto& [name, description] : parsed.items()) {
      if (name == "__metadata__") {
        read_metadata(description);
      } else {
        ranges.push_back(read_description(name, description));
      }
    }
    check_coverage(std::move(ranges));
  }

  std::string find_header() const {
    if (bytes().size() < 8) {
      fail<FormatError>(label(), ": has ", bytes().size(),
                        " bytes, but a safetensors file starts with 8 bytes of header length");
    }
    std::uint64_t length = 0;
    bytes().read(0, sizeof length, reinterpret_cast<char*>(&length));
    if (length > kMaxSafetensorsHeader) {
      fail<FormatError>(label(), ": header length is ", length, ", the limit is ",
                        kMaxSafetensorsHeader, " bytes; is this a safetensors file?");
    }
    if (length > bytes().size() - 8) {
      fail<FormatError>(label(), ": header length is ", length, ", but only ", bytes().size() - 8,
                        " bytes follow; the file is truncated");
    }
    std::string header(static_cast<std::size_t>(length), '\0');
    bytes().read(sizeof length, header.size(), header.data());
    if (!header.starts_with('{')) {
      fail<FormatError>(label(), ": header must start with '{'");
    }
    return header;
  }

  void read_metadata(const Json& metadata) {
    const bool is_object = metadata.is_object();
    if (!is_object || !std::all_of(metadata.begin(), metadata.end(),
                                   [](const Json& value) { return value.is_string(); })) {
      fail<FormatError>(label(), ": __metadata__ must be an object of strings");
    }
    metadata_ = metadata.get<Metadata>();
  }

  Range read_description(const std::string& name, const Json& description) {
    const auto refuse = [&](const auto&... parts) {
      fail<FormatError>(where(name), ' ', parts...);
    };
    if (!description.is_object()) {
      refuse("must be described by an object, found ", description.type_name());
    }
    const auto field = [&](const char* key) -> const Json& {
      const auto found = description.find(key);
      if (found == description.end()) refuse("has no ", key);
      return *found;
    };
    const Json& kind = field("dtype");
    const auto dtype = kind.is_string()
                           ? find_dtype(kind.get_ref<const std::string&>(), &DtypeFacts::name)
                           : std::nullopt;
    if (!dtype) {
      refuse("has dtype ", kind.dump(), ", known are BOOL, U8, F16, BF16, I32, F32, F64 and I64");
    }
    const Json& sizes = field("shape");
    if (!are_counts(sizes)) {
      refuse("has shape ", sizes.dump(), ", expected a list of whole numbers from 0 to 2^63 - 1");
    }
    if (sizes.size() > kMaxRank) {
      refuse("has ", sizes.size(), " axes, the most is ", kMaxRank);
    }
    StoredTensor stored{.dtype = *dtype, .shape = {}};
    for (const Json& size : sizes) stored.shape.push_back(size.get<Index>());

    const Json& offsets = field("data_offsets");
    if (!are_counts(offsets) || offsets.size() != 2) {
      refuse("has data_offsets ", offsets.dump(), ", expected [begin, end]");
    }
    const Range range{offsets[0].get<std::uint64_t>(), offsets[1].get<std::uint64_t>(), name};
    const std::uint64_t available = bytes().size() - data_begin_;
    if (range.begin > range.end) {
      refuse("begins at byte ", range.begin, ", after its end at ", range.end);
    }
    if (range.end > available) {
      refuse("ends at byte ", range.end, ", but the file has ", available,
             " bytes of data; it is truncated");
    }
    const auto needed = checked_bytes(stored.shape, *dtype);
    if (needed != range.end - range.begin) {
      refuse("of shape ", stored.shape, " and dtype ", *dtype, " takes ",
             needed ? std::to_string(*needed) : "more than 2^63", " bytes, data_offsets give ",
             range.end - range.begin);
    }
    stored.offset = data_begin_ + static_cast<std::size_t>(range.begin);
    add(name, stored);
    return range;
  }

  static bool are_counts(const Json& list) {
    return list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& value) {
             return value.is_number_unsigned() && std::in_range<Index>(value.get<std::uint64_t>());
           });
  }

  void check_coverage(std::vector<Range> ranges) const {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::uint64_t covered = 0;
    const Range* last = nullptr;
    for (const Range& range : ranges) {
      if (range.begin < covered) {
        fail<FormatError>(where(range.name), " begins at byte ", range.begin, ", inside tensor \"",
                          last->name, "\", which ends at ", last->end);
      }
      check_hole(covered, range.begin);
      covered = range.end;
      last = &range;
    }
    check_hole(covered, bytes().size() - data_begin_);
  }
  void check_hole(std::uint64_t begin, std::uint64_t end) const {
    if (begin != end) {
      fail<FormatError>(label(), ": bytes ", begin, " to ", end,
                        " of the data belong to no tensor");
    }
  }

  std::size_t data_begin_ = 0;
  Metadata metadata_;
};

/// The JSON header for tensors that are stored one after the other; padded, so that the numbers
/// begin at a multiple of 8 bytes. `label` begins the error for strings that are not UTF-8.
inline std::string safetensors_header(const std::vector<NamedTensor>& tensors,
                                      const SafetensorsFile::Metadata& metadata,
                                      const std::string& label) {
  const auto quoted = [&label](const std::string& name) {
    try {
      return nlohmann::ordered_json(name).dump();
    } catch (const nlohmann::ordered_json::type_error&) {
      fail<FormatError>(label, ": cannot be written: the text \"", name, "\" is not UTF-8");
    }
  };
  std::string header;
  if (!metadata.empty()) {
    for (const auto& [key, value] : metadata) {
      header += text(header.empty() ? "{" : ",", quoted(key), ':', quoted(value));
    }
    header = text("\"__metadata__\":", header, '}');
  }
  std::uint64_t offset = 0;
  for (const auto& [name, values] : tensors) {
    header += text(header.empty() ? "" : ",", quoted(name), ":{\"dtype\":\"", values.dtype(),
                   "\",\"shape\":[");
    for (int axis = 0; axis < values.shape().rank(); ++axis) {
      header += text(axis == 0 ? "" : ",", values.shape()[axis]);
    }
    header += text("],\"data_offsets\":[", offset, ',', offset + values.size(), "]}");
    offset += values.size();
  }
  header = text('{', header, '}');
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

/// Writes tensors (any strides) in one step: an older file is replaced whole or stays.
/// The same tensors give the same bytes, whatever their order: widest dtype first, so that every
/// tensor is aligned, then by name. These are the bytes that the reference implementation writes.
/// Throws FormatError for empty, repeated or non-UTF-8 names, or when the file cannot be written.
inline void save_safetensors(const std::filesystem::path& path, std::vector<NamedTensor> tensors,
                             const SafetensorsFile::Metadata& metadata = {}) {
  check_names(path, tensors);
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const Dtype first = a.values.dtype(), second = b.values.dtype();
    return first != second ? first > second : a.name < b.name;
  });
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == "__metadata__") {
      fail<FormatError>(path.string(), ": cannot be written: __metadata__ is not a tensor's name");
    }
  }
  const std::string header = safetensors_header(tensors, metadata, path.string());
  const std::uint64_t length = header.size();
  if (length > kMaxSafetensorsHeader) {
    fail<FormatError>(path.string(), ": cannot be written: its header would have ", length,
                      " bytes, the limit is ", kMaxSafetensorsHeader);
  }
  FileWriter file(path);
  file.write({reinterpret_cast<const char*>(&length), sizeof length});
  file.write(header);
  for (const NamedTensor& tensor : tensors) {
    tensor.values.visit_bytes([&file](std::string_view bytes) { file.write(bytes); });
  }
  file.commit();
}

}  // namespace hooked
