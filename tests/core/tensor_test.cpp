// shape.hpp, view.hpp, walk.hpp, tensor.hpp
#include <algorithm>
#include <numeric>

#include "check.hpp"

using namespace hooked;

namespace {

Tensor<double> counted(const Shape& shape) {
  Tensor<double> x(shape);
  std::iota(x.data(), x.data() + x.numel(), 0.0);
  return x;
}

std::vector<const double*> addresses(View<const double> x) {
  std::vector<const double*> all;
  for_each_element(x, [&](Index, const double& element) { all.push_back(&element); });
  return all;
}

// Every shape of up to four axes with `numel` elements.
void all_shapes(Index numel, const Shape& head, std::vector<Shape>& found) {
  if (numel == 1 && head.rank() > 0) found.push_back(head);
  if (head.rank() == 4) return;
  for (Index size = 1; size <= numel; ++size) {
    if (numel % size == 0) all_shapes(numel / size, join(head, {size}), found);
  }
}

// Contiguous, permuted, sliced, broadcast and selected windows on one block of numbers.
std::vector<View<const double>> windows(const Tensor<double>& x) {
  const View<const double> v = x.view();
  std::vector<View<const double>> found{v, v.select(0, 1), v.select(1, -1), v.select(2, 0)};
  for (const auto& order :
       {std::vector<int>{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    found.push_back(v.permute({order[0], order[1], order[2]}));
  }
  for (int axis = 0; axis < 3; ++axis) {
    found.push_back(v.slice(axis, 0, v.size(axis), 2));
    found.push_back(v.slice(axis, 1, v.size(axis)));
    found.push_back(v.slice(axis, 0, 1));
    found.push_back(v.slice(axis, 0, 1).broadcast(v.shape()));
  }
  found.push_back(v.slice(2, 0, 1).transpose());
  found.push_back(v.select(0, 0).broadcast({2, v.size(1), v.size(2)}));
  return found;
}

}  // namespace

TEST_CASE("a shape knows its axes, counts from the end and prints itself", "[core][shape]") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape.numel() == 24);
  CHECK(shape[-1] == 4);
  CHECK(shape[0] == 2);
  CHECK(text(shape) == "[2, 3, 4]");
  CHECK(text(Shape{}) == "[]");
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{0, 5}.numel() == 0);
  CHECK(shape.axes(1, 3) == Shape{3, 4});
  CHECK(join({2}, {3, 4}) == shape);
  CHECK(shape != Shape{2, 3});
  CHECK(normalize_axis(-3, 3) == 0);
  CHECK(normalize_index(-1, 1, shape) == 2);
}

TEST_CASE("a shape refuses what it cannot be", "[core][shape]") {
  CHECK(error_of<ShapeError>([] { Shape{1, 2, 3, 4, 5, 6, 7}; }) == "a tensor has at most 6 axes");
  CHECK(error_of<ShapeError>([] { Shape{2, -3}; }) == "an axis cannot have size -3");
  CHECK(error_of<ShapeError>([] { Shape{2, 3}[2]; }) == "axis 2 does not exist: there are 2 axes");
  CHECK(error_of<ShapeError>([] { normalize_axis(-3, 2); }) ==
        "axis -3 does not exist: there are 2 axes");
  CHECK(error_of<ShapeError>([] {
          normalize_index(4, 0, {4, 2});
        }) == "index 4 is outside axis 0 of the shape [4, 2]");
}

TEMPLATE_TEST_CASE("a tensor owns its numbers and copies them", "[core][tensor]", float, double) {
  using T = TestType;
  Tensor<T> x({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor<T> y = x;
  x(1, -1) = 60;
  CHECK(x(1, 2) == T(60));
  CHECK(y(1, 2) == T(6));
  CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
  CHECK(Tensor<T>().shape() == Shape{0});
  CHECK(Tensor<T>::scalar(3).item() == T(3));
  CHECK(Tensor<T>({2, 2}, T(7))(1, 0) == T(7));
  CHECK(Tensor<T>(y.transpose())(2, 1) == T(6));
  CHECK(Tensor<T>({2}, std::vector<T>{8, 9})(1) == T(9));
  x.fill(0);
  CHECK(difference(x, Tensor<T>({2, 3})) == "");
  CHECK(error_of<ShapeError>([] {
          Tensor<T>({2, 2}, {1, 2, 3});
        }) == "a tensor of shape [2, 2] has 4 elements, 3 were given");
  CHECK(error_of<ShapeError>([&] { y(0); }) == "1 indices given for a tensor of shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { y(0, 3); }) == "index 3 is outside axis 1 of the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { y(-3, 0); }) ==
        "index -3 is outside axis 0 of the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { y.item(); }) == "item() wants one element, the shape is [2, 3]");
}

TEST_CASE("select, slice, permute, transpose and broadcast look without a copy", "[core][view]") {
  const Tensor<double> x = counted({2, 3, 4});
  CHECK(difference(x.select(1, -1), {2, 4}, {8, 9, 10, 11, 20, 21, 22, 23}) == "");
  CHECK(difference(x.slice(2, 1, -1), {2, 3, 2}, {1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22}) ==
        "");
  CHECK(difference(x.slice(2, 0, 4, 3).select(0, 0), {3, 2}, {0, 3, 4, 7, 8, 11}) == "");
  CHECK(x.slice(1, 2, 2).shape() == Shape{2, 0, 4});
  CHECK(x.permute({2, 0, -2})(3, 1, 2) == x(1, 2, 3));
  CHECK(x.transpose()(1, 3, 2) == x(1, 2, 3));
  CHECK(difference(x.select(0, 0).select(0, 0).broadcast({2, 4}), {2, 4},
                   {0, 1, 2, 3, 0, 1, 2, 3}) == "");
  CHECK(difference(x.slice(2, 1, 2).select(0, 0).broadcast({3, 2}), {3, 2}, {1, 1, 5, 5, 9, 9}) ==
        "");
  CHECK(x.select(0, 1).data() == x.data() + 12);
}

TEST_CASE("reshape of a view is a tensor of its own, view_as looks", "[core][view]") {
  Tensor<double> x = counted({2, 3});
  STATIC_REQUIRE(std::is_same_v<decltype(x.view().reshape({6})), const Tensor<double>>);
  STATIC_REQUIRE(std::is_same_v<decltype(x.reshape(Shape{6})), View<double>>);
  auto turned = x.transpose().reshape({-1});  // numpy: arange(6).reshape(2, 3).T.reshape(-1)
  CHECK(difference(turned, {6}, {0, 3, 1, 4, 2, 5}) == "");
  turned(0) = 7;
  CHECK(difference(x.slice(1, 1, 3).reshape(Shape{4}), {4}, {1, 2, 4, 5}) == "");
  const auto alone = x.view().reshape({3, 2});
  CHECK(alone.data() != x.data());
  x.view().view_as({3, 2}).select(0, 0) = Tensor<double>({2}, {8, 9});
  x.view_as(Shape{6}).slice(0, 4, 6).fill(-1);
  CHECK(difference(x, {2, 3}, {8, 9, 2, 3, -1, -1}) == "");
  CHECK(difference(alone, {3, 2}, {0, 1, 2, 3, 4, 5}) == "");
  CHECK(std::as_const(x).view_as({3, -1}).data() == x.data());
  CHECK(error_of<ShapeError>([&] { x.transpose().reshape({4}); }) ==
        "reshape: [3, 2] has 6 elements, [4] has 4");
}

TEST_CASE("fill writes to what a view shows alone", "[core][view]") {
  Tensor<float> x({2, 3});
  x.select(1, 1).fill(5);
  x.slice(1, 0, 0).fill(7);
  CHECK(difference(x, {2, 3}, {0, 5, 0, 0, 5, 0}) == "");
}

TEST_CASE("for goes along the first axis", "[core][view]") {
  Tensor<double> x = counted({3, 2});
  for (auto row : x) row(0) += 10;
  for (View<double> column : x.transpose()) column(2) = -1;
  CHECK(difference(x, {3, 2}, {10, 1, 12, 3, -1, -1}) == "");
  double total = 0;
  for (const auto& row : std::as_const(x)) {
    STATIC_REQUIRE(std::is_same_v<decltype(row), const View<const double>&>);
    for (const auto& element : row) total += element.item();
  }
  CHECK(total == 24);
  for ([[maybe_unused]] const auto& row : Tensor<double>({0, 2})) FAIL("there is no row");
  CHECK(error_of<ShapeError>([] {
          for ([[maybe_unused]] const auto& row : Tensor<double>::scalar(1)) {
          }
        }) == "axis 0 does not exist: there are 0 axes");
}

TEST_CASE("views refuse what does not fit, in words", "[core][view]") {
  const Tensor<double> x = counted({2, 3});
  CHECK(error_of<ShapeError>([&] { x.select(2, 0); }) == "axis 2 does not exist: there are 2 axes");
  CHECK(error_of<ShapeError>([&] { x.select(1, 3); }) ==
        "index 3 is outside axis 1 of the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { x.slice(1, 1, 4); }) ==
        "slice 1:4:1 of axis 1 does not fit the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { x.slice(1, 2, 1); }) ==
        "slice 2:1:1 of axis 1 does not fit the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { x.slice(1, 0, 2, 0); }) ==
        "slice 0:2:0 of axis 1 does not fit the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { x.permute({0, 0}); }) == "permute needs each axis once");
  CHECK(error_of<ShapeError>([&] { x.permute({1}); }) == "permute of 1 axes for the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { x.select(0, 0).transpose(); }) ==
        "transpose wants two axes, the shape is [3]");
  CHECK(error_of<ShapeError>([&] {
          x.broadcast({2, 2, 4});
        }) == "broadcast: [2, 3] cannot become [2, 2, 4]");
  CHECK(error_of<ShapeError>([&] { x.broadcast({3}); }) == "broadcast: [2, 3] cannot become [3]");
  CHECK(error_of<ShapeError>([&] {
          x.reshape({4, 2});
        }) == "reshape: [2, 3] has 6 elements, [4, 2] has 8");
  CHECK(error_of<ShapeError>([&] {
          x.reshape({4, -1});
        }) == "reshape: [2, 3] has 6 elements, [4, 1] has 4");
  CHECK(error_of<ShapeError>([&] { x.reshape({-1, -1}); }) == "reshape: only one size can be -1");
  CHECK(error_of<ShapeError>([&] { x.reshape({-2, 3}); }) == "an axis cannot have size -2");
  CHECK(error_of<ShapeError>([&] { x.transpose().view_as({6}); }) ==
        "view_as: [3, 2] as [6] would need a copy because of its strides; reshape makes one");
  CHECK(error_of<ShapeError>([&] { x.transpose().matrix(); }) ==
        "matrix(): the last axis of [3, 2] has stride 3; copy into a Tensor first");
  Tensor<double> y({3});
  CHECK(error_of<ShapeError>([&] { copy(x.view(), y.view()); }) == "copy: from [2, 3] to [3]");
  CHECK(error_of<ShapeError>([&] {
          walk([](double, double) {}, x.view(), std::as_const(y).view());
        }) == "walk: the shapes are [2, 3] and [3]");
}

TEST_CASE("reshape fills in one size", "[core][view]") {
  const Tensor<double> x = counted({2, 3, 4});
  CHECK(x.reshape({-1}).shape() == Shape{24});
  CHECK(x.reshape({4, -1}).shape() == Shape{4, 6});
  CHECK(x.reshape({-1, 24}).shape() == Shape{1, 24});
  CHECK(Tensor<double>({0, 3}).reshape({-1, 3}).shape() == Shape{0, 3});
}

TEST_CASE("reshape of a temporary tensor takes its numbers along", "[core][tensor]") {
  const auto x = counted({2, 3, 4}).reshape({4, -1});
  static_assert(std::is_same_v<decltype(x), const Tensor<double>>);
  const Tensor<double> other({2, 3, 4}, 7);  // in memory that x would have lost
  CHECK(x.shape() == Shape{4, 6});
  CHECK(x(3, 5) == 23);
  Tensor<double> whole = counted({6});
  const double* const numbers = whole.data();
  const Tensor<double> moved = std::move(whole).reshape({3, 2});
  CHECK(moved.data() == numbers);
  CHECK(moved.reshape({6}).data() == numbers);  // a view
  CHECK(error_of<ShapeError>([] { counted({6}).reshape({4}); }) ==
        "reshape: [6] has 6 elements, [4] has 4");
}

TEST_CASE("view_as of any window keeps the order, or refuses when that takes a copy",
          "[core][view]") {
  int kept = 0, refused = 0;
  for (const Shape& shape : {Shape{2, 3, 4}, Shape{2, 2, 3}, Shape{2, 1, 6}, Shape{4, 2, 2}}) {
    const Tensor<double> x = counted(shape);
    for (const auto& window : windows(x)) {
      const auto expected = addresses(window);
      std::vector<Shape> targets;
      all_shapes(window.numel(), {}, targets);
      for (const Shape& target : targets) {
        // Strides are forced by the first step along each axis; they do if all else follows.
        View<const double>::Strides strides{};
        Index step = 1;
        for (int axis = target.rank() - 1; axis >= 0; --axis) {
          if (target[axis] > 1) {
            strides[static_cast<std::size_t>(axis)] =
                expected[static_cast<std::size_t>(step)] - expected[0];
          }
          step *= target[axis];
        }
        const bool possible =
            addresses(View<const double>(expected[0], target, strides)) == expected;
        std::string outcome = "kept";
        try {
          const auto reshaped = window.view_as(target);
          if (reshaped.shape() != target || addresses(reshaped) != expected) outcome = "wrong";
        } catch (const ShapeError&) {
          outcome = "refused";
        }
        INFO("window " << window.shape() << " as " << target);
        CHECK(outcome == (possible ? "kept" : "refused"));
        ++(possible ? kept : refused);
      }
    }
  }
  CHECK(kept > 500);
  CHECK(refused > 500);
}

TEST_CASE("copying between any two windows of one shape copies every element",
          "[core][view][walk]") {
  for (const Shape& shape : {Shape{2, 3, 4}, Shape{3, 3, 3}}) {
    const Tensor<double> source = counted(shape);
    Tensor<double> target(shape);
    for (const auto& from : windows(source)) {
      for (const auto& window : windows(target)) {
        if (from.shape() != window.shape()) continue;
        const auto seen = addresses(window);
        if (seen.size() > 1 && seen[0] == seen[1]) continue;  // a broadcast is not to be written to
        target.fill(-1.0);
        const View<double> to(target.data() + (window.data() - target.data()), window.shape(),
                              window.strides());
        copy(from, to);
        bool broadcast = false;
        for (int axis = 0; axis < to.rank(); ++axis) broadcast |= to.stride(axis) == 0;
        if (!broadcast) CHECK(difference(from, to) == "");
      }
    }
  }
}

TEST_CASE("assigning to a view writes its numbers, whatever the view is", "[core][view]") {
  Tensor<double> a = counted({2, 3});
  const Tensor<double> b({2, 3}, {10, 11, 12, 13, 14, 15});
  a.select(0, 1) = b.select(0, 0);
  CHECK(difference(a, {2, 3}, {0, 1, 2, 10, 11, 12}) == "");
  a.transpose() = Tensor<double>({3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(difference(a, {2, 3}, {1, 3, 5, 2, 4, 6}) == "");
  a.slice(1, 0, 3, 2) = b.slice(1, 0, 2);
  CHECK(difference(a, {2, 3}, {10, 3, 11, 13, 4, 14}) == "");
  const auto overwrite = [&](View<double> x) { x = b; };
  overwrite(a);
  CHECK(difference(a, b) == "");
  View<double> row = a.select(0, 0);
  const View<const double> other = b.select(0, 1);
  row = other;
  CHECK(difference(a, {2, 3}, {13, 14, 15, 13, 14, 15}) == "");
  Tensor<double>::scalar(1).view() = Tensor<double>::scalar(2);
  Tensor<double>({0, 3}).view() = Tensor<double>({0, 3});
}

TEST_CASE("rebind makes a view look elsewhere, and so does assignment where it only reads",
          "[core][view]") {
  Tensor<double> a = counted({2, 3});
  View<double> x;
  x.rebind(a.select(0, 1).slice(0, 0, 3, 2));
  CHECK(difference(x, {2}, {3, 5}) == "");
  View<const double> y = x;
  y = a.select(1, 0);
  CHECK(difference(y, {2}, {0, 3}) == "");
  CHECK(difference(a, counted({2, 3})) == "");
}

TEST_CASE("a view is assigned its own shape only", "[core][view]") {
  Tensor<double> a = counted({2, 3});
  CHECK(error_of<ShapeError>([&] { a.select(0, 0) = a.select(1, 0); }) ==
        "assignment: a view of [3] cannot take [2]");
  CHECK(error_of<ShapeError>([&] {
          a.view() = counted({3, 2});
        }) == "assignment: a view of [2, 3] cannot take [3, 2]");
  CHECK(difference(a, counted({2, 3})) == "");
}

TEST_CASE("windows that share numbers are read whole before one is assigned to the other",
          "[core][view]") {
  Tensor<double> a = counted({6});
  a.slice(0, 1, 6) = a.slice(0, 0, 5);
  CHECK(difference(a, {6}, {0, 0, 1, 2, 3, 4}) == "");
  a = counted({6});
  a.slice(0, 0, 5) = a.slice(0, 1, 6);
  CHECK(difference(a, {6}, {1, 2, 3, 4, 5, 5}) == "");
  Tensor<double> square = counted({3, 3});
  square.view() = square.transpose();
  CHECK(difference(square, {3, 3}, {0, 3, 6, 1, 4, 7, 2, 5, 8}) == "");
  square.view() = square.view();
  CHECK(difference(square, {3, 3}, {0, 3, 6, 1, 4, 7, 2, 5, 8}) == "");
  square.view() = square.select(0, 1).broadcast({3, 3});
  CHECK(difference(square, {3, 3}, {1, 4, 7, 1, 4, 7, 1, 4, 7}) == "");
  Eigen::VectorXd numbers = Eigen::VectorXd::LinSpaced(4, 0, 3);
  const View<const double> backwards(&numbers[3], {4}, {-1});
  View<double>(numbers).view_as({4}) = backwards;
  CHECK(difference(View<const double>(numbers), {4, 1}, {3, 2, 1, 0}) == "");
}

TEST_CASE("matrix and array fold the leading axes, also of strided views", "[core][view]") {
  Tensor<double> x = counted({2, 3, 4});
  CHECK(x.matrix().rows() == 6);
  CHECK(x.matrix()(5, 3) == 23);
  CHECK(x.slice(2, 1, 3).matrix()(5, 1) == 22);
  CHECK(x.slice(2, 1, 3).matrix().outerStride() == 4);
  CHECK(x.select(0, 1).select(0, 0).matrix().rows() == 1);
  CHECK(x.select(0, 1).select(0, 0).broadcast({5, 4}).matrix()(4, 2) == 14);
  CHECK(x.slice(2, 1, 2).matrix()(4, 0) == 17);
  CHECK(Tensor<double>::scalar(2.0).matrix()(0, 0) == 2.0);
  x.array() *= 2.0;
  CHECK(x(1, 2, 3) == 46);

  const Tensor<double> empty({3, 0}), none({0, 3});
  CHECK(empty.matrix().rows() == 3);
  CHECK(empty.matrix().cols() == 0);
  CHECK(none.matrix().rows() == 0);
  CHECK(none.matrix().cols() == 3);
}

TEST_CASE("an Eigen matrix of either storage order becomes a view without a copy", "[core][view]") {
  Eigen::MatrixXd columns(2, 3);
  columns << 1, 2, 3, 4, 5, 6;
  const View<double> view(columns);
  CHECK(difference(view, {2, 3}, {1, 2, 3, 4, 5, 6}) == "");
  view(1, 0) = 40;
  CHECK(columns(1, 0) == 40);
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = columns;
  CHECK(difference(View<const double>(rows), view) == "");
  const Eigen::Vector3d vector(7, 8, 9);
  CHECK(difference(View<const double>(vector), {3, 1}, {7, 8, 9}) == "");
  auto right = columns.rightCols(2);
  CHECK(difference(View<double>(right), {2, 2}, {2, 3, 5, 6}) == "");
}

TEST_CASE("lines run along any axis, and there are none where an axis is empty", "[core][walk]") {
  const Tensor<double> x = counted({2, 3, 2});
  Tensor<double> ends({2, 1, 2});
  for_each_line(
      1, [](View<const double> line, View<double> end) { end(0) = line(-1) - line(0); }, x.view(),
      ends.view());
  CHECK(difference(ends, {2, 1, 2}, {4, 4, 4, 4}) == "");
  int calls = 0;
  for_each_line(
      0, [&](View<const double>) { ++calls; }, std::as_const(x).slice(0, 1, 1));
  for_each_line(
      0, [&](View<const double>) { ++calls; }, std::as_const(x).slice(1, 1, 1));
  CHECK(calls == 0);
}
