// hooked: small transformers that you can see through. This header includes what most programs use.
// What takes a compiler long and few programs need is included by name: decompositions
// (core/linalg.hpp, fits: interp/fits.hpp), file formats (io/npz.hpp, io/safetensors.hpp,
// io/config_json.hpp), reports (report/).
#pragma once

#include "hooked/core/angles.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/einsum.hpp"
#include "hooked/core/error.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/names.hpp"
#include "hooked/core/print.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/core/shape.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/core/version.hpp"
#include "hooked/core/view.hpp"
#include "hooked/core/walk.hpp"
//
#include "hooked/ops/op.hpp"
//
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/functions.hpp"
#include "hooked/autograd/normalize.hpp"
#include "hooked/autograd/products.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
//
#include "hooked/hooks/act_name.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/site.hpp"
//
#include "hooked/nn/config.hpp"
#include "hooked/nn/generate.hpp"
#include "hooked/nn/loss.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/splice.hpp"
#include "hooked/nn/transformer.hpp"
//
#include "hooked/io/model.hpp"
//
#include "hooked/train/callbacks.hpp"
#include "hooked/train/data.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/evaluate.hpp"
#include "hooked/train/objective.hpp"
#include "hooked/train/optimizer.hpp"
#include "hooked/train/schedule.hpp"
#include "hooked/train/train.hpp"
//
#include "hooked/interp/collect.hpp"
#include "hooked/interp/head_maps.hpp"
#include "hooked/interp/histogram.hpp"
#include "hooked/interp/patching.hpp"
#include "hooked/interp/sweep.hpp"
