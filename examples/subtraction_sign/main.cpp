// How does a one-layer transformer decide the sign of a two-digit subtraction? Trains the model of
// the study and measures what the study says of it.
#include "subtraction_sign.hpp"

int main(int argc, char** argv) { return study::run(subtraction::subtraction_sign(), argc, argv); }
