// The kinds of numbers in tensor files, and how they become numbers in memory.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hooked/core/shape.hpp"

namespace hooked {

static_assert(std::endian::native == std::endian::little,
              "tensor files are little-endian and hooked copies them as they are");

/// In the order of alignment in which the reference implementation of safetensors declares them;
/// it writes tensors in the reverse of this order.
enum class Dtype { boolean, u8, f16, bf16, i32, f32, f64, i64 };

/// What is known of a dtype.
struct DtypeFacts {
  std::string_view name;  // in safetensors and in error texts
  std::string_view npy;   // in .npy; empty where numpy has no such type
  std::size_t width;      // bytes an element
};
/// The facts of every dtype, in the order of Dtype.
inline constexpr std::array<DtypeFacts, 8> kDtypes{{{"BOOL", "|b1", 1},
                                                    {"U8", "|u1", 1},
                                                    {"F16", "<f2", 2},
                                                    {"BF16", "", 2},
                                                    {"I32", "<i4", 4},
                                                    {"F32", "<f4", 4},
                                                    {"F64", "<f8", 8},
                                                    {"I64", "<i8", 8}}};

/// What is known of a dtype.
constexpr const DtypeFacts& facts(Dtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)]; }

/// The dtype whose `member` is `name`: `find_dtype("F32", &DtypeFacts::name)`.
constexpr std::optional<Dtype> find_dtype(std::string_view name,
                                          std::string_view DtypeFacts::*member) {
  for (std::size_t i = 0; i < kDtypes.size(); ++i) {
    if (!name.empty() && kDtypes[i].*member == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

/// The dtype's name in safetensors.
inline std::ostream& operator<<(std::ostream& out, Dtype dtype) { return out << facts(dtype).name; }

/// T is one of Ts.
template <class T, class... Ts>
concept OneOf = (std::same_as<T, Ts> || ...);

/// The types that tensors of files are read as.
template <class T>
concept Readable = OneOf<T, float, double, std::uint8_t, std::int32_t, std::int64_t>;

/// How a `T` in memory is stored.
template <class T>
requires Readable<T> || std::same_as<T, bool>
constexpr Dtype dtype_of() {
  if constexpr (std::same_as<T, bool>) return Dtype::boolean;
  if constexpr (std::same_as<T, std::uint8_t>) return Dtype::u8;
  if constexpr (std::same_as<T, std::int32_t>) return Dtype::i32;
  if constexpr (std::same_as<T, std::int64_t>) return Dtype::i64;
  if constexpr (std::same_as<T, float>) return Dtype::f32;
  if constexpr (std::same_as<T, double>) return Dtype::f64;
}

/// Bytes that a tensor takes, or nothing when they cannot be counted in an Index. Axes of size zero
/// are left out of the count, so that no stride of such a shape can overflow either.
inline std::optional<std::uint64_t> checked_bytes(const Shape& shape, Dtype dtype) {
  Index count = 1;
  bool empty = false;
  for (const Index size : shape) {
    if (size == 0) {
      empty = true;
    } else if (count > std::numeric_limits<Index>::max() / size) {
      return std::nullopt;
    } else {
      count *= size;
    }
  }
  const auto width = static_cast<Index>(facts(dtype).width);
  if (count > std::numeric_limits<Index>::max() / width) return std::nullopt;
  return empty ? 0 : static_cast<std::uint64_t>(count * width);
}

/// Calls `visit(element)` with a zero of the type that holds `dtype` in memory; booleans are bytes.
template <class Visit>
void visit_stored_type(Dtype dtype, Visit visit) {
  switch (dtype) {
    case Dtype::boolean:
    case Dtype::u8:
      return visit(std::uint8_t{});
    case Dtype::f16:
      return visit(Eigen::half{});
    case Dtype::bf16:
      return visit(Eigen::bfloat16{});
    case Dtype::i32:
      return visit(std::int32_t{});
    case Dtype::f32:
      return visit(float{});
    case Dtype::f64:
      return visit(double{});
    case Dtype::i64:
      return visit(std::int64_t{});
  }
}

/// Throws FormatError, which begins with `where`, for floats read as integers and integers read as
/// floats.
template <Readable T>
void check_readable(Dtype dtype, const std::string& where) {
  const bool is_float =
      dtype == Dtype::f16 || dtype == Dtype::bf16 || dtype == Dtype::f32 || dtype == Dtype::f64;
  if (is_float == std::floating_point<T>) return;
  fail<FormatError>(where, " holds ", dtype, " and cannot be read as ", dtype_of<T>());
}

/// Decodes `count` elements of `dtype` at `from` into `to`. The same type is copied bit for bit;
/// a wider float is exact, F64 as float rounds to nearest; integers must fit; BOOL is 0 or 1.
/// Throws FormatError, which begins with `where`, for integers that do not fit (which errors count
/// from `first`) and as check_readable.
template <Readable T>
void decode(Dtype dtype, const char* from, T* to, Index count, const std::string& where,
            Index first = 0) {
  check_readable<T>(dtype, where);
  visit_stored_type(dtype, [&](auto element) {
    using Stored = decltype(element);
    if constexpr (std::integral<T> != std::integral<Stored>) {
      return;  // which is refused above
    } else if (std::same_as<T, Stored> && dtype != Dtype::boolean) {
      if (count > 0) std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
    } else {
      for (Index i = 0; i < count; ++i) {
        std::memcpy(&element, from + static_cast<std::size_t>(i) * sizeof element, sizeof element);
        if constexpr (std::integral<T>) {
          if (dtype == Dtype::boolean) element = element != 0;
          if (!std::in_range<T>(element)) {
            fail<FormatError>(where, " holds ", +element, " at element ", first + i,
                              ", which does not fit ", dtype_of<T>());
          }
          to[i] = static_cast<T>(element);
        } else if constexpr (std::floating_point<Stored>) {
          to[i] = static_cast<T>(element);
        } else {  // Eigen::half and bfloat16 only convert to float
          to[i] = static_cast<float>(element);
        }
      }
    }
  });
}

}  // namespace hooked
