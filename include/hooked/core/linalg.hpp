// Decompositions and least squares. Each has a header of its own, and only what is called costs
// time to compile: with g++ 12 some 2 s for svd and qr, 4 to 8 for eigh, lstsq and eig, which are
// Eigen's.
#pragma once

#include "hooked/core/eig.hpp"
#include "hooked/core/eigh.hpp"
#include "hooked/core/lstsq.hpp"
#include "hooked/core/qr.hpp"
#include "hooked/core/svd.hpp"
