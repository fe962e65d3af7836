// hooked: small transformers that you can see through. This header includes the whole library;
// programs that want to compile faster include what they use.
#pragma once

#include "hooked/core/version.hpp"
//
#include "hooked/core/arena.hpp"
#include "hooked/core/error.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/shape.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/core/view.hpp"
//
#include "hooked/ops/ops.hpp"
//
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/tape.hpp"
//
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/hooks/hook.hpp"
//
#include "hooked/nn/generate.hpp"
#include "hooked/nn/loss.hpp"
#include "hooked/nn/transformer.hpp"
//
#include "hooked/io/model.hpp"
//
#include "hooked/train/train.hpp"
