#include "training_runs.hpp"

template class pare::trainer<>;
