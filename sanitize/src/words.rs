//! Words that mean something to a rule, found in any case.

/// Words with what they mean, sorted by length.
pub(crate) struct Words<M: 'static, const LENGTHS: usize> {
    words: &'static [(&'static [u8], M)],
    /// For each length, where its words start in the table, and their first letters; the last entry is the table's end.
    by_length: [(usize, u32); LENGTHS],
}

impl<M: Copy, const LENGTHS: usize> Words<M, LENGTHS> {
    /// `LENGTHS` is two more than the longest word has letters.
    pub(crate) const fn new(words: &'static [(&'static [u8], M)]) -> Self {
        let mut by_length = [(0, 0); LENGTHS];
        let mut at = 0;
        let mut length = 0;
        while length < LENGTHS {
            by_length[length].0 = at;
            while at < words.len() && words[at].0.len() == length {
                by_length[length].1 |= 1 << (words[at].0[0] & 31);
                at += 1;
            }
            length += 1;
        }
        assert!(at == words.len(), "the words are sorted by length, and none is longer than LENGTHS says");
        Self { words, by_length }
    }

    /// What a word means, if it is one of them.
    #[inline]
    pub(crate) fn meaning(&self, word: &[u8]) -> Option<M> {
        let &(start, letters) = self.by_length[..LENGTHS - 1].get(word.len())?;
        if letters >> (word.first()? & 31) & 1 == 0 {
            return None;
        }
        self.words[start..self.by_length[word.len() + 1].0]
            .iter()
            .find(|(known, _)| word.eq_ignore_ascii_case(known))
            .map(|&(_, meaning)| meaning)
    }
}
