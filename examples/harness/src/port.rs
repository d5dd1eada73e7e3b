//! Ports for parts that cannot tell which one the system has given them.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
    sync::Arc,
};

use anyhow::Result;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// A port on loopback, which is nobody else's as long as this or a clone of it is kept: a socket has it that does not
/// listen. Servers may share it with that one, since both say so (`SO_REUSEADDR`); the system gives it to nobody.
#[derive(Clone, Debug)]
pub struct Port {
    address: SocketAddr,
    _kept: Arc<OwnedFd>,
}

impl Port {
    /// Takes one.
    ///
    /// # Errors
    ///
    /// Where there is none left.
    pub fn take() -> Result<Self> {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = getsockname(&socket)?.try_into()?;
        Ok(Self { address, _kept: Arc::new(socket) })
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_server_may_listen_at_it_again_and_again_and_nobody_else_gets_it() {
        let port = Port::take().unwrap();
        assert!(TcpStream::connect(port.address()).is_err());
        for _ in 0..2 {
            let server = TcpListener::bind(port.address()).unwrap();
            drop(TcpStream::connect(port.address()).unwrap());
            drop(server);
        }
        let others: Vec<_> = (0..100).map(|_| Port::take().unwrap().address()).collect();
        assert!(!others.contains(&port.address()));
    }
}
