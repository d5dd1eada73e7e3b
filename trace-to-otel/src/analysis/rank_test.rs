//! Whether the values of one sample are greater than those of another, by their ranks.

/// What a test of ranks has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RankTest {
    /// How likely it is that a value of the second sample is greater than one of the first, where half of equal ones count.
    pub(super) superiority: f64,
    /// How likely it is to be so far from one half by chance alone, if both are of one kind.
    pub(super) p_value: f64,
}

impl RankTest {
    /// Mann and Whitney's test of two samples, each in order, by the normal distribution, with what ties take away (Mann, Whitney: "On a
    /// test of whether one of two random variables is stochastically larger than the other", 1947; Lehmann: "Nonparametrics", 1.2).
    pub(super) fn of(first: &[u64], second: &[u64]) -> Self {
        let (first_count, second_count) = (first.len() as f64, second.len() as f64);
        let pairs = first_count * second_count;
        if pairs == 0.0 {
            return Self { superiority: 0.5, p_value: 1.0 };
        }
        let (greater, ties) = compare(first, second);
        let all = first_count + second_count;
        let variance = pairs / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)).max(1.0));
        // Half a pair less, as counts go in steps.
        let distance = ((greater - pairs / 2.0).abs() - 0.5).max(0.0);
        let p_value =
            if distance > 0.0 && variance > 0.0 { two_tails(distance / variance.sqrt()) } else { 1.0 };
        Self { superiority: greater / pairs, p_value }
    }
}

/// In how many pairs the second is greater, half of those that are equal included; and the sum of `t³ - t` over all runs of `t`
/// equal values.
fn compare(first: &[u64], second: &[u64]) -> (f64, f64) {
    let (mut greater, mut ties) = (0.0, 0.0);
    let (mut below, mut place) = (0, 0);
    while place < second.len() {
        let value = second[place];
        let equal = second[place..].iter().take_while(|&&other| other == value).count();
        below += first[below..].iter().take_while(|&&other| other < value).count();
        let equal_first = first[below..].iter().take_while(|&&other| other == value).count();
        greater += equal as f64 * (below as f64 + equal_first as f64 / 2.0);
        ties += cubed_less_one((equal + equal_first) as f64);
        place += equal;
    }
    // Those of the first that no other one equals are among themselves.
    let mut rest = first;
    while let Some(&value) = rest.first() {
        let equal = rest.iter().take_while(|&&other| other == value).count();
        if second.binary_search(&value).is_err() {
            ties += cubed_less_one(equal as f64);
        }
        rest = &rest[equal..];
    }
    (greater, ties)
}

fn cubed_less_one(count: f64) -> f64 {
    count.powi(3) - count
}

/// How likely a normal variable is to be that far from its mean, in standard deviations, on either side: `erfc(z / √2)`, by a series of
/// Chebyshev whose relative error is below 1.2e-7 everywhere (Press et al.: "Numerical Recipes", 6.2).
fn two_tails(deviations: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let distance = deviations.abs() / core::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + distance / 2.0);
    let series = COEFFICIENTS.into_iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    t * (series - distance * distance).exp()
}

/// The values that hold where so many tests are made, in the same order (Holm: "A simple sequentially rejective multiple test
/// procedure", 1979).
pub(super) fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&one, &other| p_values[one].total_cmp(&p_values[other]));
    let (mut adjusted, mut least) = (vec![1.0; p_values.len()], 0.0_f64);
    for (place, &index) in order.iter().enumerate() {
        least = least.max(p_values[index] * (p_values.len() - place) as f64).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_normal_distribution() {
        for (deviations, tails) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.959_964, 0.05), (5.0, 5.733_031e-7)] {
            assert!(
                (two_tails(deviations) / tails - 1.0).abs() < 1e-5,
                "{deviations}: {}",
                two_tails(deviations)
            );
        }
    }

    #[test]
    fn ranks_tell_samples_apart() {
        // Figures by hand: of 16 pairs 13 are greater and one is equal.
        let (first, second) = ([1, 2, 3, 6], [3, 7, 8, 9]);
        let found = RankTest::of(&first, &second);
        assert!((found.superiority - 14.5 / 16.0).abs() < 1e-12, "{found:?}");
        // sqrt(16 / 12 × (9 - 6 / 56)) = 3.4434; (14.5 - 8 - 0.5) / 3.4434 = 1.7425
        assert!((found.p_value - 0.081_4).abs() < 1e-3, "{found:?}");
        let back = RankTest::of(&second, &first);
        assert!((back.superiority + found.superiority - 1.0).abs() < 1e-12 && back.p_value == found.p_value);
        let same: Vec<u64> = (0..1_000).collect();
        assert_eq!(RankTest::of(&same, &same), RankTest { superiority: 0.5, p_value: 1.0 });
        assert_eq!(RankTest::of(&[5; 50], &[5; 50]), RankTest { superiority: 0.5, p_value: 1.0 });
        assert_eq!(RankTest::of(&[], &[5]).p_value, 1.0);
        let slower: Vec<u64> = same.iter().map(|value| value + 200).collect();
        assert!(RankTest::of(&same, &slower).p_value < 1e-9);
    }

    #[test]
    fn many_tests_need_more() {
        assert_eq!(adjusted(&[0.01, 0.04, 0.03, 0.9]), [0.04, 0.09, 0.09, 0.9]);
        assert!(adjusted(&[]).is_empty());
    }
}
