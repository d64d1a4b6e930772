// What of pare needs the standard library and Eigen only. Opt-in headers, each named after what it reads or
// adapts: tensor/xtensor.hpp, io/safetensors.hpp, io/idx.hpp, io/csv.hpp, io/csv_dataset.hpp, io/npy.hpp; and
// compress/compress.hpp, which takes long to compile.
#pragma once

#include <pare/io/pare_file.hpp>
#include <pare/kernels/fastest.hpp>
#include <pare/kernels/isa.hpp>
#include <pare/kernels/multiply.hpp>
#include <pare/nn/network.hpp>
#include <pare/nn/quantize.hpp>
#include <pare/parallel/thread_pool.hpp>
#include <pare/prune/mask.hpp>
#include <pare/prune/neurons.hpp>
#include <pare/prune/patterns.hpp>
#include <pare/prune/prune.hpp>
#include <pare/prune/schedule.hpp>
#include <pare/quantize/affine.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/quantize/distortion.hpp>
#include <pare/storage/pack.hpp>
#include <pare/storage/unpack.hpp>
#include <pare/storage/unpack_codes.hpp>
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/view.hpp>
#include <pare/train/augmentation_cache.hpp>
#include <pare/train/compact.hpp>
#include <pare/train/convert.hpp>
#include <pare/train/digits.hpp>
#include <pare/train/fuse.hpp>
#include <pare/train/narrow.hpp>
#include <pare/train/progress.hpp>
#include <pare/train/reorder.hpp>
#include <pare/train/trainer.hpp>
#include <pare/version.hpp>
