// The one list of all operations. It drives the gradient test, the mutation test of the checker,
// the allocation test and the op benchmark; tests/ops finds an op of ours that is not in it.
#pragma once

#include <tuple>

#include "hooked/ops/abs.hpp"
#include "hooked/ops/add.hpp"
#include "hooked/ops/add_bias.hpp"
#include "hooked/ops/affine.hpp"
#include "hooked/ops/attention_mix.hpp"
#include "hooked/ops/attention_scores.hpp"
#include "hooked/ops/broadcast.hpp"
#include "hooked/ops/center.hpp"
#include "hooked/ops/clamp.hpp"
#include "hooked/ops/concat.hpp"
#include "hooked/ops/cross_entropy.hpp"
#include "hooked/ops/divide.hpp"
#include "hooked/ops/divide_by.hpp"
#include "hooked/ops/divide_rows.hpp"
#include "hooked/ops/exp.hpp"
#include "hooked/ops/extreme.hpp"
#include "hooked/ops/fused_attention.hpp"
#include "hooked/ops/fused_mlp.hpp"
#include "hooked/ops/gather_rows.hpp"
#include "hooked/ops/gelu.hpp"
#include "hooked/ops/gelu_new.hpp"
#include "hooked/ops/head_linear.hpp"
#include "hooked/ops/jump_relu.hpp"
#include "hooked/ops/keep_top_k.hpp"
#include "hooked/ops/l1_norm.hpp"
#include "hooked/ops/l2_norm.hpp"
#include "hooked/ops/linear.hpp"
#include "hooked/ops/log.hpp"
#include "hooked/ops/log_softmax.hpp"
#include "hooked/ops/matmul.hpp"
#include "hooked/ops/multiply.hpp"
#include "hooked/ops/number_over.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/power.hpp"
#include "hooked/ops/relu.hpp"
#include "hooked/ops/rms_scale.hpp"
#include "hooked/ops/rotary.hpp"
#include "hooked/ops/scale.hpp"
#include "hooked/ops/scale_columns.hpp"
#include "hooked/ops/shift.hpp"
#include "hooked/ops/sigmoid.hpp"
#include "hooked/ops/silu.hpp"
#include "hooked/ops/soft_cap.hpp"
#include "hooked/ops/softmax.hpp"
#include "hooked/ops/sparse_linear.hpp"
#include "hooked/ops/sqrt.hpp"
#include "hooked/ops/squared_error.hpp"
#include "hooked/ops/standardize.hpp"
#include "hooked/ops/step.hpp"
#include "hooked/ops/subtract.hpp"
#include "hooked/ops/sum.hpp"
#include "hooked/ops/sum_axes.hpp"
#include "hooked/ops/sum_heads.hpp"
#include "hooked/ops/tanh.hpp"
#include "hooked/ops/where.hpp"
#include "hooked/ops/window.hpp"

/// The list: `each(Op)` for every operation.
#define HOOKED_OPS(each)                                                                          \
  each(Abs) each(Add) each(AddBias) each(Affine) each(AttentionMix) each(AttentionScores)         \
      each(Broadcast) each(Center) each(Clamp) each(Concat) each(CrossEntropy) each(Divide)       \
          each(DivideBy) each(DivideRows) each(Exp) each(Extreme) each(FusedAttention)            \
              each(FusedMlp<ReluFunction>) each(FusedMlp<GeluFunction>)                           \
                  each(FusedMlp<GeluNewFunction>) each(FusedMlp<GeluFastFunction>)                \
                      each(FusedMlp<SiluFunction>) each(GatherRows) each(Gelu) each(GeluNew)      \
                          each(GeluFast) each(HeadLinear) each(JumpRelu) each(KeepTopK)           \
                              each(L1Norm) each(L2Norm) each(Linear) each(Log) each(LogSoftmax)   \
                                  each(MatMul) each(Multiply) each(NumberOver) each(Power)        \
                                      each(Relu) each(RmsScale) each(Rotary) each(Scale)          \
                                          each(ScaleColumns) each(Shift) each(Sigmoid) each(Silu) \
                                              each(SoftCap) each(Softmax) each(SparseLinear)      \
                                                  each(Sqrt) each(SquaredError) each(Standardize) \
                                                      each(Step) each(Subtract) each(Sum)         \
                                                          each(SumAxes) each(SumHeads) each(Tanh) \
                                                              each(Where) each(Window)

namespace hooked {

namespace detail {
template <class, class... O>
using WithoutFirst = std::tuple<O...>;
#define HOOKED_NEXT_OP(...) , __VA_ARGS__
}  // namespace detail

/// The list as a tuple of types.
using AllOps = detail::WithoutFirst<void HOOKED_OPS(HOOKED_NEXT_OP)>;
#undef HOOKED_NEXT_OP

}  // namespace hooked
