//! The stacks of a profile as a tree, of which the heaviest part is kept.

use indexmap::IndexMap;

/// A node by its number: 0 is the one that all stacks begin at.
pub(super) type Node = usize;

/// Stacks by what they begin with. A frame stands for whatever the caller numbers.
#[derive(Debug, Default)]
pub(super) struct StackTree {
    /// Of each but the first node, the one before it and its frame, and what all stacks through it weigh. Those before a node have
    /// lower numbers.
    nodes: IndexMap<(Node, usize), u64, foldhash::fast::RandomState>,
    samples: Vec<TreeSample>,
}

/// Where a stack ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TreeSample {
    pub(super) node: Node,
    pub(super) weight: u64,
    /// The span that it is of, by whatever number the caller gives it.
    pub(super) span: Option<usize>,
}

/// What of a tree was not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    /// How many nodes.
    pub(super) nodes: usize,
    /// What the stacks weigh together that ended on them.
    pub(super) weight: u64,
    /// What none of the nodes weighs more than.
    pub(super) heaviest: u64,
}

impl StackTree {
    /// Adds a stack, its outermost frame first.
    pub(super) fn add(&mut self, frames: impl IntoIterator<Item = usize>, weight: u64, span: Option<usize>) {
        let node = frames.into_iter().fold(0, |parent, frame| self.below(parent, frame, weight));
        self.samples.push(TreeSample { node, weight, span });
    }

    fn below(&mut self, parent: Node, frame: usize, weight: u64) -> Node {
        let entry = self.nodes.entry((parent, frame));
        let node = entry.index() + 1;
        let sum = entry.or_default();
        *sum = sum.saturating_add(weight);
        node
    }

    /// The parent and the frame of each node but the first, parents first.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (Node, usize)> + '_ {
        self.nodes.keys().copied()
    }

    pub(super) fn samples(&self) -> &[TreeSample] {
        &self.samples
    }

    /// The tree with its `most` heaviest nodes; what ended on others ends on `instead`, below the innermost one that is kept.
    pub(super) fn folded(self, most: usize, instead: usize) -> (Self, Folded) {
        let count = self.nodes.len();
        if count <= most {
            return (self, Folded::default());
        }
        // A node weighs no more than the one before it, and of two that weigh the same that one comes first: who is kept is
        // below nobody who is not.
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&place| core::cmp::Reverse(self.nodes[place]));
        let (kept, left) = order.split_at(most);
        let mut folded = Folded { nodes: left.len(), weight: 0, heaviest: self.nodes[left[0]] };
        let mut kept = kept.to_vec();
        kept.sort_unstable();

        let mut tree = Self::default();
        // By its old number, the new one of each node that is kept.
        let mut numbers: Vec<Option<Node>> = vec![None; count + 1];
        numbers[0] = Some(0);
        for place in kept {
            let Some((&(parent, frame), &weight)) = self.nodes.get_index(place) else { continue };
            numbers[place + 1] = numbers[parent].map(|parent| tree.below(parent, frame, weight));
        }
        for sample in &self.samples {
            let (outer, is_kept) = self.kept_at(sample.node, &numbers);
            let node = if is_kept { outer } else { tree.below(outer, instead, sample.weight) };
            if !is_kept {
                folded.weight = folded.weight.saturating_add(sample.weight);
            }
            tree.samples.push(TreeSample { node, ..*sample });
        }
        (tree, folded)
    }

    /// The new number of the innermost node that is kept, and whether it is this one.
    fn kept_at(&self, node: Node, numbers: &[Option<Node>]) -> (Node, bool) {
        let mut at = node;
        loop {
            if let Some(number) = numbers[at] {
                return (number, at == node);
            }
            at = self.nodes.get_index(at - 1).map_or(0, |(&(parent, _), _)| parent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where stacks end, and what they weigh.
    fn ends(tree: &StackTree) -> Vec<(Node, u64)> {
        tree.samples().iter().map(|sample| (sample.node, sample.weight)).collect()
    }

    #[test]
    fn stacks_that_begin_alike_share_their_beginning() {
        let mut tree = StackTree::default();
        tree.add([7, 8, 9], 5, None);
        tree.add([7, 8], 3, None);
        tree.add([8], 1, None);
        assert_eq!(tree.nodes().collect::<Vec<_>>(), [(0, 7), (1, 8), (2, 9), (0, 8)]);
        assert_eq!(ends(&tree), [(3, 5), (2, 3), (4, 1)]);
    }

    #[test]
    fn the_lightest_are_folded_below_those_that_called_them() {
        let mut tree = StackTree::default();
        tree.add([1, 2, 3], 1, None);
        tree.add([1, 2, 4], 10, None);
        tree.add([1, 5, 6], 2, None);
        tree.add([9, 9], 1, None);
        let (tree, folded) = tree.folded(3, 0);
        assert_eq!(folded, Folded { nodes: 5, weight: 4, heaviest: 2 });
        assert_eq!(
            tree.nodes().collect::<Vec<_>>(),
            [(0, 1), (1, 2), (2, 4), (2, 0), (1, 0), (0, 0)],
            "what was kept, and what stands for the rest"
        );
        assert_eq!(ends(&tree), [(4, 1), (3, 10), (5, 2), (6, 1)]);
    }

    #[test]
    fn of_what_weighs_the_same_callers_are_kept() {
        let mut tree = StackTree::default();
        for leaf in 0..100 {
            tree.add([1000, 1001, leaf, leaf], 1, None);
        }
        let (folded_tree, folded) = tree.folded(10, 5000);
        assert_eq!((folded.nodes, folded.heaviest), (192, 1));
        assert!(folded_tree.nodes().zip(1..).all(|((parent, _), node)| parent < node));
        assert_eq!(ends(&folded_tree).iter().map(|&(_, weight)| weight).sum::<u64>(), 100);
    }
}
