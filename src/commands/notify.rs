//! Telling the service manager that the exporter is ready, and that it stops (`sd_notify`).

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;

use tracing::debug;

use crate::config::Environment;

/// The socket of the service manager, where there is one.
#[derive(Debug)]
pub(super) struct Manager(Option<UnixDatagram>);

impl Manager {
    /// Connects to the socket that `NOTIFY_SOCKET` names. Without one, or with one that is gone, nobody is told:
    /// serving matters more.
    pub(super) fn of(env: &dyn Environment) -> Manager {
        let name = env.variable("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let connected = name.map(|name| connect(&name)).transpose();
        Manager(connected.unwrap_or_else(|error| {
            debug!(%error, "cannot reach the service manager");
            None
        }))
    }

    /// All addresses are bound and reading has begun.
    pub(super) fn ready(&self) {
        self.say("READY=1");
    }

    /// The exporter is about to end.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, state: &str) {
        if let Some(Err(error)) = self.0.as_ref().map(|socket| socket.send(state.as_bytes())) {
            debug!(%error, state, "cannot tell the service manager");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // A manager that does not listen must not hold anything up.
    socket.set_nonblocking(true)?;
    match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt as _;
            socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)?;
        }
        _ => socket.connect(name)?,
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_manager_hears_of_the_start_and_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listening = UnixDatagram::bind(&path).unwrap();
        let env = BTreeMap::from([("NOTIFY_SOCKET".to_owned(), path.to_str().unwrap().to_owned())]);
        let manager = Manager::of(&env);
        manager.ready();
        manager.stopping();
        let hear = || {
            let mut heard = [0; 64];
            let length = listening.recv(&mut heard).unwrap();
            String::from_utf8(heard[..length].to_vec()).unwrap()
        };
        assert_eq!([hear(), hear()], ["READY=1", "STOPPING=1"]);
    }

    #[test]
    fn without_a_manager_nobody_is_told_and_nothing_fails() {
        for name in ["", "/nowhere/notify", "@nobody listens here"] {
            let manager = Manager::of(&BTreeMap::from([("NOTIFY_SOCKET".to_owned(), name.to_owned())]));
            assert!(manager.0.is_none(), "{name:?}");
            manager.ready();
        }
    }
}
