//! Which services are counted by name. Anybody who may post can name them, so there are so many at most.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// The name by which all others are counted.
pub(super) const OTHER: &str = "other";

/// Who has been silent for this long is forgotten where others want to be counted.
const SILENT: Duration = Duration::from_secs(3600);

/// How often it is looked for who has been silent.
const ROUND: Duration = Duration::from_secs(60);

/// When something came last of each service that is counted by name.
#[derive(Debug)]
pub(super) struct Services {
    heard: HashMap<String, Instant>,
    most: usize,
    looked: Option<Instant>,
}

impl Default for Services {
    fn default() -> Self {
        Self { heard: HashMap::new(), most: 100, looked: None }
    }
}

impl Services {
    pub(super) fn limit(&mut self, most: usize) {
        self.most = most;
    }

    /// The name by which a service is counted, and those that are to be forgotten.
    pub(super) fn label(&mut self, service: &str, now: Instant) -> (String, Vec<String>) {
        let forgotten = self.forget(now);
        if let Some(heard) = self.heard.get_mut(service) {
            *heard = now;
            return (service.to_owned(), forgotten);
        }
        if self.heard.len() >= self.most {
            return (OTHER.to_owned(), forgotten);
        }
        self.heard.insert(service.to_owned(), now);
        (service.to_owned(), forgotten)
    }

    fn forget(&mut self, now: Instant) -> Vec<String> {
        if self.looked.is_some_and(|looked| now.duration_since(looked) < ROUND) {
            return Vec::new();
        }
        self.looked = Some(now);
        let silent = self.heard.extract_if(|_, heard| now.duration_since(*heard) >= SILENT);
        silent.map(|(service, _)| service).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_and_the_silent_make_room() {
        let (mut services, begin) = (Services::default(), Instant::now());
        services.limit(2);
        let mut label =
            |service: &str, minutes: u64| services.label(service, begin + Duration::from_secs(60 * minutes));
        assert_eq!(label("a", 0), ("a".to_owned(), vec![]));
        assert_eq!(label("b", 1), ("b".to_owned(), vec![]));
        assert_eq!(label("c", 2), (OTHER.to_owned(), vec![]));
        assert_eq!(label("a", 50), ("a".to_owned(), vec![]));
        assert_eq!(label("c", 62), ("c".to_owned(), vec!["b".to_owned()]));
        assert_eq!(label("b", 63), (OTHER.to_owned(), vec![]));
        assert_eq!(label("a", 64).0, "a");
    }
}
