//! Medians and how sure they are.

/// The median; of an even number of values, the mean of the middle two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The interval that holds the population's median with a confidence of at least 95 %, from order
/// statistics: the number of values below the median is binomial with p = 1/2, whatever the
/// distribution (Conover, "Practical Nonparametric Statistics", 1999, §3.2). With fewer than six
/// values there is none that sure, and it spans all of them.
pub fn median_interval(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n == 0 {
        return (f64::NAN, f64::NAN);
    }
    // The largest k with P(fewer than k values below the median) ≤ 2.5 %.
    let mut probability = 0.5f64.powi(n as i32);
    let mut below = 0.0;
    let mut k = 0;
    while k < n / 2 && below + probability <= 0.025 {
        below += probability;
        probability *= (n - k) as f64 / (k + 1) as f64;
        k += 1;
    }
    let low = k.saturating_sub(1);
    (sorted[low], sorted[n - 1 - low])
}

pub fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), v| (sum + v.ln(), count + 1));
    (sum / f64::from(count)).exp()
}
