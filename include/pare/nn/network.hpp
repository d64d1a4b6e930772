// network: layers one after another, run in their compressed form.
#pragma once

#include <pare/nn/layer.hpp>
#include <pare/nn/workspace.hpp>

namespace pare {

// A feed-forward network. A value: copies share the packed weights. Samples are columns: x [inputs, batch], or
// [inputs].
class network {
 public:
  // An empty network, which returns its inputs. Throws value_error unless inputs >= 1.
  explicit network(index_t inputs) : widths_{inputs} {
    detail::require<value_error>(inputs >= 1, "inputs is ", inputs, ", must be at least 1");
    mix(static_cast<std::uint64_t>(inputs));
  }

  // Appends a layer. Throws shape_error if it does not fit the width so far, value_error for a residual from a layer
  // that is not there or whose input has another width; the network is unchanged then.
  network& add(any_layer next) {
    const index_t width = std::visit([&](const auto& l) { return check(l); }, next);
    // So that nothing fails once the layer is in.
    if (widths_.size() == widths_.capacity()) widths_.reserve(2 * widths_.size());
    layers_.push_back(std::move(next));
    widths_.push_back(width);
    update_structure();
    return *this;
  }

  index_t inputs() const noexcept { return widths_.front(); }
  index_t outputs() const noexcept { return widths_.back(); }
  std::span<const any_layer> layers() const noexcept { return {layers_.data(), layers_.size()}; }

  // Features that go into layer i; at i = layers().size() those that come out of the network.
  index_t width(std::size_t i) const { return widths_.at(i); }

  // Bytes in memory that a run reads: packed weights, biases, gains.
  std::size_t bytes() const noexcept {
    std::size_t total = 0;
    for (const any_layer& l : layers_) {
      if (const auto* lin = std::get_if<linear>(&l)) total += lin->bytes();
      if (const auto* norm = std::get_if<normalization>(&l)) total += norm->bytes();
    }
    return total;
  }

  // Room for runs of up to `batch` samples: every allocation happens here. Throws value_error unless batch is at least
  // 1 and its bytes can be counted.
  pare::workspace workspace(index_t batch) const {
    const index_t most = std::numeric_limits<index_t>::max() / 8 / widest();
    detail::require<value_error>(batch >= 1 && batch <= most, "batch is ", batch, ", must be 1 to ", most);
    active_instruction_set();  // an unknown PARE_ISA is reported here, not in run
    pare::workspace room(batch, stride(*std::max_element(widths_.begin(), widths_.end())), saved_.size(), structure_);
    for (const any_layer& l : layers_)
      if (const auto* lin = std::get_if<linear>(&l)) room.inputs_.grow_for(lin->weights(), lin->input_precision());
    room.inputs_.allocate();
    return room;
  }

  // y = f(x) for x [inputs] or [inputs, batch] and y [outputs] or [outputs, batch]; any tensors, y may be x's storage.
  // Neither allocates nor locks (with `threads`, as far as that executor does not). May be called from many threads,
  // each with a workspace of its own. Throws shape_error before anything is done if the extents do not fit, or the
  // workspace was made for another network or a smaller batch; else nothing.
  template <tensor_like X, mutable_tensor Y>
  void run(const X& x, Y&& y, pare::workspace& room, executor* threads = nullptr) const {
    const auto samples = as_samples(x);
    const auto results = as_samples(y);
    detail::require_samples(samples, inputs(), results, outputs());
    require_room(samples.rows(), room);
    detail::read_samples(samples, room.current_.get(), stride(inputs()));
    run_layers(samples.rows(), room, threads, [](std::size_t) {});
    detail::write_samples(room.current_.get(), stride(outputs()), results);
  }

  // As run, but shows what there is on the way: calls visit(i, features) with what goes into layer i, in turn, and with
  // what comes out, i = layers().size(): a tensor_view<const float, 2> [width(i), batch], good until visit returns.
  template <tensor_like X, class Visit>
  void trace(const X& x, pare::workspace& room, Visit&& visit, executor* threads = nullptr) const {
    const auto samples = as_samples(x);
    detail::require_inputs(samples, inputs());
    require_room(samples.rows(), room);
    detail::read_samples(samples, room.current_.get(), stride(inputs()));
    const auto show = [&](std::size_t i) {
      visit(i, tensor_view<const float, 2>(room.current_.get(), {widths_[i], samples.rows()}, {1, stride(widths_[i])}));
    };
    run_layers(samples.rows(), room, threads, show);
    show(layers_.size());
  }

 private:
  static index_t stride(index_t width) { return detail::round_up(width, detail::lanes); }

  void require_room(index_t batch, const pare::workspace& room) const {
    detail::require<shape_error>(room.structure_ == structure_, "the workspace was made for another network");
    detail::require<shape_error>(batch <= room.batch_, "the batch is ", batch, ", the workspace has room for ",
                                 room.batch_);
  }

  // The most elements that any buffer of a workspace has per sample.
  index_t widest() const {
    index_t most = stride(*std::max_element(widths_.begin(), widths_.end()));
    for (const any_layer& l : layers_)
      if (const auto* lin = std::get_if<linear>(&l)) most = std::max(most, detail::packed_stride(lin->weights()));
    return most;
  }

  // Each returns the width behind the layer.
  index_t check(const linear& l) const {
    detail::require<shape_error>(l.inputs() == outputs(), "layer ", layers_.size(), " takes ", l.inputs(),
                                 " inputs, the network has ", outputs(), " features there");
    detail::require<shape_error>(l.outputs() >= 1, "layer ", layers_.size(), " has no outputs");
    return l.outputs();
  }
  index_t check(const activation_layer& l) const {
    detail::require<value_error>(detail::is_finite(l.alpha), "alpha is ", l.alpha, ", must be finite");
    return outputs();
  }
  index_t check(const normalization& l) const {
    detail::require<shape_error>(l.size() == outputs(), "layer ", layers_.size(), " normalizes ", l.size(),
                                 " features, the network has ", outputs(), " there");
    return outputs();
  }
  index_t check(const residual& l) const {
    detail::require<value_error>(l.from <= layers_.size(), "a residual comes from layer ", l.from, ", there are ",
                                 layers_.size());
    detail::require<shape_error>(widths_[l.from] == outputs(), "a residual adds ", widths_[l.from],
                                 " features, the network has ", outputs(), " there");
    return outputs();
  }

  void mix(std::uint64_t value) { structure_ = (structure_ ^ value) * 0x100000001b3u; }

  // Called after each layer. The structure tells workspaces of other networks apart: widths, formats and connections,
  // mixed by FNV-1a.
  void update_structure() {
    mix(layers_.back().index());
    mix(static_cast<std::uint64_t>(widths_.back()));
    if (const auto* l = std::get_if<linear>(&layers_.back())) {
      mix(static_cast<std::uint64_t>(l->weights().format().group_size));
      mix(static_cast<std::uint64_t>(detail::effective_precision(l->weights(), l->input_precision())));
    }
    if (const auto* l = std::get_if<residual>(&layers_.back())) {
      mix(l->from);
      const auto at = std::lower_bound(saved_.begin(), saved_.end(), l->from);
      if (at == saved_.end() || *at != l->from) saved_.insert(at, l->from);
    }
  }

  // Calls before(i) in front of each layer.
  template <class Before>
  void run_layers(index_t batch, pare::workspace& room, executor* threads, const Before& before) const {
    std::size_t slot = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      before(i);
      if (slot < saved_.size() && saved_[slot] == i) {
        std::copy_n(room.current_.get(), batch * stride(widths_[i]), room.saved_[slot].get());
        ++slot;
      }
      std::visit([&](const auto& l) { apply(l, i, batch, room, threads); }, layers_[i]);
    }
  }

  void apply(const linear& l, std::size_t, index_t batch, pare::workspace& room, executor* threads) const noexcept {
    detail::multiply_samples(l.weights(), l.padded_bias(), room.current_.get(), stride(l.inputs()), room.next_.get(),
                             stride(l.outputs()), batch, l.input_precision(), room.inputs_, threads);
    std::swap(room.current_, room.next_);
  }
  void apply(const activation_layer& l, std::size_t i, index_t batch, pare::workspace& room, executor*) const noexcept {
    const detail::kernel_table& kernels = detail::active_kernels();
    float* x = room.current_.get();
    if (l.function == activation::softmax)
      kernels.softmax(x, stride(widths_[i]), batch, widths_[i]);
    else
      kernels.activate(l.function, l.alpha, x, batch * stride(widths_[i]));
  }
  void apply(const normalization& l, std::size_t i, index_t batch, pare::workspace& room, executor*) const noexcept {
    detail::active_kernels().normalize(
        {room.current_.get(), stride(widths_[i]), batch, l.size(), l.padded_gain(), l.padded_shift(), l.epsilon()});
  }
  void apply(const residual& l, std::size_t i, index_t batch, pare::workspace& room, executor*) const noexcept {
    const auto slot = std::lower_bound(saved_.begin(), saved_.end(), l.from) - saved_.begin();
    detail::active_kernels().add(room.current_.get(), room.saved_[static_cast<std::size_t>(slot)].get(),
                                 batch * stride(widths_[i]));
  }

  std::vector<any_layer> layers_;
  std::vector<index_t> widths_;
  // The layers whose inputs residuals come back to, ascending; their positions are the slots of the workspace.
  std::vector<std::size_t> saved_;
  std::uint64_t structure_ = 0xcbf29ce484222325u;
};

}  // namespace pare
