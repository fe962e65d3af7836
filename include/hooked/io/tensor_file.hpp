// What is read from tensor files: the tensors inside one file, found by name, decoded on demand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/io/dtype.hpp"
#include "hooked/io/file_bytes.hpp"

namespace hooked {

/// Where a tensor lies in the bytes of a file.
struct StoredTensor {
  Dtype dtype;                 ///< kind of number
  Shape shape;                 ///< outermost axis first
  std::size_t offset = 0;      ///< of its first byte
  bool fortran_order = false;  // first axis fastest, as numpy may write it
};

/// Numbers of a tensor whose first axis is the fastest, put in order.
template <class T>
Tensor<T> in_row_major_order(const Tensor<T>& numbers) {
  typename View<const T>::Strides strides{};
  Index stride = 1;
  for (int axis = 0; axis < numbers.rank(); ++axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= numbers.size(axis);
  }
  return Tensor<T>(View<const T>(numbers.data(), numbers.shape(), strides));
}

/// Decodes one tensor out of `bytes`, which must hold all of it. Conversions and errors: decode().
template <Readable T>
Tensor<T> read_stored(std::string_view bytes, const StoredTensor& stored,
                      const std::string& where) {
  Tensor<T> numbers(stored.shape);
  decode(stored.dtype, bytes.data() + stored.offset, numbers.data(), numbers.numel(), where);
  return stored.fortran_order ? in_row_major_order(numbers) : numbers;
}

/// The tensors of one file whose description has been read and validated. Base of SafetensorsFile
/// and NpzFile, which parse.
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
  /// The file and the name, as errors about a tensor begin.
  std::string where(std::string_view name) const { return text(label(), ": tensor \"", name, '"'); }

  /// A copy of the numbers: float or double of any floating dtype (F64 as float rounds to nearest,
  /// everything else is exact), std::uint8_t, std::int32_t or std::int64_t of any integer dtype and
  /// of BOOL. Throws FormatError for other pairs and for integers that do not fit.
  template <Readable T>
  Tensor<T> read(std::string_view name) const {
    const StoredTensor& stored = find(name);
    check_readable<T>(stored.dtype, where(name));
    Tensor<T> numbers = Tensor<T>::empty(stored.shape);
    read_range(name, stored, 0, numbers.numel(), numbers.data());
    return stored.fortran_order ? in_row_major_order(numbers) : numbers;
  }

  /// Writes the numbers into a view of any strides, without a second copy of all of them. Throws
  /// ShapeError when its shape is not the tensor's, and as read(); then some may have been written.
  template <Readable T>
  void read_into(std::string_view name, View<T> to) const {
    const StoredTensor& stored = find(name);
    if (stored.shape != to.shape()) {
      fail<ShapeError>(where(name), " is ", stored.shape, ", the room for it is ", to.shape());
    }
    if (to.is_contiguous() && !stored.fortran_order) {
      check_readable<T>(stored.dtype, where(name));
      return read_range(name, stored, 0, to.numel(), to.data());
    }
    visit_rows<T>(name, [&](Index first, View<const T> rows) {
      copy(rows, to.slice(0, first, first + rows.size(0)));
    });
  }

  /// Calls `visit(first, rows)` with all positions of the first axis in turn, as many at a time as
  /// fill about a megabyte: `rows` is [rows, ...], begins with row `first`, and is gone after the
  /// call. For those who put numbers elsewhere than they stand. Throws ShapeError for a tensor
  /// without axes, and as read().
  template <Readable T, class Visit>
  void visit_rows(std::string_view name, const Visit& visit) const {
    const StoredTensor& stored = find(name);
    if (stored.shape.rank() == 0) fail<ShapeError>(where(name), " has no axes");
    if (stored.fortran_order) return visit(Index{0}, read<T>(name).view());
    check_readable<T>(stored.dtype, where(name));
    Shape shape = stored.shape;
    const Index all = shape[0], width = shape.axes(1, shape.rank()).numel();
    const Index most = std::max<Index>(1, kPiece / std::max<Index>(1, width));
    Tensor<T> rows;
    for (Index first = 0; first < all; first += most) {
      shape[0] = std::min(most, all - first);
      rows.resize(shape);
      read_range(name, stored, first * width, rows.numel(), rows.data());
      visit(first, std::as_const(rows).view());
    }
  }

 protected:
  explicit TensorFile(FileBytes bytes) : bytes_(std::move(bytes)) {}

  const FileBytes& bytes() const { return bytes_; }
  const std::string& label() const { return bytes_.label(); }
  void add(const std::string& name, const StoredTensor& stored) {
    if (!tensors_.emplace(name, stored).second) {
      fail<FormatError>(where(name), " appears twice");
    }
  }

 private:
  const StoredTensor& find(std::string_view name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      fail<NameError>(label(), ": no tensor \"", name, "\"; nearest: ",
                      tensors_.empty() ? "the file holds none" : nearest_names(name, names()));
    }
    return found->second;
  }

  // Decodes `count` elements from number `first` on.
  template <Readable T>
  void read_range(std::string_view name, const StoredTensor& stored, Index first, Index count,
                  T* to) const {
    const std::size_t width = facts(stored.dtype).width;
    const auto place = [&](Index i) { return stored.offset + static_cast<std::size_t>(i) * width; };
    if (stored.dtype == dtype_of<T>()) {
      return bytes_.read(place(first), static_cast<std::size_t>(count) * width,
                         reinterpret_cast<char*>(to));
    }
    std::string piece;
    for (Index done = 0; done < count; done += kPiece) {
      const Index here = std::min(kPiece, count - done);
      piece.resize(static_cast<std::size_t>(here) * width);
      bytes_.read(place(first + done), piece.size(), piece.data());
      decode(stored.dtype, piece.data(), to + done, here, where(name), first + done);
    }
  }

  static constexpr Index kPiece = Index{1} << 18;  // elements that are read at a time
  FileBytes bytes_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

}  // namespace hooked
