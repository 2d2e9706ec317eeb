//! Tasks as a tree: each below the one that spawned it, as far as both are known.
//!
//! The order among brothers and among those without a known parent is the one that the rows came
//! in, which is the server's.

use std::collections::{HashMap, HashSet};

/// Deeper tasks are indented no further.
const MAX_DEPTH: u16 = 16;

/// Rows in the order of a tree, and how deep each is. `rows` are ids and their parents.
pub(crate) fn arrange(rows: &[(u64, Option<u64>)]) -> Vec<(u64, u16)> {
    let known: HashSet<u64> = rows.iter().map(|(id, _)| *id).collect();
    let mut children: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut roots = Vec::new();
    for &(id, parent) in rows {
        match parent.filter(|parent| known.contains(parent) && *parent != id) {
            Some(parent) => children.entry(parent).or_default().push(id),
            None => roots.push(id),
        }
    }
    let mut arranged = Vec::with_capacity(rows.len());
    let mut open: Vec<(u64, u16)> = roots.into_iter().rev().map(|id| (id, 0)).collect();
    while let Some((id, depth)) = open.pop() {
        arranged.push((id, depth));
        let below = children.remove(&id).unwrap_or_default();
        let depth = depth.saturating_add(1).min(MAX_DEPTH);
        open.extend(below.into_iter().rev().map(|child| (child, depth)));
    }
    // What a server says may go round in a circle: nothing in it has been reached.
    let mut left: HashSet<u64> = children.into_values().flatten().collect();
    let circle = rows.iter().filter(|(id, _)| left.remove(id));
    arranged.extend(circle.map(|(id, _)| (*id, 0)));
    arranged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_follow_their_parent_in_the_order_they_came() {
        let rows = [
            (5, Some(2)),
            (1, None),
            (2, Some(1)),
            (9, Some(77)),
            (4, Some(1)),
            (3, Some(2)),
        ];
        assert_eq!(
            arrange(&rows),
            [(1, 0), (2, 1), (5, 2), (3, 2), (4, 1), (9, 0)]
        );
    }

    #[test]
    fn no_row_is_lost_to_a_circle_or_an_abyss() {
        let circle = [(1, Some(2)), (2, Some(1)), (3, Some(3)), (4, Some(1))];
        let mut ids: Vec<u64> = arrange(&circle).into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4]);
        let chain: Vec<_> = (1..=1_000).map(|id| (id, Some(id - 1))).collect();
        let arranged = arrange(&chain);
        assert_eq!(arranged.len(), 1_000);
        assert_eq!(arranged[999], (1_000, MAX_DEPTH));
    }
}
