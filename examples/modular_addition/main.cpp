// How does a one-layer transformer add modulo a prime, and why does it learn to so late? Trains the
// model of the study and measures what the study, and those whom it replicates, say of it.
#include "modular_addition.hpp"

int main(int argc, char** argv) { return study::run(addition::modular_addition(), argc, argv); }
