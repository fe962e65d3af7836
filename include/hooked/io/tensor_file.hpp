// What is read from tensor files: the tensors inside one file, found by name, decoded on demand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/io/dtype.hpp"

namespace hooked {

/// Where a tensor lies in the bytes of a file.
struct StoredTensor {
  Dtype dtype;                 ///< kind of number
  Shape shape;                 ///< outermost axis first
  std::size_t offset = 0;      ///< of its first byte
  bool fortran_order = false;  // first axis fastest, as numpy may write it
};

/// Decodes one tensor out of `bytes`, which must hold all of it. Conversions and errors: decode().
template <Readable T>
Tensor<T> read_stored(std::string_view bytes, const StoredTensor& stored,
                      const std::string& where) {
  Tensor<T> numbers(stored.shape);
  decode(stored.dtype, bytes.data() + stored.offset, numbers.data(), numbers.numel(), where);
  if (!stored.fortran_order) return numbers;
  typename View<const T>::Strides strides{};
  Index stride = 1;
  for (int axis = 0; axis < stored.shape.rank(); ++axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= stored.shape[axis];
  }
  return Tensor<T>(View<const T>(numbers.data(), stored.shape, strides));
}

/// The tensors of one file that has been read and validated whole. Base of SafetensorsFile and
/// NpzFile, which parse.
class TensorFile {
 public:
  /// Sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, stored] : tensors_) all.push_back(name);
    return all;
  }
  /// Whether the file has a tensor of this name.
  bool contains(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }

  /// Throws NameError, which lists the nearest names, when there is no such tensor; as all below.
  const Shape& shape(std::string_view name) const { return find(name).shape; }
  /// The kind of number that a tensor is stored as.
  Dtype dtype(std::string_view name) const { return find(name).dtype; }

  /// A copy of the numbers: float or double of any floating dtype (F64 as float rounds to nearest,
  /// everything else is exact), std::uint8_t, std::int32_t or std::int64_t of any integer dtype and
  /// of BOOL. Throws FormatError for other pairs and for integers that do not fit.
  template <Readable T>
  Tensor<T> read(std::string_view name) const {
    return read_stored<T>(bytes_, find(name), where(name));
  }

 protected:
  TensorFile(std::string bytes, std::string label)
      : bytes_(std::move(bytes)), label_(std::move(label)) {}

  std::string_view bytes() const { return bytes_; }
  const std::string& label() const { return label_; }
  std::string where(std::string_view name) const { return text(label_, ": tensor \"", name, '"'); }
  void add(const std::string& name, const StoredTensor& stored) {
    if (!tensors_.emplace(name, stored).second) {
      fail<FormatError>(where(name), " appears twice");
    }
  }

 private:
  const StoredTensor& find(std::string_view name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      fail<NameError>(label_, ": no tensor \"", name, "\"; nearest: ",
                      tensors_.empty() ? "the file holds none" : nearest_names(name, names()));
    }
    return found->second;
  }

  std::string bytes_;
  std::string label_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

}  // namespace hooked
