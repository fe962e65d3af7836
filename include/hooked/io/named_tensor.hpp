// What is written into tensor files: names with views of any supported kind of number.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hooked/core/tensor.hpp"
#include "hooked/io/dtype.hpp"

namespace hooked {

/// A read-only window on float, double, std::int32_t, std::int64_t, std::uint8_t or bool, with any
/// strides. Made from a Tensor or a View, whose storage must outlive it.
class AnyView {
 public:
  /// One of the views that can be written.
  using Views = std::variant<View<const float>, View<const double>, View<const std::int32_t>,
                             View<const std::int64_t>, View<const std::uint8_t>, View<const bool>>;

  template <TensorLike X>
  requires std::constructible_from<Views, View<const typename X::value_type>> AnyView(const X& x)
      : view_(x.view()) {}

  /// How its elements are stored.
  Dtype dtype() const {
    return std::visit([]<class T>(const View<const T>&) { return dtype_of<T>(); }, view_);
  }
  /// Sizes of the axes, outermost first.
  const Shape& shape() const {
    return std::visit([](const auto& x) -> const Shape& { return x.shape(); }, view_);
  }
  /// Bytes of the elements in a file.
  std::uint64_t size() const {
    return static_cast<std::uint64_t>(shape().numel()) * facts(dtype()).width;
  }

  /// Calls `use` with the elements as row-major little-endian bytes (a std::string_view that is
  /// gone after the call). Strided views are copied first, contiguous ones are not.
  template <class Use>
  void visit_bytes(Use use) const {
    std::visit(
        [&]<class T>(const View<const T>& x) {
          std::unique_ptr<T[]> row_major;
          if (!x.is_contiguous()) {
            row_major = std::make_unique<T[]>(static_cast<std::size_t>(x.numel()));
            copy(x, View<T>(row_major.get(), x.shape()));
          }
          const T* data = row_major ? row_major.get() : x.data();
          use(std::string_view(reinterpret_cast<const char*>(data),
                               static_cast<std::size_t>(size())));
        },
        view_);
  }

 private:
  Views view_;
};

/// One tensor to write: `{"W_Q", model.W_Q}`.
struct NamedTensor {
  std::string name;  ///< not empty
  AnyView values;    ///< must outlive the writing
};

/// Throws FormatError when a name is empty or appears twice.
inline void check_names(const std::filesystem::path& path,
                        const std::vector<NamedTensor>& tensors) {
  std::set<std::string_view> names;
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name.empty()) {
      fail<FormatError>(path.string(), ": cannot be written: a tensor has no name");
    }
    if (!names.insert(tensor.name).second) {
      fail<FormatError>(path.string(), ": cannot be written: two tensors are named \"", tensor.name,
                        '"');
    }
  }
}

}  // namespace hooked
