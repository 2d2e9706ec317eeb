//! What figures amount to, and whether they are within their limits.

#![expect(clippy::print_stdout, reason = "for programs that talk to their user")]

/// Prints a figure with its limit. True: it is not exceeded.
#[must_use]
pub fn within(what: &str, figure: f64, limit: f64) -> bool {
    let is_within = figure <= limit;
    let word = if is_within { "ok" } else { "EXCEEDED" };
    println!("{what}: {figure:.3}, at most {limit}: {word}");
    is_within
}

/// The one in the middle; of none, not a number.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The figure with something, of that without, from phases that take turns: the median ratio and its
/// standard error. Each phase with it is compared with the two around it: what changes steadily is in
/// neither.
#[must_use]
pub fn of_that_without(phases: &[(bool, f64)]) -> (f64, f64) {
    let of_pair = |around: &[(bool, f64)]| match around {
        [(_, before), (true, with), (_, after)] => Some(with / ((before + after) / 2.0)),
        _ => None,
    };
    let ratios: Vec<f64> = phases.windows(3).filter_map(of_pair).collect();
    let ratio = median(ratios.clone());
    let apart = median(ratios.iter().map(|r| (r - ratio).abs()).collect());
    (ratio, 1.86 * apart / (ratios.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn what_changes_steadily_is_no_difference() {
        let drifting: Vec<_> = (0..9).map(|i| (i % 2 == 1, 100.0 + f64::from(i))).collect();
        assert_eq!(of_that_without(&drifting), (1.0, 0.0));
    }

    #[test]
    fn what_costs_a_tenth_is_found() {
        let phases: Vec<_> = (0..9)
            .map(|i| (i % 2 == 1, if i % 2 == 1 { 110.0 } else { 100.0 }))
            .collect();
        let (ratio, error) = of_that_without(&phases);
        assert!(
            (ratio - 1.1).abs() < 1e-9 && error < 1e-9,
            "{ratio} {error}"
        );
    }
}
