// FactoredMatrix: a matrix A B that is never multiplied out, as the QK and OV circuits of a head
// are: d_model by d_model, but of rank d_head at most (Elhage et al., "A Mathematical Framework for
// Transformer Circuits", 2021; contract, 9).
#pragma once

#include <algorithm>
#include <complex>

#include "hooked/core/arithmetic.hpp"
#include "hooked/core/eig.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/qr.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/svd.hpp"

namespace hooked {

namespace detail {

// The leading axes of a product a b [..., l, r] of a [..., l, m] and b [..., m, r]. Throws
// ShapeError, with what both are called, unless they can be multiplied.
inline Shape leads_of_product(const char* name, const char* a_name, const Shape& a,
                              const char* b_name, const Shape& b) {
  const std::string both = text(name, ": ", a_name, " is ", a, ", ", b_name, " is ", b);
  if (a.rank() < 2 || b.rank() < 2) fail<ShapeError>(both, ": both need two axes");
  if (a[-1] != b[-2]) {
    fail<ShapeError>(both, ": ", a_name, " has ", a[-1], " columns but ", b_name, " has ", b[-2],
                     " rows");
  }
  return broadcast_shape(both + ": their leading axes", a.axes(0, a.rank() - 2),
                         b.axes(0, b.rank() - 2));
}

// The matrices of x under the leading axes of others, too.
template <Scalar T>
View<const T> with_leads(const Shape& leads, View<const T> x) {
  return x.broadcast(join(leads, {x.size(-2), x.size(-1)}));
}

// a b, where leading axes broadcast.
template <Scalar T>
Tensor<T> broadcast_matmul(View<const T> a, View<const T> b) {
  if (a.rank() == 2 || b.rank() == 2) return matmul(a, b);
  const Shape leads = leads_of_product("matmul", "a", a.shape(), "b", b.shape());
  return matmul(with_leads(leads, a), with_leads(leads, b));
}

// x [..., n] with each number beside the others multiplied by its own of s [..., k]: x diag(s).
template <Scalar T>
Tensor<T> times_diagonal(const Tensor<T>& x, const Tensor<T>& s) {
  return x * s.view_as(join(s.shape().axes(0, s.rank() - 1), {1, s.size(-1)}));
}

// A B = Q_A M Q_B^T with orthonormal columns in Q_A [l, j] and Q_B [r, k] and a small M [j, k]:
// A = Q_A R_A and B^T = Q_B R_B give M = R_A R_B^T.
struct QrOfFactors {
  Tensor<double> Q_A, M, Q_B;

  template <Scalar T>
  QrOfFactors(View<const T> A, View<const T> B) {
    Qr<double> left = qr(cast<double>(A)), right = qr(cast<double>(B.transpose()));
    M = matmul(left.R, right.R.transpose());
    Q_A = std::move(left.Q);
    Q_B = std::move(right.Q);
  }
};

}  // namespace detail

/// The product A B of A [..., l, m] and B [..., m, r], kept as its factors: [..., l, r] in
/// m (l + r) numbers. Leading axes, such as [layer, head], broadcast and stand for as many
/// matrices. What works on it (products, decompositions) never multiplies it out; AB() does.
template <Scalar T>
class FactoredMatrix {
 public:
  using value_type = T;

  /// Copies both. Throws ShapeError when A has another number of columns than B has rows, either
  /// has less than two axes, or leading axes do not broadcast.
  template <TensorOf<T> X, TensorOf<T> Y>
  FactoredMatrix(const X& A, const Y& B) {
    const Shape leads = detail::leads_of_product("FactoredMatrix", "A", A.shape(), "B", B.shape());
    A_ = Tensor<T>(detail::with_leads(leads, A.view()));
    B_ = Tensor<T>(detail::with_leads(leads, B.view()));
  }

  /// The left factor, [..., l, m].
  const Tensor<T>& A() const HOOKED_LIFETIMEBOUND { return A_; }
  /// The right factor, [..., m, r].
  const Tensor<T>& B() const HOOKED_LIFETIMEBOUND { return B_; }
  /// The matrix itself, [..., l, r].
  Tensor<T> AB() const { return matmul(A_, B_); }
  /// The factors the other way round, [..., m, m]: it has the eigenvalues of A B that are not 0.
  /// Throws ShapeError unless A B is square.
  Tensor<T> BA() const {
    check_square("BA");
    return matmul(B_, A_);
  }
  /// (A B)^T = B^T A^T, [..., r, l].
  FactoredMatrix transpose() const { return {B_.transpose(), A_.transpose()}; }

  /// [..., l, r], that of the product.
  Shape shape() const { return join(leads(), {ldim(), rdim()}); }
  /// Of one axis of the product; negative ones count from the end.
  Index size(int axis) const { return shape()[axis]; }
  /// Number of axes, the leading ones included.
  int rank() const { return A_.rank(); }
  /// l, the rows of A.
  Index ldim() const { return A_.size(-2); }
  /// m, the inner size, which bounds the rank.
  Index mdim() const { return A_.size(-1); }
  /// r, the columns of B.
  Index rdim() const { return B_.size(-1); }

  /// Position `index` of `axis`, negative ones count from the end. Of a leading axis, which is
  /// dropped; of the last two a row or a column, which stay as axes of size 1. Throws ShapeError.
  FactoredMatrix select(int axis, Index index) const {
    axis = normalize_axis(axis, rank());
    index = normalize_index(index, axis, shape());
    if (axis >= rank() - 2) return slice(axis, index, index + 1);
    return {A_.select(axis, index), B_.select(axis, index)};
  }
  /// [start, stop) of any axis, every `step`-th, as View::slice. Throws ShapeError.
  FactoredMatrix slice(int axis, Index start, Index stop, Index step = 1) const {
    axis = normalize_axis(axis, rank());
    const auto cut = [&](const Tensor<T>& x) { return x.slice(axis, start, stop, step); };
    if (axis == rank() - 2) return {cut(A_), B_};
    if (axis == rank() - 1) return {A_, cut(B_)};
    return {cut(A_), cut(B_)};
  }
  /// The first k rows and columns of A B, [..., k, k], to look at. Throws ShapeError when there are
  /// fewer.
  Tensor<T> get_corner(Index k = 3) const { return slice(-2, 0, k).slice(-1, 0, k).AB(); }

  /// A B = U diag(S) V^T: U [..., l, k], S [..., k] falling, V [..., r, k], k = min(l, m, r). From
  /// the QR decompositions of A and B^T and the singular values of the m x m matrix between them,
  /// in double. Throws as hooked::svd: ShapeError for a factor without elements, NumericError when
  /// one is not finite.
  Svd<T> svd() const {
    const Index k = std::min({ldim(), mdim(), rdim()});
    Svd<T> found{Tensor<T>(join(leads(), {ldim(), k})), Tensor<T>(join(leads(), {k})),
                 Tensor<T>(join(leads(), {rdim(), k}))};
    const View<T> U = matrices(found.U), V = matrices(found.V);
    const View<T> S = found.S.view_as(Shape{leads().numel(), k});
    for_each([&](Index i, View<const T> A, View<const T> B) {
      const detail::QrOfFactors qr(A, B);
      const Svd<double> middle = hooked::svd(qr.M);
      U.select(0, i) = cast<T>(matmul(qr.Q_A, middle.U));
      S.select(0, i) = cast<T>(middle.S);
      V.select(0, i) = cast<T>(matmul(qr.Q_B, middle.V));
    });
    return found;
  }
  /// The m eigenvalues of B A in double, [..., m], the largest modulus first: those of A B, with
  /// zeros added or left out. Throws ShapeError unless A B is square, else as eig.
  Tensor<std::complex<double>> eigenvalues() const {
    check_square("eigenvalues");
    Tensor<std::complex<double>> values(join(leads(), {mdim()}));
    const auto rows = values.view_as(Shape{leads().numel(), mdim()});
    for_each([&](Index i, View<const T> A, View<const T> B) {
      rows.select(0, i) = eig(matmul(cast<double>(B), cast<double>(A))).values;
    });
    return values;
  }
  /// The Frobenius norm, [...], the root of the sum of S^2. Throws as svd.
  Tensor<T> norm() const {
    Tensor<T> norms(leads());
    for_each([&](Index i, View<const T> A, View<const T> B) {
      norms.data()[i] = static_cast<T>(l2_norm(detail::QrOfFactors(A, B).M).item());
    });
    return norms;
  }

  /// The same matrix as (U sqrt(S)) (sqrt(S) V^T), whose factors are of one size. Throws as svd.
  FactoredMatrix make_even() const {
    const auto [U, S, V] = svd();
    const Tensor<T> root = sqrt(S);
    return {detail::times_diagonal(U, root), detail::times_diagonal(V, root).transpose()};
  }
  /// S V^T [..., k, r]: what is left without the orthonormal U, of the same norms and products with
  /// what stands to the right. Throws as svd.
  Tensor<T> collapse_l() const {
    const auto [U, S, V] = svd();
    return Tensor<T>(detail::times_diagonal(V, S).transpose());
  }
  /// U S [..., l, k]: the same without V. Throws as svd.
  Tensor<T> collapse_r() const {
    const auto [U, S, V] = svd();
    return detail::times_diagonal(U, S);
  }

 private:
  Shape leads() const { return A_.shape().axes(0, rank() - 2); }
  void check_square(const char* name) const {
    if (ldim() != rdim()) fail<ShapeError>(name, " of a matrix ", shape(), ": it must be square");
  }
  // All matrices of x along one axis.
  template <class X>
  auto matrices(X& x) const {
    return x.view_as(Shape{leads().numel(), x.size(-2), x.size(-1)});
  }
  // Calls f(i, A [l, m], B [m, r]) for each matrix.
  template <class F>
  void for_each(F f) const {
    const View<const T> A = matrices(A_), B = matrices(B_);
    for (Index i = 0; i < A.size(0); ++i) f(i, A.select(0, i), B.select(0, i));
  }

  Tensor<T> A_, B_;
};

template <TensorLike X, TensorLike Y>
FactoredMatrix(const X&, const Y&) -> FactoredMatrix<typename X::value_type>;

/// F M, M F and F G, factored again, with leading axes that broadcast. Of the inner sizes the
/// smaller one is kept. Throws ShapeError when the left has another number of columns than the
/// right has rows.
template <Scalar T, TensorOf<T> X>
FactoredMatrix<T> matmul(const FactoredMatrix<T>& F, const X& M) {
  (void)detail::leads_of_product("matmul", "a", F.shape(), "b", M.shape());
  if (F.rdim() > F.mdim()) return {F.A(), detail::broadcast_matmul<T>(F.B(), M)};
  return {F.AB(), M};
}
template <Scalar T, TensorOf<T> X>
FactoredMatrix<T> matmul(const X& M, const FactoredMatrix<T>& F) {
  (void)detail::leads_of_product("matmul", "a", M.shape(), "b", F.shape());
  if (F.ldim() > F.mdim()) return {detail::broadcast_matmul<T>(M, F.A()), F.B()};
  return {M, F.AB()};
}
template <Scalar T>
FactoredMatrix<T> matmul(const FactoredMatrix<T>& F, const FactoredMatrix<T>& G) {
  (void)detail::leads_of_product("matmul", "a", F.shape(), "b", G.shape());
  return matmul(matmul(F, G.A()), G.B());
}

/// y = F x for vectors x [..., r]: [..., l]. Leading axes broadcast, and the names are numpy's.
/// Throws ShapeError when x has another length than F has columns.
template <Scalar T, TensorOf<T> X>
Tensor<T> matvec(const FactoredMatrix<T>& F, const X& x) {
  if (x.rank() == 0 || x.size(-1) != F.rdim()) {
    fail<ShapeError>("matvec: the matrix is ", F.shape(), ", x is ", x.shape(),
                     ": the last axis of x must be ", F.rdim());
  }
  const Tensor<T> column(x.view().reshape(join(x.shape(), {1})));
  const Tensor<T> y =
      detail::broadcast_matmul<T>(F.A(), detail::broadcast_matmul<T>(F.B(), column));
  return Tensor<T>(y.select(-1, 0));
}
/// y = x F for row vectors x [..., l], which is what a layer does to its input: [..., r].
/// Throws ShapeError when x has another length than F has rows.
template <Scalar T, TensorOf<T> X>
Tensor<T> vecmat(const X& x, const FactoredMatrix<T>& F) {
  if (x.rank() == 0 || x.size(-1) != F.ldim()) {
    fail<ShapeError>("vecmat: x is ", x.shape(), ", the matrix is ", F.shape(),
                     ": the last axis of x must be ", F.ldim());
  }
  return matvec(F.transpose(), x);
}

/// c (A B) = (c A) B for a number c.
template <Scalar T, detail::NumberFor<T> Number>
FactoredMatrix<T> operator*(const FactoredMatrix<T>& F, Number c) {
  return {F.A() * c, F.B()};
}
template <Scalar T, detail::NumberFor<T> Number>
FactoredMatrix<T> operator*(Number c, const FactoredMatrix<T>& F) {
  return F * c;
}

}  // namespace hooked
