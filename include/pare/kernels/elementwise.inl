// Activations: polynomials in the words of the vocabulary, since C libraries differ in their last bits. Bounds stand
// first in min and max, so that NaN goes through.

// 2^n for integers n in [-126, 127], from the exponent's bits.
PARE_INLINE f32x16 power_of_two(const i32x16& n) { return as_float(shift_left<23>(add(n, splat_int(127)))); }

// x = n ln 2 + r with |r| <= ln 2 / 2, and e^r - 1.
struct reduced_exponential {
  f32x16 n;
  f32x16 fraction;  // e^r - 1
};

// Cody and Waite's reduction and the polynomial of Cephes' expf (Moshier), below 2 ulp.
PARE_INLINE reduced_exponential reduce_exponential(const f32x16& x) {
  // NaN counts as a number here, since its conversion is undefined, and comes back by way of x.
  const f32x16 n = to_float(to_int(max(min(mul(x, splat(1.44269504f)), splat(130)), splat(-155))));
  f32x16 r = fma(n, splat(-0.693359375f), x);
  r = fma(n, splat(2.12194440e-4f), r);
  f32x16 p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  return {n, fma(mul(r, r), p, r)};
}

// e^x; 0 below -104, infinite above 88.73. The power of two is applied in halves to reach subnormals and infinity.
PARE_INLINE f32x16 exponential(const f32x16& x) {
  const f32x16 bounded = max(splat(-104.0f), min(splat(89.0f), x));
  const reduced_exponential e = reduce_exponential(bounded);
  const f32x16 half = to_float(to_int(mul(e.n, splat(0.5f))));
  const f32x16 scaled = mul(add(e.fraction, splat(1)), power_of_two(to_int(half)));
  return mul(scaled, power_of_two(to_int(sub(e.n, half))));
}

// e^x - 1 without cancellation, for x <= 0: 2^n (e^r - 1) + (2^n - 1).
PARE_INLINE f32x16 exponential_minus_one(const f32x16& x) {
  const reduced_exponential e = reduce_exponential(max(splat(-80.0f), x));
  const f32x16 scale = power_of_two(to_int(e.n));
  return fma(scale, e.fraction, sub(scale, splat(1)));
}

PARE_INLINE f32x16 negate(const f32x16& x) { return sub(splat(0), x); }
PARE_INLINE f32x16 magnitude(const f32x16& x) { return as_float(bit_and(as_int(x), splat_int(0x7fffffff))); }

PARE_INLINE f32x16 sigmoid(const f32x16& x) { return div(splat(1), add(splat(1), exponential(negate(x)))); }

// For t = e^(-2|x|) - 1: tanh |x| = -t / (t + 2).
PARE_INLINE f32x16 hyperbolic_tangent(const f32x16& x) {
  const f32x16 t = exponential_minus_one(mul(magnitude(x), splat(-2)));
  const f32x16 positive = div(negate(t), add(t, splat(2)));
  return select_less(x, splat(0), negate(positive), positive);
}

// erfc(z) for z >= 0, relative error below 1.2e-7 before rounding (Press et al., Numerical Recipes, erfcc): with
// t = 1 / (1 + z / 2), t e^(-z^2 + P(t)).
PARE_INLINE f32x16 complementary_error_function(const f32x16& z) {
  const f32x16 t = div(splat(1), fma(z, splat(0.5f), splat(1)));
  f32x16 p = splat(0.17087277f);
  p = fma(p, t, splat(-0.82215223f));
  p = fma(p, t, splat(1.48851587f));
  p = fma(p, t, splat(-1.13520398f));
  p = fma(p, t, splat(0.27886807f));
  p = fma(p, t, splat(-0.18628806f));
  p = fma(p, t, splat(0.09678418f));
  p = fma(p, t, splat(0.37409196f));
  p = fma(p, t, splat(1.00002368f));
  p = fma(p, t, splat(-1.26551223f));
  return mul(t, exponential(fma(negate(z), z, p)));
}

// x Phi(x), where Phi(x) = erfc(-x / sqrt 2) / 2, and for x > 0 the complement of its mirror image.
PARE_INLINE f32x16 gelu(const f32x16& x) {
  const f32x16 z = min(splat(14.0f), mul(magnitude(x), splat(0.707106781f)));
  const f32x16 tail = mul(complementary_error_function(z), splat(0.5f));
  return mul(x, select_less(splat(0), x, sub(splat(1), tail), tail));
}

PARE_INLINE f32x16 gelu_tanh(const f32x16& x) {
  const f32x16 cubic = fma(mul(mul(x, x), x), splat(0.044715f), x);
  const f32x16 t = hyperbolic_tangent(mul(cubic, splat(0.797884561f)));
  return mul(mul(x, splat(0.5f)), add(t, splat(1)));
}

PARE_INLINE f32x16 hard_swish(const f32x16& x) {
  const f32x16 gate = fma(x, splat(0.166666672f), splat(0.5f));
  return mul(x, max(splat(0), min(splat(1), gate)));
}

PARE_INLINE f32x16 activated(activation function, const f32x16& x, const f32x16& slope) {
  const f32x16 zero = splat(0);
  switch (function) {
    case activation::relu: return max(zero, x);
    case activation::leaky_relu: return select_less(zero, x, x, mul(x, slope));
    case activation::elu: return select_less(zero, x, x, mul(exponential_minus_one(min(zero, x)), slope));
    case activation::gelu: return gelu(x);
    case activation::gelu_tanh: return gelu_tanh(x);
    case activation::silu: return mul(x, sigmoid(x));
    case activation::sigmoid: return sigmoid(x);
    case activation::tanh: return hyperbolic_tangent(x);
    case activation::hard_swish: return hard_swish(x);
    case activation::identity:
    case activation::softmax: break;
  }
  return x;
}

inline void activate(activation function, float alpha, float* x, index_t count) noexcept {
  const f32x16 slope = splat(alpha);
  for (index_t i = 0; i < count; i += 16) store(x + i, activated(function, load(x + i), slope));
}

inline float largest_of(const f32x16& v) {
  float lane[16];
  store(lane, v);
  float most = lane[0];
  for (const float x : lane) most = x > most ? x : most;
  return most;
}

inline void softmax(float* x, index_t stride, index_t samples, index_t n) noexcept {
  constexpr float lowest = std::bit_cast<float>(0xff800000u);  // minus infinity, whose e^x is 0
  for (float* end = x + samples * stride; x != end; x += stride) {
    f32x16 most = splat(lowest);
    for (index_t i = 0; i < n; i += 16) most = max(load_first(x + i, n - i, lowest), most);
    const f32x16 shift = splat(largest_of(most));
    f32x16 sums = splat(0);
    for (index_t i = 0; i < n; i += 16) {
      const f32x16 e = exponential(sub(load_first(x + i, n - i, lowest), shift));
      store(x + i, e);
      sums = add(sums, e);
    }
    const f32x16 total = splat(fold(sums));
    for (index_t i = 0; i < n; i += 16) store(x + i, div(load(x + i), total));
  }
}

inline void add(float* x, const float* y, index_t count) noexcept {
  for (index_t i = 0; i < count; i += 16) store(x + i, add(load(x + i), load(y + i)));
}

inline void normalize(const normalize_arguments& a) noexcept {
  const float count = static_cast<float>(a.n);
  for (index_t sample = 0; sample < a.samples; ++sample) {
    float* x = a.x + sample * a.stride;
    f32x16 mean = splat(0);
    if (a.shift != nullptr) {
      f32x16 sums = splat(0);
      for (index_t i = 0; i < a.n; i += 16) sums = add(sums, load_first(x + i, a.n - i, 0));
      mean = splat(fold(sums) / count);
    }
    // Lanes beyond n hold the mean, so that they add nothing.
    float mean_lanes[16];
    store(mean_lanes, mean);
    f32x16 squares = splat(0);
    for (index_t i = 0; i < a.n; i += 16) {
      const f32x16 difference = sub(load_first(x + i, a.n - i, mean_lanes[0]), mean);
      squares = fma(difference, difference, squares);
    }
    const f32x16 factor = splat(1.0f / __builtin_sqrtf(fold(squares) / count + a.epsilon));
    for (index_t i = 0; i < a.n; i += 16) {
      const f32x16 scaled = mul(sub(load(x + i), mean), factor);
      const f32x16 shift = a.shift != nullptr ? load(a.shift + i) : splat(0);
      store(x + i, fma(scaled, load(a.gain + i), shift));
    }
  }
}
