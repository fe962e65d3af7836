// Whether an op refuses shapes that do not fit, in words that help.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "hooked/testing/any_op.hpp"
#include "hooked/testing/differences.hpp"
#include "hooked/testing/op_rules.hpp"

namespace hooked::testing {

/// Takes one element off one axis of one input, for every axis of every input of a sample. Either
/// the op refuses, with a ShapeError that shows the changed shape and another input's, or it takes
/// the new shapes and then computes with them. (Never one more: the arrays that an op's settings
/// point to are as long as the sample needs.)
class ShapeRules {
 public:
  ShapeRules(const AnyOp<double>& op, std::size_t sample, GradReport& report)
      : op_(op),
        sample_(sample),
        report_(report),
        label_(text(op.name, ", sample ", sample, ": ")) {}

  /// Returns how many changes were refused.
  int check() {
    const std::vector<Shape>& shapes = op_.cases[sample_].inputs;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      for (int axis = 0; axis < shapes[i].rank(); ++axis) {
        if (shapes[i][axis] < 2) continue;
        std::vector<Shape> changed = shapes;
        --changed[i][axis];
        check_changed(changed, i);
      }
    }
    // A shape() that refuses nothing would send the op outside its memory.
    if (refused_ > 0 || op_.inputs == 1) {
      for (const auto& changed : accepted_) check_computes(changed);
    }
    return refused_;
  }

 private:
  void check_changed(const std::vector<Shape>& shapes, std::size_t changed) {
    try {
      op_.shape(sample_, shapes);
      accepted_.push_back(shapes);
    } catch (const ShapeError& error) {
      ++refused_;
      check_text(error.what(), shapes, changed);
    } catch (const std::exception& error) {
      complain(shapes, text("shape() throws no ShapeError but: ", error.what()));
    }
  }

  void check_text(const std::string& error, const std::vector<Shape>& shapes, std::size_t changed) {
    const auto shows = [&](const Shape& shape) {
      return error.find(text(shape)) != std::string::npos;
    };
    bool shows_another = shapes.size() == 1;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      if (i != changed && shows(shapes[i])) shows_another = true;
    }
    if (!shows(shapes[changed]) || !shows_another) {
      complain(shapes, text("the error shows not both of the shapes that disagree: ", error));
    }
  }

  void check_computes(const std::vector<Shape>& shapes) {
    const auto x = random_tensors<double>(shapes, op_.name, op_.cases[sample_].scale,
                                          op_.cases[sample_].shift);
    Tensor<double> y(op_.shape(sample_, shapes), std::numeric_limits<double>::quiet_NaN());
    Tensor<double> saved(op_.saved(sample_, shapes));
    try {
      op_.forward(sample_, {x.begin(), x.end()}, y, saved);
    } catch (const std::exception& error) {
      complain(shapes, text("shape() accepts them, but then: ", error.what()));
      return;
    }
    for (Index k = 0; k < y.numel(); ++k) {
      if (!std::isnan(y.data()[k])) continue;
      complain(shapes, text("shape() accepts them, but then the output at ",
                            position_text(k, y.shape()), " is NaN"));
      return;
    }
  }

  void complain(const std::vector<Shape>& shapes, const std::string& what) {
    std::string line = label_ + "inputs";
    for (const Shape& shape : shapes) line += " " + text(shape);
    report_.failures.push_back(line + ": " + what);
  }

  const AnyOp<double>& op_;
  std::size_t sample_;
  GradReport& report_;
  std::string label_;
  int refused_ = 0;
  std::vector<std::vector<Shape>> accepted_;
};

}  // namespace hooked::testing
