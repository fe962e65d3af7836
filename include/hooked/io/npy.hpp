// .npy: one array. A magic string, a version, the length of a header that is a Python dictionary
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, then the numbers.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "hooked/io/dtype.hpp"
#include "hooked/io/file.hpp"
#include "hooked/io/named_tensor.hpp"
#include "hooked/io/tensor_file.hpp"

namespace hooked {

/// How every .npy file starts.
inline constexpr std::string_view kNpyMagic{"\x93NUMPY", 6};

/// The dictionary in a .npy header, in the small part of Python's grammar that numpy writes there.
class NpyDictionary {
 public:
  /// Throws FormatError, which begins with `label`.
  NpyDictionary(std::string_view source, std::string_view label) : source_(source), label_(label) {
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        set(descr, quoted(), key);
      } else if (key == "fortran_order") {
        set(fortran_order, boolean(), key);
      } else if (key == "shape") {
        set(shape, sizes(), key);
      } else {
        refuse("has the unknown key '", key, '\'');
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != source_.size()) refuse("has more after the dictionary, at byte ", at_);
    if (!descr || !fortran_order || !shape) refuse("lacks descr, fortran_order or shape");
  }

  std::optional<std::string_view> descr;  ///< the kind of number: "<f4"
  std::optional<bool> fortran_order;      ///< first axis fastest
  std::optional<Shape> shape;             ///< sizes of the axes

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<FormatError>(label_, ": .npy header ", parts...);
  }
  template <class T>
  void set(std::optional<T>& field, const T& value, std::string_view key) const {
    if (field) refuse("has '", key, "' twice");
    field = value;
  }

  void skip_spaces() {
    while (at_ < source_.size() && (source_[at_] == ' ' || source_[at_] == '\n')) ++at_;
  }
  bool accept(char wanted) {
    skip_spaces();
    if (at_ == source_.size() || source_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) refuse("lacks '", wanted, "' at byte ", at_);
  }
  std::string_view quoted() {
    const char quote = accept('"') ? '"' : (expect('\''), '\'');
    const std::size_t end = source_.find(quote, at_);
    if (end == std::string_view::npos) refuse("has an open string at byte ", at_);
    const std::string_view value = source_.substr(at_, end - at_);
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {"True", "False"}) {
      if (source_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    }
    refuse("lacks True or False at byte ", at_);
  }
  Shape sizes() {
    Shape found;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      Index size = -1;
      const char* const begin = source_.data() + at_;
      const auto [end, error] = std::from_chars(begin, source_.data() + source_.size(), size);
      if (error == std::errc::result_out_of_range) {
        refuse("has a size at byte ", at_, " that is more than ", std::numeric_limits<Index>::max(),
               ", the most that a program here can count");
      }
      if (error != std::errc{} || size < 0) refuse("has no valid size at byte ", at_);
      at_ += static_cast<std::size_t>(end - begin);
      if (found.rank() == kMaxRank) refuse("has more than ", kMaxRank, " axes");
      found.push_back(size);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return found;
  }

  std::string_view source_, label_;
  std::size_t at_ = 0;
};

/// Finds the array in the bytes of a .npy file (version 1 or 2, C or Fortran order, little-endian
/// float16 to float64, int32, int64, uint8, bool). Throws FormatError, which begins with `label`.
inline StoredTensor parse_npy(std::string_view bytes, std::string_view label) {
  if (!bytes.starts_with(kNpyMagic) || bytes.size() < 12) {
    fail<FormatError>(label, ": does not start as a .npy file does");
  }
  const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const int version = byte(6);
  if (version != 1 && version != 2) {
    fail<FormatError>(label, ": .npy version ", version, ", known are 1 and 2");
  }
  const std::size_t begin = version == 1 ? 10 : 12;
  std::size_t length = 0;  // of the header: 2 or 4 bytes
  for (std::size_t i = begin; i-- > 8;) length = length << 8 | byte(i);
  if (length > bytes.size() - begin) {
    fail<FormatError>(label, ": .npy header of ", length, " bytes, but only ", bytes.size() - begin,
                      " follow; the file is truncated");
  }
  const NpyDictionary header(bytes.substr(begin, length), label);
  const auto dtype = find_dtype(*header.descr, &DtypeFacts::npy);
  if (!dtype) {
    fail<FormatError>(label, ": .npy descr '", *header.descr,
                      "', known are |b1, |u1, <f2, <i4, <f4, <f8 and <i8");
  }
  const auto needed = checked_bytes(*header.shape, *dtype);
  const std::uint64_t available = bytes.size() - begin - length;
  if (needed != available) {
    fail<FormatError>(label, ": shape ", *header.shape, " of ", *dtype, " takes ",
                      needed ? std::to_string(*needed) : "more than 2^63",
                      " bytes, the file holds ", available);
  }
  return {*dtype, *header.shape, begin + length, *header.fortran_order};
}

/// All of a .npy file that comes before the numbers; they begin at a multiple of 64 bytes.
inline std::string npy_header(Dtype dtype, const Shape& shape) {
  std::string header =
      text("{'descr': '", facts(dtype).npy, "', 'fortran_order': False, 'shape': (");
  for (int axis = 0; axis < shape.rank(); ++axis)
    header += text(axis == 0 ? "" : ", ", shape[axis]);
  header += shape.rank() == 1 ? ",), }" : "), }";
  constexpr std::size_t kStart = 10;  // magic, version, length
  header.append(63 - (kStart + header.size()) % 64, ' ');
  header += '\n';
  const std::size_t length = header.size();
  return text(kNpyMagic, '\x01', '\x00', static_cast<char>(length & 0xff),
              static_cast<char>(length >> 8), header);
}

/// Writes one tensor (any strides) as .npy version 1.0, in one step.
/// Throws FormatError when the file cannot be written.
inline void save_npy(const std::filesystem::path& path, const AnyView& values) {
  FileWriter file(path);
  file.write(npy_header(values.dtype(), values.shape()));
  values.visit_bytes([&file](std::string_view bytes) { file.write(bytes); });
  file.commit();
}

/// Reads a .npy file. Conversions as TensorFile::read. Throws FormatError.
template <Readable T>
Tensor<T> load_npy(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  return read_stored<T>(bytes, parse_npy(bytes, path.string()), path.string());
}

}  // namespace hooked
