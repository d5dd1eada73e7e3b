//! Which CPUs the parts run on, so that what is measured is not what its neighbours leave to it.

use anyhow::{Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// One CPU for the service, and the others for all that is around it. On a machine that has only one, they share it.
///
/// Until it is dropped, this thread, and with it all that it starts, has the others.
pub(crate) struct Division {
    whole: CpuSet,
    service: CpuSet,
    others: CpuSet,
}

impl Division {
    pub(crate) fn new() -> Result<Self> {
        let whole = sched_getaffinity(None)?;
        let allowed: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&cpu| whole.is_set(cpu)).collect();
        ensure!(!allowed.is_empty(), "no CPU is allowed");
        let (first, rest) = allowed.split_at(1);
        let others = set(if rest.is_empty() { first } else { rest });
        sched_setaffinity(None, &others)?;
        Ok(Self { whole, service: set(first), others })
    }

    /// Whether the service has a CPU of its own.
    pub(crate) fn is_apart(&self) -> bool {
        self.service != self.others
    }

    /// Starts something on the CPU of the service: a process, or a thread, has the CPUs of the thread that starts it.
    pub(crate) fn start_service<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        sched_setaffinity(None, &self.service)?;
        let started = start();
        sched_setaffinity(None, &self.others)?;
        started
    }
}

impl Drop for Division {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = sched_setaffinity(None, &self.whole);
    }
}

fn set(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|&cpu| set.set(cpu));
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_has_one_and_this_thread_the_others_until_the_end() {
        let before = sched_getaffinity(None).unwrap();
        let division = Division::new().unwrap();
        let others = sched_getaffinity(None).unwrap();
        let service = division.start_service(|| Ok(sched_getaffinity(None)?)).unwrap();
        assert_eq!(service.count(), 1);
        assert_eq!(sched_getaffinity(None).unwrap(), others);
        assert_eq!(division.is_apart(), service != others);
        assert_eq!(others.count() + u32::from(division.is_apart()), before.count());
        drop(division);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
