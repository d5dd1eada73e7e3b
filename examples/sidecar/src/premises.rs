//! What outlives a change of the settings.

use std::{
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
    listeners: Mutex<Vec<Listener>>,
}

/// What is listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Push,
    Telemetry,
}

/// A socket that is listened at.
#[derive(Debug)]
struct Listener {
    purpose: Purpose,
    /// As the settings name it: port 0 is one that the system chooses, for each purpose another one.
    address: SocketAddr,
    socket: TcpListener,
}

impl Listener {
    /// Has a socket listen, and tells where: only the system knows what it has chosen.
    fn bind(purpose: Purpose, address: SocketAddr) -> Result<Self> {
        let socket = TcpListener::bind(address).with_context(|| format!("listening at {address}"))?;
        socket.set_nonblocking(true)?;
        tracing::info!(purpose = ?purpose, address = %socket.local_addr()?, "listening");
        Ok(Self { purpose, address, socket })
    }

    fn is_for(&self, purpose: Purpose, address: SocketAddr) -> bool {
        self.address == address && (address.port() != 0 || self.purpose == purpose)
    }
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
    pub(crate) fn listen(&self, purpose: Purpose, address: SocketAddr) -> Result<tokio::net::TcpListener> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = match listeners.iter().find(|listener| listener.is_for(purpose, address)) {
            Some(listener) => listener.socket.try_clone()?,
            None => {
                let listener = Listener::bind(purpose, address)?;
                let copy = listener.socket.try_clone()?;
                listeners.push(listener);
                copy
            }
        };
        Ok(tokio::net::TcpListener::from_std(copy)?)
    }

    /// Listens no longer but for these.
    pub(crate) fn keep_listening(&self, wanted: &[(Purpose, SocketAddr)]) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| wanted.iter().any(|&(purpose, at)| listener.is_for(purpose, at)));
    }
}
