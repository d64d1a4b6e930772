// The trainer, compiled once for all tests.
#include "training_runs.hpp"

template class pare::trainer<>;
