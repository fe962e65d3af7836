// What the recipes share: a check, and two small models that have learnt something.
#pragma once

#include <string>

#include "hooked/nn/transformer.hpp"
#include "hooked/train/dataset.hpp"

/// Throws std::runtime_error with `what` unless it is true.
void check(bool is_true, const std::string& what);

/// Three digits and "=" (token 10); the largest is read at "=", position 3: 1000 examples.
const hooked::Dataset& digits();
/// Two layers with MLPs that learnt `digits()`.
const hooked::Transformer<float>& largest_digit();

/// Two attention-only layers that learnt sequences which repeat.
const hooked::Transformer<float>& repeater();

// The recipes, by file.
void look_inside();                   // inside.cpp
void read_weights();                  // weights.cpp
void compare_runs();                  // runs.cpp
void train_things();                  // training.cpp
void build_things();                  // building.cpp
void features_of_models();            // features.cpp
void tensors_and_files();             // tensors.cpp
void guides();                        // guides.cpp
void coming_from_transformer_lens();  // coming_from_transformer_lens.cpp
