//! Options of UDP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use socket2::SockRef;

use super::UdpSocket;
use crate::net::options::{ip_options, socket_options};

impl UdpSocket {
    socket_options! { |this| this.io;
        "Whether it may send to broadcast addresses (`SO_BROADCAST`).",
        broadcast / set_broadcast: bool = broadcast / set_broadcast;
        "Whether its own multicast datagrams come back to it (`IP_MULTICAST_LOOP`).",
        multicast_loop_v4 / set_multicast_loop_v4: bool = multicast_loop_v4 / set_multicast_loop_v4;
        "The time to live of its multicast datagrams (`IP_MULTICAST_TTL`).",
        multicast_ttl_v4 / set_multicast_ttl_v4: u32 = multicast_ttl_v4 / set_multicast_ttl_v4;
        "Whether its own multicast datagrams come back to it (`IPV6_MULTICAST_LOOP`).",
        multicast_loop_v6 / set_multicast_loop_v6: bool = multicast_loop_v6 / set_multicast_loop_v6;
        "The time to live of its datagrams (`IP_TTL`).",
        ttl / set_ttl: u32 = ttl / set_ttl;
    }

    ip_options! { |this| SockRef::from(this) }

    /// Joins a multicast group on the interface that has the address `interface`.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.join_multicast_v4(&group, &interface)
    }

    /// Joins a multicast group on the interface with the index `interface`.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.join_multicast_v6(group, interface)
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.leave_multicast_v4(&group, &interface)
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.leave_multicast_v6(group, interface)
    }
}
