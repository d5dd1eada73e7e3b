//! What outlives a change of the settings.

use std::{
    collections::HashMap,
    fs::DirBuilder,
    net::{SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result};

use crate::{
    config::Config, inbox::Inbox, quarantine::Quarantine, source, spool::Spool, store::Store,
    telemetry::Telemetry, work::Heard,
};

/// Makes a folder, unless it is there, that only this user can look into.
pub(crate) fn create_private(folder: &Path) -> Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.with_context(|| folder.display().to_string())
}

/// The state, what waits, and the addresses that are listened at.
#[derive(Debug)]
pub(crate) struct Premises {
    pub(crate) directory: PathBuf,
    pub(crate) store: Arc<Store>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) telemetry: Telemetry,
    listeners: Mutex<HashMap<SocketAddr, TcpListener>>,
}

impl Premises {
    /// Opens what is in a directory. Only this user can look into it: traces hold what is sanitized on its way out only.
    pub(crate) fn open(directory: &Path, config: &Config, telemetry: Telemetry) -> Result<Self> {
        create_private(directory)?;
        // First of all: whoever finds it in use has to leave everything else alone.
        let store = Arc::new(Store::open(directory)?);
        let inbox = Arc::new(Inbox::default());
        let most = config.file.quarantine.max_bytes.as_u64();
        let quarantine = Arc::new(Quarantine::open(directory.join("quarantine"), most, telemetry.clone())?);
        let spool = Spool::open(
            directory.join("spool"),
            config.file.spool.clone(),
            Arc::clone(&inbox),
            Arc::clone(&quarantine),
            telemetry.clone(),
        )?;
        Ok(Self {
            directory: directory.to_owned(),
            store,
            inbox,
            spool: Arc::new(spool),
            quarantine,
            heard: Arc::default(),
            telemetry,
            listeners: Mutex::default(),
        })
    }

    /// Takes standard input in, traces of a stream of `most` bytes each. Where `is_all`, nothing else will come.
    pub(crate) fn read_standard_input(&self, most: u64, is_all: bool) -> Result<()> {
        let (spool, inbox) = (Arc::clone(&self.spool), Arc::clone(&self.inbox));
        let take_in = move || {
            source::standard_input(&spool, most);
            if is_all {
                inbox.close();
            }
        };
        thread::Builder::new().name("stdin".to_owned()).spawn(take_in)?;
        Ok(())
    }

    /// Listens at an address. The one who did so with the earlier settings hands over: whoever connects meanwhile, waits.
    pub(crate) fn listen(&self, address: SocketAddr) -> Result<tokio::net::TcpListener> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = match listeners.remove(&address) {
            Some(listener) => listener,
            None => TcpListener::bind(address).with_context(|| format!("listening at {address}"))?,
        };
        let copy = listener.try_clone()?;
        copy.set_nonblocking(true)?;
        listeners.insert(address, listener);
        Ok(tokio::net::TcpListener::from_std(copy)?)
    }

    /// Listens no longer where nobody of `addresses` is.
    pub(crate) fn keep_listening(&self, addresses: &[SocketAddr]) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|address, _| addresses.contains(address));
    }
}
