//! Which span is which operation's, where several would do.

/// For each wanted one the one that it gets, so that as many as possible get one: Kuhn's algorithm. `fits` lists for
/// each wanted one those that would do.
pub(crate) fn assign(fits: &[Vec<usize>], count: usize) -> Vec<Option<usize>> {
    let mut owners = vec![None; count];
    for wanted in 0..fits.len() {
        find(wanted, fits, &mut owners, &mut vec![false; count]);
    }
    let mut assigned = vec![None; fits.len()];
    for (index, owner) in owners.iter().enumerate() {
        if let Some(owner) = *owner {
            assigned[owner] = Some(index);
        }
    }
    assigned
}

/// Finds one that is free, or that its owner can do without.
fn find(wanted: usize, fits: &[Vec<usize>], owners: &mut [Option<usize>], is_tried: &mut [bool]) -> bool {
    for &index in &fits[wanted] {
        if core::mem::replace(&mut is_tried[index], true) {
            continue;
        }
        if owners[index].is_none_or(|owner| find(owner, fits, owners, is_tried)) {
            owners[index] = Some(wanted);
            return true;
        }
    }
    false
}

#[test]
fn as_many_as_possible_get_one() {
    assert_eq!(assign(&[vec![0, 1], vec![0], vec![1, 2]], 3), [Some(1), Some(0), Some(2)]);
    assert_eq!(assign(&[vec![0], vec![0], vec![]], 1).iter().flatten().count(), 1);
}
