//! Sockets, from addresses in the style of Go or from the service manager.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;

use super::ServerError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds each address: `host:port`, or `:port` for every interface, IPv6 and IPv4 alike. Port 0 is any.
///
/// To be called inside a tokio runtime.
pub fn bind(addresses: &[String]) -> Result<Vec<TcpListener>, ServerError> {
    addresses.iter().map(|address| bind_one(address)).collect()
}

/// Takes over the sockets that the service manager passed (`LISTEN_FDS`); none is an error.
pub fn from_systemd() -> Result<Vec<TcpListener>, ServerError> {
    let mut passed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let usable = |listener: std::net::TcpListener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let listener = passed.take_tcp_listener(index).and_then(|taken| taken.map(usable).transpose());
        listeners.extend(listener.map_err(|source| ServerError::Socket { index, source })?);
    }
    if listeners.is_empty() { Err(ServerError::NoSockets) } else { Ok(listeners) }
}

fn bind_one(address: &str) -> Result<TcpListener, ServerError> {
    let (host, port) = address.rsplit_once(':').ok_or_else(|| ServerError::Address(address.to_owned()))?;
    let port: u16 = port.parse().map_err(|_| ServerError::Address(address.to_owned()))?;
    let failed = |source| ServerError::Bind { address: address.to_owned(), source };
    if host.is_empty() {
        // A machine without IPv6 still has IPv4.
        return listen(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
            .or_else(|error| match error.kind() {
                std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => Err(error),
                _ => listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
            })
            .map_err(failed);
    }
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs().map_err(failed)? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // Elsewhere the option would let two processes share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_form_of_address_is_bound() {
        for address in [":0", "127.0.0.1:0", "localhost:0", "[::]:0"] {
            let listeners = bind(&[address.to_owned()]).unwrap();
            let port = listeners[0].local_addr().unwrap().port();
            assert_ne!(port, 0, "{address}");
            if address != "[::]:0" {
                tokio::net::TcpStream::connect(("localhost", port)).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_bad_or_taken_address_is_named() {
        for address in ["", "10465", "localhost:http", ":99999"] {
            let error = bind(&[address.to_owned()]).unwrap_err();
            assert!(matches!(&error, ServerError::Address(named) if named == address), "{error}");
        }
        let taken = bind(&["127.0.0.1:0".to_owned()]).unwrap();
        let address = taken[0].local_addr().unwrap().to_string();
        let error = bind(std::slice::from_ref(&address)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    }
}
